"""What a filter may ask: how deep, how much, of which metadata, with which values."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lorebase.core.config import ContentSettings
from lorebase.core.errors import BadInput
from lorebase.schemas.base import Value
from lorebase.schemas.filters import (
    ConversationFilter,
    DocumentFilter,
    JobFilter,
    MetadataFilter,
    MetadataValueFilter,
    SearchFilter,
)
from lorebase.schemas.knowledge_bases import MetadataField, MetadataFieldType

Filter = SearchFilter | DocumentFilter | JobFilter | ConversationFilter

LIST_MAXIMUM = 1000
TEXT_MAXIMUM = 2000

_GROUPS = (SearchFilter, DocumentFilter, JobFilter, ConversationFilter)
_NAMES = {
    "boolean": MetadataFieldType.BOOLEAN,
    "date_time": MetadataFieldType.DATE_TIME,
    "number": MetadataFieldType.NUMBER,
    "string": MetadataFieldType.STRING,
    "string_list": MetadataFieldType.STRING_LIST,
}


@dataclass(frozen=True)
class _Operand:
    """A value to compare with, and where it stands."""

    path: list[str]
    value: object


def validate(
    given: Filter, metadata_fields: Sequence[MetadataField], settings: ContentSettings, at: Sequence[str] = ()
) -> None:
    """Raises BadInput, with the path of the offender below `at`, for the first rule that is broken.

    With several knowledge bases, `metadata_fields` are those of all: a path must be declared in one of them.
    """
    start = list(at) or ["filter"]
    _check_depth(given, start, settings.filter_max_depth)
    operands = list(_operands(given, start, metadata_fields))
    if len(operands) > settings.filter_max_conditions:
        message = f"A filter may hold at most {settings.filter_max_conditions} conditions."
        raise BadInput(message, field=start)
    for operand in operands:
        _check_operand(operand)


def _check_depth(given: Filter, path: list[str], levels: int) -> None:
    if levels < 1:
        raise BadInput("The filter is nested too deeply.", field=path)
    for name, part in _nested(given):
        _check_depth(part, [*path, *name], levels - 1)
    if isinstance(given, SearchFilter) and given.document is not None:
        _check_depth(given.document, [*path, "document"], levels)


def _nested(given: Filter) -> Iterator[tuple[list[str], Filter]]:
    groups: tuple[tuple[str, tuple[Filter, ...] | None], ...] = (("and", given.and_), ("or", given.or_))
    for name, parts in groups:
        for index, part in enumerate(parts or ()):
            yield [name, str(index)], part
    if given.not_ is not None:
        yield ["not"], given.not_


def _operands(given: Filter, path: list[str], fields: Sequence[MetadataField]) -> Iterator[_Operand]:
    for steps, part in _nested(given):
        yield from _operands(part, [*path, *steps], fields)
    for name, value in _given(given, leaving_out=("and_", "or_", "not_")):
        here = [*path, _shown(name)]
        if isinstance(value, _GROUPS):
            yield from _operands(value, here, fields)
        elif isinstance(value, Value):
            yield from _compared(value, here)
        elif isinstance(value, tuple):
            yield from _metadata_operands(value, here, fields)
        else:
            yield _Operand(here, value)


def _metadata_operands(
    conditions: Iterable[MetadataFilter], path: list[str], fields: Sequence[MetadataField]
) -> Iterator[_Operand]:
    for index, condition in enumerate(conditions):
        here = [*path, str(index)]
        _check_declared(condition, here, fields)
        for name, comparison in _given(condition.value):
            assert isinstance(comparison, Value)
            yield from _compared(comparison, [*here, "value", _shown(name)])


def _check_declared(condition: MetadataFilter, path: list[str], fields: Sequence[MetadataField]) -> None:
    declared = {field.type for field in fields if field.path == condition.path}
    if not declared:
        raise BadInput("The knowledge base declares no metadata field with this path.", field=[*path, "path"])
    if _type_of(condition.value) not in declared:
        raise BadInput("The metadata field is declared with another type.", field=[*path, "value"])


def _type_of(value: MetadataValueFilter) -> MetadataFieldType:
    return next(_NAMES[name] for name, _ in _given(value))


def _compared(comparison: Value, path: list[str]) -> Iterator[_Operand]:
    """The operands of a comparison; an empty one counts as a condition too."""
    operands = [_Operand([*path, _shown(name)], value) for name, value in _given(comparison)]
    return iter(operands or [_Operand(path, None)])


def _check_operand(operand: _Operand) -> None:
    values = operand.value if isinstance(operand.value, tuple) else (operand.value,)
    if len(values) > LIST_MAXIMUM:
        raise BadInput(f"A list may hold at most {LIST_MAXIMUM} values.", field=operand.path)
    for value in values:
        if isinstance(value, str):
            _check_text(value, operand.path)
        elif isinstance(value, float) and not math.isfinite(value):
            raise BadInput("Numbers must be finite.", field=operand.path)


def _check_text(text: str, path: list[str]) -> None:
    if len(text) > TEXT_MAXIMUM:
        raise BadInput(f"A text may have at most {TEXT_MAXIMUM} characters.", field=path)
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise BadInput("A text may not hold control characters.", field=path)


def _given(value: Value, leaving_out: Sequence[str] = ()) -> Iterator[tuple[str, object]]:
    for name in type(value).model_fields:
        given: object = getattr(value, name)
        if given is not None and name not in leaving_out:
            yield name, given


def _shown(name: str) -> str:
    """The name in GraphQL."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(map(str.capitalize, rest))
