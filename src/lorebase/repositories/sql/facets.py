"""The most frequent values of a field among the documents of a knowledge base."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, func, literal, select

from lorebase.core.errors import BadInput
from lorebase.models.documents import documents
from lorebase.repositories.sql import search_keys
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.document_rows import IS_THERE
from lorebase.repositories.sql.filters import document_condition
from lorebase.schemas.filters import DocumentFilter
from lorebase.schemas.knowledge_bases import FacetValue, KnowledgeBase, MetadataFieldType

_LEAF_KINDS = {
    MetadataFieldType.BOOLEAN: search_keys.TRUTH,
    MetadataFieldType.DATE_TIME: search_keys.TEXT,
    MetadataFieldType.NUMBER: search_keys.NUMBER,
    MetadataFieldType.STRING: search_keys.TEXT,
}


async def read_facets(
    database: SqlConnection,
    knowledge_base: KnowledgeBase,
    path: str,
    condition: DocumentFilter | None,
    first: int,
) -> list[FacetValue]:
    """Values as text with the number of documents that carry them, the most frequent first, then by value."""
    values = _values(knowledge_base, path).label("value")
    matching = select(values, documents.c.id).where(
        IS_THERE, documents.c.knowledge_base_id == knowledge_base.id
    )
    if condition is not None:
        matching = matching.where(document_condition(condition))
    carried = matching.subquery()
    counted = func.count(carried.c.id.distinct())
    statement = (
        select(carried.c.value, counted.label("documents"))
        .where(carried.c.value.is_not(None))
        .group_by(carried.c.value)
        .order_by(counted.desc(), carried.c.value)
        .limit(first)
    )
    return [FacetValue(value=row.value, count=row.documents) for row in await database.rows(statement)]


def _values(knowledge_base: KnowledgeBase, path: str) -> ColumnElement[Any]:
    if path == "mediaType":
        return documents.c.media_type
    if path == "language":
        return documents.c.language
    if path == "tags":
        return func.unnest(documents.c.tags)
    declared = {field.path: field.type for field in knowledge_base.metadata_fields}
    if path not in declared:
        raise BadInput("This path is not declared by the knowledge base.", field=["path"])
    leaves = documents.c.metadata_leaves
    if declared[path] is MetadataFieldType.STRING_LIST:
        listed = leaves.op("->")(literal(f"{search_keys.LIST}{path}", Text()))
        return func.jsonb_array_elements_text(listed)
    return leaves.op("->>")(literal(f"{_LEAF_KINDS[declared[path]]}{path}", Text()))
