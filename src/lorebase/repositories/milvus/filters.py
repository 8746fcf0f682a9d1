"""Compiles filters to conditions on the columns of a collection; one compiler for servers and Milvus Lite.

What Milvus cannot tell (the status, the last change, a path it cannot name) becomes wider, never narrower:
every hit is checked against PostgreSQL afterwards with the whole filter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from lorebase.repositories.milvus import columns as c
from lorebase.repositories.milvus.comparisons import (
    Column,
    TextColumn,
    identifier,
    number,
    text,
    texts,
    time,
    truth,
)
from lorebase.repositories.milvus.conditions import (
    Comparison,
    Condition,
    Constant,
    Field,
    Negation,
    OneOf,
    Unknown,
    all_of,
    any_of,
    widened,
)
from lorebase.repositories.milvus.rendering import Dialect
from lorebase.schemas.filters import DocumentFilter, MetadataFilter, SearchFilter
from lorebase.schemas.search import KeywordQuery, PartitionAddress, VectorQuery

_SAFE_PATH = re.compile(r"[\w.\- ]{1,200}")

_TITLE = TextColumn(Column(Field(c.TITLE)), Field(c.TITLE_FOLDED))
_SECTION = TextColumn(Column(Field(c.CONTEXT), c.NO_TEXT), Field(c.CONTEXT_FOLDED))
_MEDIA_TYPE = TextColumn(Column(Field(c.MEDIA_TYPE)), Field(c.MEDIA_TYPE_FOLDED))
_LANGUAGE = TextColumn(Column(Field(c.LANGUAGE), c.NO_TEXT), Field(c.LANGUAGE_FOLDED))
_PAGE = Column(Field(c.PAGE), c.NO_PAGE)
_TOKENS = Column(Field(c.TOKEN_COUNT))
_CREATED = Column(Field(c.CREATED_AT))


def tenant_condition(address: PartitionAddress) -> Condition:
    """Rows of the tenant: asked besides the partition, which may be a shared bucket."""
    return Comparison(Field(c.WORKSPACE_ID), "==", address.workspace_id.hex)


def document_condition(address: PartitionAddress, document_id: UUID) -> Condition:
    """Rows of one document of the tenant."""
    return all_of([tenant_condition(address), Comparison(Field(c.DOCUMENT_ID), "==", document_id.hex)])


def documents_condition(address: PartitionAddress, document_ids: Sequence[UUID]) -> Condition:
    """Rows of some documents of the tenant."""
    return all_of([tenant_condition(address), _ids(c.DOCUMENT_ID, document_ids)])


def knowledge_base_condition(
    address: PartitionAddress, knowledge_base_id: UUID, document_ids: Sequence[UUID] | None
) -> Condition:
    """Rows of one knowledge base of the tenant, or of some of its documents."""
    parts = [tenant_condition(address), _ids(c.KNOWLEDGE_BASE_ID, [knowledge_base_id])]
    if document_ids is not None:
        parts.append(_ids(c.DOCUMENT_ID, document_ids))
    return all_of(parts)


def query_condition(
    address: PartitionAddress, query: VectorQuery | KeywordQuery, dialect: Dialect
) -> Condition:
    """Everything that narrows a search."""
    parts = [tenant_condition(address), _ids(c.KNOWLEDGE_BASE_ID, query.knowledge_base_ids)]
    if query.document_ids is not None:
        parts.append(_ids(c.DOCUMENT_ID, query.document_ids))
    if query.filter is not None:
        parts.append(filter_condition(query.filter, dialect))
    return all_of(parts)


def filter_condition(given: SearchFilter, dialect: Dialect) -> Condition:
    """The filter, widened to what Milvus can tell; rows that did not fit their columns always match."""
    condition = widened(FilterCompiler(dialect).search(given))
    if isinstance(condition, Constant):
        return condition
    return any_of([Comparison(Field(c.INEXACT), "==", True), condition])


def _ids(column: str, ids: Iterable[UUID]) -> Condition:
    values = tuple(identifier.hex for identifier in ids)
    return OneOf(Field(column), values) if values else Constant(False)


class FilterCompiler:
    """Translates filters part by part; the result still holds Unknown where Milvus cannot tell."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def search(self, given: SearchFilter) -> Condition:
        """Conditions on passages."""
        parts = [] if given.and_ is None else [all_of(map(self.search, given.and_))]
        if given.or_ is not None:
            parts.append(any_of(map(self.search, given.or_)))
        if given.not_ is not None:
            parts.append(Negation(self.search(given.not_)))
        if given.chunk_tokens is not None:
            parts.append(number(_TOKENS, given.chunk_tokens))
        if given.page is not None:
            parts.append(number(_PAGE, given.page))
        if given.section is not None:
            parts.append(text(_SECTION, given.section))
        if given.document is not None:
            parts.append(self.document(given.document))
        return all_of(parts)

    def document(self, given: DocumentFilter) -> Condition:
        """Conditions on documents, whose fields every row carries."""
        parts = [] if given.and_ is None else [all_of(map(self.document, given.and_))]
        if given.or_ is not None:
            parts.append(any_of(map(self.document, given.or_)))
        if given.not_ is not None:
            parts.append(Negation(self.document(given.not_)))
        if given.status is not None or given.updated_at is not None:
            parts.append(Unknown())
        return all_of([*parts, *self._texts(given), *self._others(given)])

    def _texts(self, given: DocumentFilter) -> Iterable[Condition]:
        named = ((_TITLE, given.title), (_LANGUAGE, given.language), (_MEDIA_TYPE, given.media_type))
        return (text(column, wanted) for column, wanted in named if wanted is not None)

    def _others(self, given: DocumentFilter) -> Iterable[Condition]:
        if given.id is not None:
            yield identifier(Field(c.DOCUMENT_ID), given.id)
        if given.created_at is not None:
            yield time(_CREATED, given.created_at)
        if given.tags is not None:
            yield self._by_rows(texts(Field(c.TAGS), given.tags))
        for condition in given.metadata or ():
            yield self._by_rows(_metadata(condition))

    def _by_rows(self, condition: Condition) -> Condition:
        asked = self._dialect.row_functions or isinstance(condition, Constant)
        return condition if asked else Unknown()


def _metadata(given: MetadataFilter) -> Condition:
    if not _SAFE_PATH.fullmatch(given.path):
        return Unknown()
    value, place = given.value, partial(c.metadata_field, path=given.path)
    parts: list[Condition] = []
    if value.string is not None:
        column = TextColumn(Column(place(c.METADATA_TEXT)), place(c.METADATA_FOLDED))
        parts.append(text(column, value.string))
    if value.number is not None:
        parts.append(number(Column(place(c.METADATA_NUMBER)), value.number))
    if value.boolean is not None:
        parts.append(truth(Column(place(c.METADATA_TRUTH)), value.boolean))
    if value.date_time is not None:
        parts.append(time(Column(place(c.METADATA_TIME)), value.date_time))
    if value.string_list is not None:
        parts.append(texts(place(c.METADATA_LIST), value.string_list))
    return all_of(parts)
