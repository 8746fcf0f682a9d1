"""How a declared metadata path is read from a document's metadata, everywhere the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

_SHORTEST_DATE = len("2026-01-01")


def value_at(metadata: Mapping[str, JsonValue], path: str) -> JsonValue:
    """The value below a dotted path, or None. A key that is the whole path counts when nesting finds none."""
    value: JsonValue = dict(metadata)
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return metadata.get(path) if value is None else value


def leaves(metadata: Mapping[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    """Every dotted path to a value that is not an object, each once, as `value_at` would find it."""
    seen: set[str] = set()
    for path in _paths(metadata, ""):
        if path not in seen:
            seen.add(path)
            yield path, value_at(metadata, path)


def _paths(metadata: Mapping[str, JsonValue], prefix: str) -> Iterator[str]:
    for key, value in metadata.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _paths(value, f"{path}.")
        else:
            yield path


def as_number(value: JsonValue) -> float | int | None:
    """A number as it is; None for anything else, truth values too."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def as_text(value: JsonValue) -> str | None:
    """A text as it is; None for anything else."""
    return value if isinstance(value, str) else None


def as_texts(value: JsonValue) -> tuple[str, ...]:
    """The texts of a list; empty for anything else."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def as_milliseconds(value: JsonValue) -> int | None:
    """A date or time in ISO 8601 as milliseconds since 1970, UTC where it names no zone; None otherwise."""
    if not isinstance(value, str) or len(value) < _SHORTEST_DATE or not value[:4].isdigit():
        return None
    try:
        return milliseconds(datetime.fromisoformat(value))
    except ValueError:
        return None


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970, rounded down; a naive moment is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    elapsed = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return elapsed.days * 86_400_000 + elapsed.seconds * 1000 + elapsed.microseconds // 1000
