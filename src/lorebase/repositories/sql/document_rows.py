"""How documents are written to and read from their table."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from lorebase.models.documents import NOT_DELETED, documents
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.search_keys import fold, metadata_leaves, sort_key
from lorebase.repositories.sql.values import build, columns_of
from lorebase.schemas.documents import Document

DOCUMENT_COLUMNS = columns_of(documents, Document)

# Written exactly as in the partial indexes, or they would not be used. Documents of a deleted knowledge base
# are gone at once, long before a job has come to each of them. Not as NOT EXISTS: that becomes a join, whose
# estimate of one row makes PostgreSQL sort where it could walk an index.
IS_THERE = text(
    f"documents.{NOT_DELETED.text} AND documents.knowledge_base_id NOT IN"
    " (SELECT deleted.id FROM knowledge_bases AS deleted WHERE deleted.deleted_at IS NOT NULL)"
)


async def lock_document(database: SqlConnection, document_id: UUID) -> None:
    """Makes writers of one document's passages or postings take turns until the transaction ends."""
    one = select(documents.c.id).where(documents.c.id == document_id)
    await database.first(one.with_for_update(key_share=True))


def document_of(row: Row[Any]) -> Document:
    """The document of a row."""
    return build(Document, row)


def row_of(document: Document) -> dict[str, Any]:
    """The row of a document, with the keys that filters and lists read."""
    plain = document.model_dump(exclude={"metadata", "tags", "status"})
    return {
        **plain,
        "status": str(document.status),
        "tags": list(document.tags),
        "metadata": document.metadata,
        "metadata_leaves": metadata_leaves(document.metadata),
        **title_columns(document.title),
    }


def title_columns(title: str) -> dict[str, str]:
    """A title with its keys."""
    return {"title": title, "title_key": fold(title), "title_sort": sort_key(title)}
