"""JSON and JSON Lines: every value on a line of its own behind the path to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import orjson

from lorebase.clients.parsing.block_writer import BlockWriter
from lorebase.clients.parsing.cleaning import check_length, clean, one_line
from lorebase.clients.parsing.decoding import decode
from lorebase.clients.parsing.extraction import Extraction, Limits

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JSON_INVALID = "JSON_INVALID"
_PATH_LIMIT = 160


def parse_json(content: bytes, limits: Limits) -> Extraction:
    """Lines of `path: value`, one paragraph an object of the outermost list; empty values are left out.

    What is not strict JSON (comments, half a file, nested past 1,000 levels) is kept as text, with a warning.
    """
    decoded, warnings = decode(content)
    text = clean(decoded)
    values = _values(text)
    if values is None:
        check_length(len(text), limits.max_characters)
        return Extraction(text, warnings=[*warnings, JSON_INVALID])
    writer = BlockWriter(limits.max_characters)
    for value in values:
        writer.separate(2)
        _render(writer, value)
    extraction = writer.finish()
    extraction.warnings = warnings
    extraction.title = _title(values)
    return extraction


def _values(text: str) -> list[Json] | None:
    try:
        whole: Json = orjson.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except orjson.JSONDecodeError:
        return _lines(line for line in text.split("\n") if line.strip())


def _lines(lines: Iterable[str]) -> list[Json] | None:
    values: list[Json] = []
    try:
        for line in lines:
            values.append(orjson.loads(line))
    except orjson.JSONDecodeError:
        return None
    return values


def _title(values: list[Json]) -> str | None:
    if len(values) != 1 or not isinstance(values[0], dict):
        return None
    for key in ("title", "name"):
        named = values[0].get(key)
        if isinstance(named, str):
            return one_line(named) or None
    return None


def _render(writer: BlockWriter, value: Json) -> None:
    waiting: list[tuple[str, Json]] = [("", value)]
    while waiting:
        path, current = waiting.pop()
        if isinstance(current, dict):
            waiting.extend((_below(path, key), item) for key, item in reversed(current.items()))
        elif isinstance(current, list) and not _is_flat(current):
            waiting.extend((f"{path}[{place}]", item) for place, item in _numbered_backwards(current))
        else:
            _write(writer, path, current)


def _numbered_backwards(items: list[Json]) -> Iterable[tuple[int, Json]]:
    return ((place, items[place]) for place in range(len(items) - 1, -1, -1))


def _is_flat(items: list[Json]) -> bool:
    return not any(isinstance(item, (dict, list)) for item in items)


def _below(path: str, key: str) -> str:
    whole = f"{path}.{one_line(key, _PATH_LIMIT)}" if path else one_line(key, _PATH_LIMIT)
    # Long paths repeated on every line would let a small file make a huge text.
    return whole if len(whole) <= _PATH_LIMIT else "…" + whole[-_PATH_LIMIT:]


def _write(writer: BlockWriter, path: str, value: Json) -> None:
    shown = _shown(value)
    if not shown.strip():
        return
    writer.separate(1)
    writer.verbatim(f"{path}: {shown}" if path else shown)


def _shown(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_shown, value)))
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
