"""Reads the values of `--filter` expressions: numbers, times and truth values, each with its comparisons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from lorebase.cli.connection.responses import Json
from lorebase.cli.errors import UsageFailed

COMPARISONS = {"=": "eq", "!=": "neq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "~": "contains"}
# The range of GraphQL's Int.
LARGEST_WHOLE = 2**31 - 1


@dataclass(frozen=True)
class Expression:
    """One `--filter` argument, taken apart; `text` is the whole of it, for messages."""

    text: str
    name: str
    operator: str
    value: str

    def refused(self, why: str) -> UsageFailed:
        """The error to raise: it names the expression."""
        return UsageFailed(f"The filter {self.text!r} {why}")


def listed(given: Expression) -> Json:
    """A StringListFilter: all of the values, or none of them."""
    values = [part.strip() for part in given.value.split(",") if part.strip()]
    if given.operator not in (":", "=", "!=") or not values:
        raise given.refused("needs the form tags:one,two or tags!=one.")
    return {"hasNone" if given.operator == "!=" else "hasAll": values}


def texts(given: Expression) -> Json:
    """A StringFilter; `:` means the same as `~`."""
    comparison = COMPARISONS.get("~" if given.operator == ":" else given.operator)
    if comparison not in ("eq", "neq", "contains"):
        raise given.refused("compares text: use =, != or ~.")
    return {comparison: given.value}


def numbers(given: Expression) -> Json:
    """A FloatFilter."""
    return {_compared(given): _number(given)}


def whole_numbers(given: Expression) -> Json:
    """An IntFilter."""
    comparison, number = _compared(given), _number(given)
    if not number.is_integer() or abs(number) > LARGEST_WHOLE:
        raise given.refused("needs a whole number.")
    return {comparison: int(number)}


def times(given: Expression) -> Json:
    """A DateTimeFilter; a date without a time stands for the whole of that day, in UTC."""
    comparison = _compared(given)
    if comparison == "neq":
        raise given.refused("cannot use !=.")
    try:
        day = date.fromisoformat(given.value)
    except ValueError:
        return {comparison: _stamp(_moment(given))}
    return _within_days(given, comparison, day)


def truths(given: Expression) -> Json:
    """A BooleanFilter."""
    if given.operator not in ("=", ":") or given.value.lower() not in ("true", "false"):
        raise given.refused("needs =true or =false.")
    return {"eq": given.value.lower() == "true"}


def _within_days(given: Expression, comparison: str, day: date) -> Json:
    try:
        start = datetime.combine(day, time(), UTC)
        end = start + timedelta(days=1)
    except OverflowError as error:
        raise given.refused("needs an earlier date.") from error
    return {
        "eq": {"gte": _stamp(start), "lt": _stamp(end)},
        "gt": {"gte": _stamp(end)},
        "gte": {"gte": _stamp(start)},
        "lt": {"lt": _stamp(start)},
        "lte": {"lt": _stamp(end)},
    }[comparison]


def _compared(given: Expression) -> str:
    comparison = COMPARISONS.get("=" if given.operator == ":" else given.operator)
    if comparison in (None, "contains"):
        raise given.refused("compares values: use =, !=, <, <=, > or >=.")
    return comparison


def _number(given: Expression) -> float:
    try:
        number = float(given.value)
    except ValueError as error:
        raise given.refused("needs a number.") from error
    if not math.isfinite(number):
        raise given.refused("needs a finite number.")
    return number


def _moment(given: Expression) -> datetime:
    try:
        moment = datetime.fromisoformat(given.value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise given.refused("needs a date or time such as 2026-01-31 or 2026-01-31T12:00:00Z.") from error


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
