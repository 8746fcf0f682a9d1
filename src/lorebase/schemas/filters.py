"""Typed filters, the same for GraphQL inputs, Milvus and SQL.

Meaning of a missing value: it equals nothing. So `eq`, `in`, ranges, `contains` and `starts_with` never match
it, `neq`, `nin` and `has_none` always do, and `not_` is the plain complement. `is_null` asks for it by name.
A field that is None was not given; all that are given must hold, and an empty filter matches everything.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import model_validator

from lorebase.schemas.base import Value
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.jobs import JobKind


class StringFilter(Value):
    """Text comparison; `contains` and `starts_with` ignore case, the others do not."""

    eq: str | None = None
    neq: str | None = None
    in_: tuple[str, ...] | None = None
    nin: tuple[str, ...] | None = None
    contains: str | None = None
    starts_with: str | None = None
    is_null: bool | None = None


class IdFilter(Value):
    """Comparison of object ids, already decoded."""

    eq: UUID | None = None
    neq: UUID | None = None
    in_: tuple[UUID, ...] | None = None
    nin: tuple[UUID, ...] | None = None


class IntFilter(Value):
    """Whole-number comparison."""

    eq: int | None = None
    neq: int | None = None
    in_: tuple[int, ...] | None = None
    nin: tuple[int, ...] | None = None
    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None
    is_null: bool | None = None


class FloatFilter(Value):
    """Number comparison; operands are finite."""

    eq: float | None = None
    neq: float | None = None
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None
    is_null: bool | None = None


class BooleanFilter(Value):
    """Truth-value comparison."""

    eq: bool | None = None
    is_null: bool | None = None


class DateTimeFilter(Value):
    """Time comparison, to the millisecond."""

    eq: datetime | None = None
    gt: datetime | None = None
    gte: datetime | None = None
    lt: datetime | None = None
    lte: datetime | None = None
    is_null: bool | None = None


class StringListFilter(Value):
    """Comparison of a list of texts; an empty list of values counts as missing for `is_null`."""

    has_any: tuple[str, ...] | None = None
    has_all: tuple[str, ...] | None = None
    has_none: tuple[str, ...] | None = None
    is_null: bool | None = None


class DocumentStatusFilter(Value):
    """Document status comparison."""

    eq: DocumentStatus | None = None
    in_: tuple[DocumentStatus, ...] | None = None
    nin: tuple[DocumentStatus, ...] | None = None


class JobStatusFilter(Value):
    """Job status comparison. `retrying` splits stored QUEUED: see JobStatus."""

    eq: str | None = None
    in_: tuple[str, ...] | None = None
    nin: tuple[str, ...] | None = None


class MetadataValueFilter(Value):
    """Exactly one typed comparison of a metadata value."""

    boolean: BooleanFilter | None = None
    date_time: DateTimeFilter | None = None
    number: FloatFilter | None = None
    string: StringFilter | None = None
    string_list: StringListFilter | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> MetadataValueFilter:
        given = (self.boolean, self.date_time, self.number, self.string, self.string_list)
        if sum(comparison is not None for comparison in given) != 1:
            raise ValueError("exactly one typed comparison is needed")
        return self


class MetadataFilter(Value):
    """Condition on one declared metadata key, by its dotted path."""

    path: str
    value: MetadataValueFilter


class DocumentFilter(Value):
    """Conditions on documents."""

    and_: tuple[DocumentFilter, ...] | None = None
    or_: tuple[DocumentFilter, ...] | None = None
    not_: DocumentFilter | None = None
    created_at: DateTimeFilter | None = None
    updated_at: DateTimeFilter | None = None
    id: IdFilter | None = None
    language: StringFilter | None = None
    media_type: StringFilter | None = None
    metadata: tuple[MetadataFilter, ...] | None = None
    status: DocumentStatusFilter | None = None
    tags: StringListFilter | None = None
    title: StringFilter | None = None


class SearchFilter(Value):
    """Conditions on the chunks that retrieval may use; `section` is the path joined by " > "."""

    and_: tuple[SearchFilter, ...] | None = None
    or_: tuple[SearchFilter, ...] | None = None
    not_: SearchFilter | None = None
    chunk_tokens: IntFilter | None = None
    document: DocumentFilter | None = None
    page: IntFilter | None = None
    section: StringFilter | None = None


class JobFilter(Value):
    """Conditions on jobs."""

    and_: tuple[JobFilter, ...] | None = None
    or_: tuple[JobFilter, ...] | None = None
    not_: JobFilter | None = None
    created_at: DateTimeFilter | None = None
    kind: JobKind | None = None
    status: JobStatusFilter | None = None


class ConversationFilter(Value):
    """Conditions on conversations."""

    and_: tuple[ConversationFilter, ...] | None = None
    or_: tuple[ConversationFilter, ...] | None = None
    not_: ConversationFilter | None = None
    created_at: DateTimeFilter | None = None
    title: StringFilter | None = None
