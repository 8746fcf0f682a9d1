"""Reads `--filter` expressions into the API's typed SearchFilter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from lorebase.cli.connection.responses import Json
from lorebase.cli.errors import UsageFailed
from lorebase.cli.search_filter_values import (
    Expression,
    listed,
    numbers,
    texts,
    times,
    truths,
    whole_numbers,
)

_EXPRESSION = re.compile(
    r"(?P<name>[A-Za-z][\w.-]*)\s*(?P<operator>!=|>=|<=|[=~:<>])(?P<value>.*)", re.DOTALL
)
_METADATA = "metadata."
_ON_DOCUMENTS: Mapping[str, Callable[[Expression], Json]] = {
    "title": texts,
    "mediaType": texts,
    "language": texts,
    "tags": listed,
    "createdAt": times,
    "updatedAt": times,
}
_ON_PASSAGES: Mapping[str, Callable[[Expression], Json]] = {
    "page": whole_numbers,
    "chunkTokens": whole_numbers,
    "section": texts,
}
_ON_METADATA: Mapping[str, tuple[str, Callable[[Expression], Json]]] = {
    "STRING": ("string", texts),
    "NUMBER": ("number", numbers),
    "BOOLEAN": ("boolean", truths),
    "DATE_TIME": ("dateTime", times),
    "STRING_LIST": ("stringList", listed),
}
HELP = (
    "Such as tags:python, mediaType=text/html, title~asyncio, createdAt>=2026-01-01, page<=3, section~Intro "
    "or metadata.author=Ada; several must all hold."
)


def names_metadata(expressions: Sequence[str]) -> bool:
    """Whether an expression needs the types of declared metadata."""
    return any(expression.strip().startswith(_METADATA) for expression in expressions)


def search_filter(expressions: Sequence[str], metadata_types: Mapping[str, str]) -> Json | None:
    """A SearchFilter that demands every expression; None without any. UsageFailed says what is wrong.

    `metadata_types` holds the type of each declared path, such as `{"author": "STRING"}`.
    """
    parts = [_condition(_taken_apart(expression), metadata_types) for expression in expressions]
    return {"and": parts} if parts else None


def _taken_apart(text: str) -> Expression:
    match = _EXPRESSION.fullmatch(text.strip())
    if match is None:
        raise UsageFailed(f"The filter {text!r} is not understood. {HELP}")
    return Expression(text, match["name"], match["operator"], match["value"].strip())


def _condition(given: Expression, metadata_types: Mapping[str, str]) -> Json:
    name = "tags" if given.name == "tag" else given.name
    if name in _ON_DOCUMENTS:
        return {"document": {name: _ON_DOCUMENTS[name](given)}}
    if name in _ON_PASSAGES:
        return {name: _ON_PASSAGES[name](given)}
    if name.startswith(_METADATA):
        return {"document": {"metadata": [_metadata(given, name.removeprefix(_METADATA), metadata_types)]}}
    raise UsageFailed(f"There is no field {name!r} to filter by. {HELP}")


def _metadata(given: Expression, path: str, types: Mapping[str, str]) -> Json:
    kind = types.get(path)
    if kind is None:
        declared = ", ".join(sorted(types)) or "none"
        raise UsageFailed(f"The knowledge base declares no metadata field {path!r} (declared: {declared}).")
    if kind not in _ON_METADATA:
        raise given.refused(f"is about a field of the type {kind}, which this version does not know.")
    member, read = _ON_METADATA[kind]
    return {"path": path, "value": {member: read(given)}}
