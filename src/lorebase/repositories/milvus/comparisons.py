"""Typed comparisons of one field as conditions, with the meaning of missing values that filters promise."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lorebase.repositories.milvus.conditions import (
    ALWAYS,
    NEVER,
    ArrayEmpty,
    ArrayHas,
    AtLeast,
    Comparison,
    Condition,
    Constant,
    Exists,
    Field,
    Like,
    Negation,
    OneOf,
    Scalar,
    Unknown,
    all_of,
    any_of,
)
from lorebase.schemas.filters import (
    BooleanFilter,
    DateTimeFilter,
    FloatFilter,
    IdFilter,
    IntFilter,
    StringFilter,
    StringListFilter,
)
from lorebase.schemas.metadata import milliseconds

RANGES = (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<="))
_INT64 = 2**63 - 1
_WILDCARDS = re.compile(r"[%_\\]")


@dataclass(frozen=True)
class Column:
    """A column whose value may be missing; `missing` is what then stands there."""

    field: Field
    missing: Scalar | None = None

    @property
    def present(self) -> Condition:
        """When there is a value."""
        if self.field.key is not None:
            return Exists(self.field)
        return ALWAYS if self.missing is None else Negation(Comparison(self.field, "==", self.missing))

    def compared(self, operator: str, value: Scalar) -> Condition:
        """The comparison where there is a value, false where there is none."""
        # The stand-in of a missing value cannot be told from a value that looks like it.
        if operator == "==" and value == self.missing:
            return Unknown()
        return all_of([self.present, Comparison(self.field, operator, value)])

    def one_of(self, values: Iterable[Scalar]) -> Condition:
        """Equal to one of the values; Lite takes `in` for whole columns only."""
        known = tuple(dict.fromkeys(values))
        if self.field.key is not None or self.missing in known:
            return any_of(self.compared("==", value) for value in known)
        return OneOf(self.field, known) if known else NEVER


@dataclass(frozen=True)
class TextColumn:
    """A text and its casefolded mirror."""

    exact: Column
    folded: Field


def null(present: Condition, wanted: bool | None) -> list[Condition]:
    """`is_null`."""
    return [] if wanted is None else [Negation(present) if wanted else present]


def text(column: TextColumn, given: StringFilter) -> Condition:
    """Text comparison."""
    parts = null(column.exact.present, given.is_null)
    if given.eq is not None:
        parts.append(column.exact.compared("==", given.eq))
    if given.neq is not None:
        parts.append(Negation(column.exact.compared("==", given.neq)))
    if given.in_ is not None:
        parts.append(column.exact.one_of(given.in_))
    if given.nin is not None:
        parts.append(Negation(column.exact.one_of(given.nin)))
    if given.contains is not None:
        parts.append(_matching(column, "%", given.contains))
    if given.starts_with is not None:
        parts.append(_matching(column, "", given.starts_with))
    return all_of(parts)


def _matching(column: TextColumn, before: str, wanted: str) -> Condition:
    folded = wanted.casefold()
    if not folded:
        return column.exact.present
    # Escapes in patterns differ between Milvus versions; `_` stands for any character, so nothing is lost.
    match = Like(column.folded, f"{before}{_WILDCARDS.sub('_', folded)}%")
    exact = _WILDCARDS.search(folded) is None
    return all_of([column.exact.present, match if exact else AtLeast(match)])


def identifier(field: Field, given: IdFilter) -> Condition:
    """Comparison of ids."""
    column = Column(field)
    parts: list[Condition] = []
    if given.eq is not None:
        parts.append(column.compared("==", given.eq.hex))
    if given.neq is not None:
        parts.append(Negation(column.compared("==", given.neq.hex)))
    if given.in_ is not None:
        parts.append(column.one_of(value.hex for value in given.in_))
    if given.nin is not None:
        parts.append(Negation(column.one_of(value.hex for value in given.nin)))
    return all_of(parts)


def number(column: Column, given: IntFilter | FloatFilter) -> Condition:
    """Number comparison."""
    parts = null(column.present, given.is_null)
    if given.eq is not None:
        parts.append(column.compared("==", _fitting(given.eq)))
    if given.neq is not None:
        parts.append(Negation(column.compared("==", _fitting(given.neq))))
    if isinstance(given, IntFilter) and given.in_ is not None:
        parts.append(column.one_of(map(_fitting, given.in_)))
    if isinstance(given, IntFilter) and given.nin is not None:
        parts.append(Negation(column.one_of(map(_fitting, given.nin))))
    return all_of([*parts, *_ranges(column, given)])


def time(column: Column, given: DateTimeFilter) -> Condition:
    """Time comparison, in whole milliseconds."""
    parts = null(column.present, given.is_null)
    if given.eq is not None:
        parts.append(column.compared("==", milliseconds(given.eq)))
    for name, operator in RANGES:
        moment = getattr(given, name)
        if moment is not None:
            parts.append(column.compared(operator, milliseconds(moment)))
    return all_of(parts)


def truth(column: Column, given: BooleanFilter) -> Condition:
    """Truth-value comparison."""
    parts = null(column.present, given.is_null)
    if given.eq is not None:
        parts.append(column.compared("==", given.eq))
    return all_of(parts)


def texts(field: Field, given: StringListFilter) -> Condition:
    """Comparison of a list, which is empty when missing."""
    empty: Condition = ArrayEmpty(field) if field.key is None else Negation(Exists(field))
    parts = null(Negation(empty), given.is_null)
    if given.has_any is not None:
        parts.append(_holding(field, given.has_any, every=False))
    if given.has_all is not None:
        parts.append(_holding(field, given.has_all, every=True))
    if given.has_none is not None:
        parts.append(Negation(_holding(field, given.has_none, every=False)))
    return all_of(parts)


def _holding(field: Field, values: tuple[str, ...], *, every: bool) -> Condition:
    if not values:
        return Constant(every)
    holds = ArrayHas(field, tuple(dict.fromkeys(values)), every)
    return holds if field.key is None else all_of([Exists(field), holds])


def _ranges(column: Column, given: IntFilter | FloatFilter) -> list[Condition]:
    operands = ((operator, getattr(given, name)) for name, operator in RANGES)
    return [
        column.compared(operator, _fitting(operand)) for operator, operand in operands if operand is not None
    ]


def _fitting(value: float) -> float:
    return max(-_INT64, min(_INT64, value)) if isinstance(value, int) else value
