"""Reads the retrieval profiles that operators declare in a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from lorebase.core.errors import Permanent
from lorebase.schemas.retrieval_profiles import RetrievalProfile

SETTING = "LOREBASE_RETRIEVAL_PROFILES"
_Tables = TypeAdapter(dict[str, list[dict[str, JsonValue]]])
_SPELLED_SMALL = ("mode", "expansion")


def read_profiles(path: Path | None) -> tuple[RetrievalProfile, ...]:
    """The profiles of the file, one a table `[[profile]]`; none without a file.

    Permanent, naming the profile and the key that is wrong, for a file that is missing or not understood.
    """
    if path is None:
        return ()
    try:
        tables = _Tables.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Permanent(f"{SETTING}: {path} cannot be read: {error}") from error
    except ValidationError as error:
        raise Permanent(f"{SETTING}: {path} holds something else than tables [[profile]].") from error
    if strange := sorted(tables.keys() - {"profile"}):
        raise Permanent(f"{SETTING}: {path} holds {', '.join(strange)}; it may hold tables [[profile]] only.")
    given = tables.get("profile", [])
    return tuple(_profile(path, place, table) for place, table in enumerate(given, start=1))


def _profile(path: Path, place: int, table: dict[str, JsonValue]) -> RetrievalProfile:
    try:
        return RetrievalProfile.model_validate({key: _spelled(key, value) for key, value in table.items()})
    except ValidationError as error:
        found = error.errors()[0]
        where = ".".join(map(str, found["loc"])) or "the whole"
        name = table.get("name", "without a name")
        message = f"{SETTING}: {path}: profile {place} ({name}): {where}: {found['msg']}"
        raise Permanent(message) from error


def _spelled(key: str, value: JsonValue) -> JsonValue:
    """The value as schemas spell it: `multi-query` is MULTI_QUERY."""
    if key in _SPELLED_SMALL and isinstance(value, str):
        return value.upper().replace("-", "_")
    return value
