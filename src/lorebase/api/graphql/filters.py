"""Filter inputs of the nouns, and the one place that turns any filter into the value that crosses layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, TypeVar, cast
from uuid import UUID

import strawberry
from pydantic.alias_generators import to_camel
from strawberry import UNSET

from lorebase.api.graphql.comparisons import (
    DateTimeFilter,
    DocumentStatusFilter,
    FilterInput,
    IdFilter,
    IntFilter,
    JobStatusFilter,
    MetadataValueFilter,
    StringFilter,
    StringListFilter,
    operand,
)
from lorebase.api.graphql.context import Context
from lorebase.api.graphql.enums import DocumentStatus, JobKind, JobStatus, stored_document_status
from lorebase.api.graphql.nodes import read_id
from lorebase.core.errors import BadInput, NotFound
from lorebase.schemas import filters as values
from lorebase.schemas.base import Value

LIMITS = "All given conditions must hold; nesting is limited to 5 levels and 50 conditions."
EVERY = "Every nested filter must match."
NONE = "The nested filter must not match."
SOME = "At least one nested filter must match."
BRANCHES = frozenset({"and_", "or_", "not_"})
NOBODY = UUID(int=0)

FilterValue = TypeVar("FilterValue", bound=Value)


@strawberry.input(description="Condition on one metadata key.")
class MetadataFilter(FilterInput):
    """Compares the value at a declared path."""

    VALUE: ClassVar = values.MetadataFilter
    path: str = strawberry.field(
        description="Dotted path below the metadata root, for example `author.team`."
    )
    value: MetadataValueFilter = strawberry.field(
        description="Comparison that the value at the path must satisfy."
    )


@strawberry.input(description=f"Conditions on documents. {LIMITS}")
class DocumentFilter(FilterInput):
    """Which documents."""

    VALUE: ClassVar = values.DocumentFilter
    and_: list[DocumentFilter] | None = operand(EVERY, name="and")
    created_at: DateTimeFilter | None = operand("Creation time.")
    id: IdFilter | None = operand("Identifier.")
    language: StringFilter | None = operand("BCP 47 language tag.")
    media_type: StringFilter | None = operand("Media type of the source.")
    metadata: list[MetadataFilter] | None = operand("Metadata conditions, all of which must hold.")
    status: DocumentStatusFilter | None = operand("Status.")
    tags: StringListFilter | None = operand("Tags.")
    title: StringFilter | None = operand("Title.")
    updated_at: DateTimeFilter | None = operand("Last change.")
    not_: DocumentFilter | None = operand(NONE, name="not")
    or_: list[DocumentFilter] | None = operand(SOME, name="or")


@strawberry.input(description=f"Conditions on the chunks that retrieval may use. {LIMITS}")
class SearchFilter(FilterInput):
    """Which passages."""

    VALUE: ClassVar = values.SearchFilter
    and_: list[SearchFilter] | None = operand(EVERY, name="and")
    chunk_tokens: IntFilter | None = operand("Number of tokens in the chunk.")
    document: DocumentFilter | None = operand("Conditions on the document the chunk belongs to.")
    page: IntFilter | None = operand("Page number in the source.")
    section: StringFilter | None = operand("Heading path of the chunk.")
    not_: SearchFilter | None = operand(NONE, name="not")
    or_: list[SearchFilter] | None = operand(SOME, name="or")


@strawberry.input(description=f"Conditions on jobs. {LIMITS}")
class JobFilter(FilterInput):
    """Which jobs."""

    VALUE: ClassVar = values.JobFilter
    and_: list[JobFilter] | None = operand(EVERY, name="and")
    created_at: DateTimeFilter | None = operand("Creation time.")
    kind: JobKind | None = operand("Kind of job.")
    status: JobStatusFilter | None = operand("State.")
    not_: JobFilter | None = operand(NONE, name="not")
    or_: list[JobFilter] | None = operand(SOME, name="or")


@strawberry.input(description=f"Conditions on conversations. {LIMITS}")
class ConversationFilter(FilterInput):
    """Which conversations."""

    VALUE: ClassVar = values.ConversationFilter
    and_: list[ConversationFilter] | None = operand(EVERY, name="and")
    created_at: DateTimeFilter | None = operand("Creation time.")
    title: StringFilter | None = operand("Title.")
    not_: ConversationFilter | None = operand(NONE, name="not")
    or_: list[ConversationFilter] | None = operand(SOME, name="or")


def read_filter(
    context: Context, given: FilterInput | None, kind: type[FilterValue], path: tuple[str, ...] = ("filter",)
) -> FilterValue | None:
    """The value of a filter, None when none was given.

    BadInput, with the path, for an explicit null and for more nesting or conditions than allowed.
    """
    if given is None or given is UNSET:
        return None
    reader = _Reader(context)
    return cast("FilterValue", reader.read(given, path, depth=1))


class _Reader:
    """Reads one filter and counts what is in it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._conditions = 0

    def read(self, given: FilterInput, path: tuple[str, ...], depth: int) -> Value:
        if depth > self._context.settings.filter_max_depth:
            raise BadInput("The filter is nested too deep.", field=list(path))
        fields = {
            name: self._operand(operand, (*path, _graphql_name(name)), depth + (name in BRANCHES))
            for name, operand in _given(given)
        }
        return given.VALUE.model_validate(fields)

    def _operand(self, operand: object, path: tuple[str, ...], depth: int) -> object:
        if operand is None:
            message = f"`{'.'.join(path)}` may not be null: leave it out, or use `isNull`."
            raise BadInput(message, field=list(path))
        if isinstance(operand, FilterInput):
            return self.read(operand, path, depth)
        if isinstance(operand, list) and operand and isinstance(operand[0], FilterInput):
            return tuple(
                self._operand(item, (*path, str(place)), depth) for place, item in enumerate(operand)
            )
        if path[-1] != "path":
            self._count(path)
        return self._leaf(operand, is_id="id" in path[-2:])

    def _count(self, path: tuple[str, ...]) -> None:
        self._conditions += 1
        if self._conditions > self._context.settings.filter_max_conditions:
            raise BadInput("The filter has too many conditions.", field=list(path))

    def _leaf(self, operand: object, *, is_id: bool) -> object:
        match operand:
            case list():
                return tuple(self._leaf(item, is_id=is_id) for item in operand)
            case DocumentStatus():
                return stored_document_status(operand)
            case JobStatus():
                return operand.value
            case str() if is_id:
                return self._visible_id(operand)
            case _:
                return operand

    def _visible_id(self, value: str) -> UUID:
        try:
            return read_id(self._context.principal, value)
        except NotFound:
            # An object nobody can see equals no other: the condition still has its meaning.
            return NOBODY


def _given(filter_input: FilterInput) -> Iterator[tuple[str, object]]:
    for field in dataclasses.fields(filter_input):  # type: ignore[arg-type]
        operand = getattr(filter_input, field.name)
        if operand is not UNSET:
            yield field.name, operand


def _graphql_name(name: str) -> str:
    return to_camel(name.removesuffix("_"))
