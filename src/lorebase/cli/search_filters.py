"""Reads `--filter` expressions into the API's typed SearchFilter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lorebase.cli.errors import CommandFailed

Json = dict[str, Any]

_EXPRESSION = re.compile(r"^(?P<name>[A-Za-z][\w.]*)(?P<operator>!=|>=|<=|[=~:<>])(?P<value>.*)$", re.DOTALL)
_COMPARISONS = {"=": "eq", "!=": "neq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "~": "contains"}
_TEXTS = {"title", "mediaType", "language"}
_TIMES = {"createdAt", "updatedAt"}
_NUMBERS = {"page", "chunkTokens"}
_METADATA_INPUTS = {
    "STRING": "string",
    "NUMBER": "number",
    "BOOLEAN": "boolean",
    "DATE_TIME": "dateTime",
    "STRING_LIST": "stringList",
}
HELP = (
    "Such as tags:python, mediaType=text/html, title~asyncio, createdAt>=2026-01-01, page<=3, section~Intro "
    "or metadata.author=Ada; several must all hold."
)


def search_filter(expressions: Sequence[str], metadata_types: Mapping[str, str]) -> Json | None:
    """A SearchFilter that demands every expression; None without any. CommandFailed says what is wrong."""
    parts = [_condition(expression, metadata_types) for expression in expressions]
    return {"and": parts} if parts else None


def _condition(expression: str, metadata_types: Mapping[str, str]) -> Json:
    match = _EXPRESSION.match(expression.strip())
    if match is None:
        raise CommandFailed(f"The filter {expression!r} is not understood. {HELP}")
    name, operator, value = match["name"], match["operator"], match["value"].strip()
    if name in ("tags", "tag"):
        return {"document": {"tags": _listed(expression, operator, value)}}
    if name.startswith("metadata."):
        return {"document": {"metadata": [_metadata(expression, name[9:], operator, value, metadata_types)]}}
    if name in _TEXTS:
        return {"document": {name: _text(expression, operator, value)}}
    if name in _TIMES:
        return {"document": {name: {_ordered(expression, operator): _time(expression, value)}}}
    if name in _NUMBERS:
        return {name: {_ordered(expression, operator): int(_number(expression, value))}}
    if name == "section":
        return {name: _text(expression, operator, value)}
    raise CommandFailed(f"There is no field {name!r} to filter by. {HELP}")


def _metadata(expression: str, path: str, operator: str, value: str, types: Mapping[str, str]) -> Json:
    kind = types.get(path)
    if kind is None:
        declared = ", ".join(sorted(types)) or "none"
        raise CommandFailed(f"The knowledge base declares no metadata field {path!r} (declared: {declared}).")
    comparisons: Json
    if kind == "STRING":
        comparisons = _text(expression, operator, value)
    elif kind == "NUMBER":
        comparisons = {_compared(expression, operator): _number(expression, value)}
    elif kind == "DATE_TIME":
        comparisons = {_ordered(expression, operator): _time(expression, value)}
    elif kind == "BOOLEAN":
        comparisons = {"eq": _truth(expression, operator, value)}
    else:
        comparisons = _listed(expression, operator, value)
    return {"path": path, "value": {_METADATA_INPUTS[kind]: comparisons}}


def _listed(expression: str, operator: str, value: str) -> Json:
    values = [part.strip() for part in value.split(",") if part.strip()]
    if operator not in (":", "=", "!=") or not values:
        raise CommandFailed(f"The filter {expression!r} needs the form tags:one,two or tags!=one.")
    return {"hasNone" if operator == "!=" else "hasAll": values}


def _text(expression: str, operator: str, value: str) -> Json:
    comparison = _COMPARISONS.get("~" if operator == ":" else operator)
    if comparison not in ("eq", "neq", "contains"):
        raise CommandFailed(f"The filter {expression!r} compares text: use =, != or ~.")
    return {comparison: value}


def _compared(expression: str, operator: str) -> str:
    comparison = _COMPARISONS.get("=" if operator == ":" else operator)
    if comparison in (None, "contains"):
        raise CommandFailed(f"The filter {expression!r} compares values: use =, !=, <, <=, > or >=.")
    return comparison


def _ordered(expression: str, operator: str) -> str:
    comparison = _compared(expression, operator)
    if comparison == "neq":
        raise CommandFailed(f"The filter {expression!r} cannot use !=.")
    return comparison


def _number(expression: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise CommandFailed(f"The filter {expression!r} needs a number.") from error


def _time(expression: str, value: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise CommandFailed(
            f"The filter {expression!r} needs a date or time such as 2026-01-31 or 2026-01-31T12:00:00Z."
        ) from error
    return moment.isoformat() if moment.tzinfo else f"{moment.isoformat()}Z"


def _truth(expression: str, operator: str, value: str) -> bool:
    if operator not in ("=", ":") or value.lower() not in ("true", "false"):
        raise CommandFailed(f"The filter {expression!r} needs =true or =false.")
    return value.lower() == "true"
