"""Conditions on rows as a small algebra, and how what cannot be evaluated widens them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Field:
    """A column, or one key of a JSON column."""

    column: str
    key: str | None = None


@dataclass(frozen=True)
class Comparison:
    """`field operator value`, true or false for every row where the field is present."""

    field: Field
    operator: str
    value: Scalar


@dataclass(frozen=True)
class OneOf:
    """The column's value is in the list, which is never empty."""

    field: Field
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Like:
    """The column matches a pattern of `%` and `_`."""

    field: Field
    pattern: str


@dataclass(frozen=True)
class Exists:
    """The key is present in the JSON column."""

    field: Field


@dataclass(frozen=True)
class ArrayHas:
    """The array holds any, or all, of the values, which are never none."""

    field: Field
    values: tuple[str, ...]
    every: bool


@dataclass(frozen=True)
class ArrayEmpty:
    """The array column holds nothing."""

    field: Field


Test = Comparison | OneOf | Like | Exists | ArrayHas | ArrayEmpty


@dataclass(frozen=True)
class Constant:
    """The same for every row."""

    holds: bool


@dataclass(frozen=True)
class Unknown:
    """Milvus cannot evaluate it; others will."""


@dataclass(frozen=True)
class AtLeast:
    """True wherever the real condition is, and perhaps elsewhere."""

    condition: Condition


@dataclass(frozen=True)
class Negation:
    """The complement."""

    condition: Condition


@dataclass(frozen=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]


Condition = Test | Constant | Unknown | AtLeast | Negation | AllOf | AnyOf

ALWAYS = Constant(True)
NEVER = Constant(False)


def all_of(parts: Iterable[Condition]) -> Condition:
    """A conjunction, simplified; of nothing it always holds."""
    return _joined(AllOf, tuple(parts), neutral=ALWAYS, absorbing=NEVER)


def any_of(parts: Iterable[Condition]) -> Condition:
    """A disjunction, simplified; of nothing it never holds."""
    return _joined(AnyOf, tuple(parts), neutral=NEVER, absorbing=ALWAYS)


def _joined(
    join: type[AllOf] | type[AnyOf], parts: tuple[Condition, ...], *, neutral: Constant, absorbing: Constant
) -> Condition:
    if absorbing in parts:
        return absorbing
    kept = tuple(part for part in dict.fromkeys(parts) if part != neutral)
    if not kept:
        return neutral
    return kept[0] if len(kept) == 1 else join(kept)


def widened(condition: Condition, *, negated: bool = False) -> Condition:
    """The narrowest condition without Unknown and AtLeast that holds wherever the given one (negated) may.

    Negations are driven down to the tests, for what is unknown is unknown under `not` as well.
    """
    match condition:
        case Constant(holds):
            return Constant(holds != negated)
        case Unknown():
            return ALWAYS
        case AtLeast(inner):
            return ALWAYS if negated else widened(inner)
        case Negation(inner):
            return widened(inner, negated=not negated)
        case AllOf(parts) | AnyOf(parts):
            join = all_of if isinstance(condition, AllOf) != negated else any_of
            return join(widened(part, negated=negated) for part in parts)
        case _:
            return Negation(condition) if negated else condition


def is_exact(condition: Condition) -> bool:
    """Whether nothing in it has to be widened."""
    match condition:
        case Unknown() | AtLeast():
            return False
        case Negation(inner):
            return is_exact(inner)
        case AllOf(parts) | AnyOf(parts):
            return all(is_exact(part) for part in parts)
        case _:
            return True
