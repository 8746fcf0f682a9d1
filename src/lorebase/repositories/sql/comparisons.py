"""Typed comparisons of one column as SQL that is true or false, never null; operands are bind parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Numeric,
    Text,
    Uuid,
    any_,
    false,
    func,
    literal,
    not_,
    true,
)
from sqlalchemy.types import DateTime, TypeEngine

from lorebase.repositories.sql.search_keys import exact_decimal, fold
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

Condition = ColumnElement[bool]

_LARGEST = 2**63 - 1
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Operand:
    """A column or expression and how operands are bound to compare with it."""

    value: ColumnElement[Any]
    type: TypeEngine[Any]
    bind: Callable[[Any], Any] = lambda operand: operand
    nullable: bool = True

    def holds(self, comparison: Condition) -> Condition:
        """The comparison, false where there is no value: null would escape `not`."""
        return func.coalesce(comparison, false()) if self.nullable else comparison

    def bound(self, operand: Any) -> ColumnElement[Any]:
        """The operand as a bind parameter."""
        return literal(self.bind(operand), self.type)

    def equals(self, operand: Any) -> Condition:
        """Equal to the operand."""
        return self.holds(self.value == self.bound(operand))

    def one_of(self, operands: Sequence[Any]) -> Condition:
        """Equal to one of the operands: an array, so that their number does not change the statement."""
        values = [self.bind(operand) for operand in operands]
        return self.holds(self.value == any_(literal(values, ARRAY(self.type))))

    def null(self, wanted: bool | None) -> list[Condition]:
        """`is_null`."""
        if wanted is None:
            return []
        return [self.value.is_(None) if wanted else self.value.is_not(None)]


@dataclass(frozen=True, slots=True)
class TextOperand:
    """A text and its case-folded key, which `contains` and `starts_with` read."""

    exact: Operand
    folded: ColumnElement[Any]


def text_operand(value: ColumnElement[Any], folded: ColumnElement[Any], *, nullable: bool) -> TextOperand:
    """A text column and its folded key."""
    return TextOperand(Operand(value, Text(), nullable=nullable), folded)


def text(operand: TextOperand, given: StringFilter) -> list[Condition]:
    """Text comparison. Parts are found by strpos and starts_with, which know no wildcards to escape."""
    exact = operand.exact
    parts = exact.null(given.is_null) + _equalities(exact, given)
    if given.contains is not None:
        parts.append(exact.holds(func.strpos(operand.folded, exact.bound(fold(given.contains))) > 0))
    if given.starts_with is not None:
        parts.append(exact.holds(func.starts_with(operand.folded, exact.bound(fold(given.starts_with)))))
    return parts


def _equalities(operand: Operand, given: StringFilter | IdFilter | IntFilter) -> list[Condition]:
    parts: list[Condition] = []
    if given.eq is not None:
        parts.append(operand.equals(given.eq))
    if given.neq is not None:
        parts.append(not_(operand.equals(given.neq)))
    if given.in_ is not None:
        parts.append(operand.one_of(given.in_))
    if given.nin is not None:
        parts.append(not_(operand.one_of(given.nin)))
    return parts


def identifier(value: ColumnElement[UUID], given: IdFilter) -> list[Condition]:
    """Comparison of ids, which are never missing."""
    return _equalities(Operand(value, Uuid(), nullable=False), given)


def whole_number(value: ColumnElement[Any], given: IntFilter) -> list[Condition]:
    """Whole-number comparison; an operand out of range stands beyond every number."""
    operand = Operand(value, BigInteger(), lambda number: max(-_LARGEST - 1, min(_LARGEST, number)))
    return operand.null(given.is_null) + _equalities(operand, given) + _ranges(operand, given)


def number(value: ColumnElement[Any], given: FloatFilter) -> list[Condition]:
    """Number comparison, exact."""
    operand = Operand(value, Numeric(), exact_decimal)
    parts = operand.null(given.is_null) + _ranges(operand, given)
    if given.eq is not None:
        parts.append(operand.equals(given.eq))
    if given.neq is not None:
        parts.append(not_(operand.equals(given.neq)))
    return parts


def _ranges(operand: Operand, given: IntFilter | FloatFilter | DateTimeFilter) -> list[Condition]:
    value, parts = operand.value, []
    if given.gt is not None:
        parts.append(operand.holds(value > operand.bound(given.gt)))
    if given.gte is not None:
        parts.append(operand.holds(value >= operand.bound(given.gte)))
    if given.lt is not None:
        parts.append(operand.holds(value < operand.bound(given.lt)))
    if given.lte is not None:
        parts.append(operand.holds(value <= operand.bound(given.lte)))
    return parts


def milliseconds_time(value: ColumnElement[Any], given: DateTimeFilter) -> list[Condition]:
    """Comparison of a time kept as whole milliseconds since 1970."""
    operand = Operand(value, BigInteger(), milliseconds)
    equal = [] if given.eq is None else [operand.equals(given.eq)]
    return operand.null(given.is_null) + equal + _ranges(operand, given)


def time(value: ColumnElement[Any], given: DateTimeFilter) -> list[Condition]:
    """Comparison of a time that is never missing, to the millisecond, in a form that an index can serve."""
    parts = Operand(value, DateTime(timezone=True), nullable=False).null(given.is_null)
    if given.eq is not None:
        parts += [value >= _start(given.eq), value < _end(given.eq)]
    if given.gt is not None:
        parts.append(value >= _end(given.gt))
    if given.gte is not None:
        parts.append(value >= _start(given.gte))
    if given.lt is not None:
        parts.append(value < _start(given.lt))
    if given.lte is not None:
        parts.append(value < _end(given.lte))
    return parts


def _start(moment: datetime) -> ColumnElement[Any]:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = aware.replace(microsecond=aware.microsecond // 1000 * 1000)
    return literal(whole, DateTime(timezone=True))


def _end(moment: datetime) -> ColumnElement[Any]:
    # Added by the database: Python's calendar ends with the year 9999.
    return _start(moment) + literal(_MILLISECOND)


def truth(value: ColumnElement[Any], given: BooleanFilter) -> list[Condition]:
    """Truth-value comparison."""
    operand = Operand(value, value.type)
    return operand.null(given.is_null) + ([] if given.eq is None else [operand.equals(given.eq)])


@dataclass(frozen=True, slots=True)
class ListOperand:
    """A list of texts with the operators of its type for sharing an element and for holding all."""

    value: ColumnElement[Any]
    is_empty: Condition
    any_operator: str
    all_operator: str


def texts(operand: ListOperand, given: StringListFilter) -> list[Condition]:
    """Comparison of a list of texts; a missing list is an empty one."""
    parts: list[Condition] = []
    if given.is_null is not None:
        parts.append(operand.is_empty if given.is_null else not_(operand.is_empty))
    if given.has_any is not None:
        parts.append(_holding(operand, operand.any_operator, given.has_any))
    if given.has_all is not None:
        parts.append(_holding(operand, operand.all_operator, given.has_all) if given.has_all else true())
    if given.has_none is not None:
        parts.append(not_(_holding(operand, operand.any_operator, given.has_none)))
    return parts


def _holding(operand: ListOperand, operator: str, values: Sequence[str]) -> Condition:
    wanted = literal(list(values), ARRAY(Text()))
    return func.coalesce(operand.value.bool_op(operator)(wanted), false())
