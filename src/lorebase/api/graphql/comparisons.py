"""Inputs that compare one value: the leaves of every filter."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import strawberry
from strawberry import UNSET

from lorebase.api.graphql.enums import DocumentStatus, JobStatus
from lorebase.schemas import filters as values
from lorebase.schemas.base import Value

SUFFIX = "All given operators must hold; an empty object matches everything."


def operand(description: str, name: str | None = None) -> Any:
    """An operand that may be left out; null is refused when the filter is read."""
    return strawberry.field(description=description, name=name, default=UNSET)


class FilterInput:
    """Anything that `filters.read_filter` turns into the value class it names."""

    VALUE: ClassVar[type[Value]]


@strawberry.input(description=f"Text comparison. {SUFFIX}")
class StringFilter(FilterInput):
    """Compares text."""

    VALUE: ClassVar = values.StringFilter
    eq: str | None = operand("Equal to.")
    neq: str | None = operand("Not equal to.")
    in_: list[str] | None = operand("One of; an empty list matches nothing.", name="in")
    nin: list[str] | None = operand("None of.")
    contains: str | None = operand("Contains the text, case-insensitive.")
    starts_with: str | None = operand("Starts with the text, case-insensitive.")
    is_null: bool | None = operand("True matches missing values, false matches present ones.")


@strawberry.input(description=f"Identifier comparison. {SUFFIX}")
class IdFilter(FilterInput):
    """Compares global ids; one that the caller cannot see equals nothing."""

    VALUE: ClassVar = values.IdFilter
    eq: strawberry.ID | None = operand("Equal to.")
    neq: strawberry.ID | None = operand("Not equal to.")
    in_: list[strawberry.ID] | None = operand("One of; an empty list matches nothing.", name="in")
    nin: list[strawberry.ID] | None = operand("None of.")


@strawberry.input(description=f"Whole-number comparison. {SUFFIX}")
class IntFilter(FilterInput):
    """Compares whole numbers."""

    VALUE: ClassVar = values.IntFilter
    eq: int | None = operand("Equal to.")
    neq: int | None = operand("Not equal to.")
    in_: list[int] | None = operand("One of; an empty list matches nothing.", name="in")
    nin: list[int] | None = operand("None of.")
    gt: int | None = operand("Greater than.")
    gte: int | None = operand("Greater than or equal to.")
    lt: int | None = operand("Less than.")
    lte: int | None = operand("Less than or equal to.")
    is_null: bool | None = operand("True matches missing values, false matches present ones.")


@strawberry.input(description=f"Number comparison. {SUFFIX}")
class FloatFilter(FilterInput):
    """Compares numbers."""

    VALUE: ClassVar = values.FloatFilter
    eq: float | None = operand("Equal to.")
    neq: float | None = operand("Not equal to.")
    gt: float | None = operand("Greater than.")
    gte: float | None = operand("Greater than or equal to.")
    lt: float | None = operand("Less than.")
    lte: float | None = operand("Less than or equal to.")
    is_null: bool | None = operand("True matches missing values, false matches present ones.")


@strawberry.input(description=f"Truth-value comparison. {SUFFIX}")
class BooleanFilter(FilterInput):
    """Compares truth values."""

    VALUE: ClassVar = values.BooleanFilter
    eq: bool | None = operand("Equal to.")
    is_null: bool | None = operand("True matches missing values, false matches present ones.")


@strawberry.input(description=f"Time comparison. {SUFFIX}")
class DateTimeFilter(FilterInput):
    """Compares times."""

    VALUE: ClassVar = values.DateTimeFilter
    eq: datetime | None = operand("Equal to.")
    gt: datetime | None = operand("Greater than.")
    gte: datetime | None = operand("Greater than or equal to.")
    lt: datetime | None = operand("Less than.")
    lte: datetime | None = operand("Less than or equal to.")
    is_null: bool | None = operand("True matches missing values, false matches present ones.")


@strawberry.input(description=f"Comparison of a list of texts. {SUFFIX}")
class StringListFilter(FilterInput):
    """Compares lists of texts."""

    VALUE: ClassVar = values.StringListFilter
    has_any: list[str] | None = operand("Shares at least one element with the list.")
    has_all: list[str] | None = operand("Contains every element of the list.")
    has_none: list[str] | None = operand("Shares no element with the list.")
    is_null: bool | None = operand("True matches missing values, false matches present ones.")


@strawberry.input(description=f"Document status comparison. {SUFFIX}")
class DocumentStatusFilter(FilterInput):
    """Compares statuses of documents."""

    VALUE: ClassVar = values.DocumentStatusFilter
    eq: DocumentStatus | None = operand("Equal to.")
    in_: list[DocumentStatus] | None = operand("One of; an empty list matches nothing.", name="in")
    nin: list[DocumentStatus] | None = operand("None of.")


@strawberry.input(description=f"Job status comparison. {SUFFIX}")
class JobStatusFilter(FilterInput):
    """Compares states of jobs."""

    VALUE: ClassVar = values.JobStatusFilter
    eq: JobStatus | None = operand("Equal to.")
    in_: list[JobStatus] | None = operand("One of; an empty list matches nothing.", name="in")
    nin: list[JobStatus] | None = operand("None of.")


@strawberry.input(one_of=True, description="Exactly one typed comparison of a metadata value.")
class MetadataValueFilter(FilterInput):
    """A comparison that says which type the value has."""

    VALUE: ClassVar = values.MetadataValueFilter
    boolean: BooleanFilter | None = operand("Compare as a truth value.")
    date_time: DateTimeFilter | None = operand("Compare as a time.")
    number: FloatFilter | None = operand("Compare as a number.")
    string: StringFilter | None = operand("Compare as text.")
    string_list: StringListFilter | None = operand("Compare as a list of texts.")
