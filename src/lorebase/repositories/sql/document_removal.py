"""Removing what a deleted document leaves behind."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, update

from lorebase.models.chunks import keyword_postings
from lorebase.models.documents import blobs, document_versions, documents
from lorebase.models.embeddings import index_documents
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.document_rows import title_columns
from lorebase.repositories.sql.values import CLOCK
from lorebase.schemas.documents import DocumentStatus


async def remove_versions(database: SqlConnection, document_id: UUID) -> None:
    """Removes versions; their texts and chunks go with them. Documents that are not deleted keep theirs."""
    deleted = documents.c.status.in_([str(DocumentStatus.DELETING), str(DocumentStatus.DELETED)])
    await database.change(
        delete(document_versions).where(
            document_versions.c.document_id == document_id,
            documents.c.id == document_versions.c.document_id,
            deleted,
        )
    )


async def forget_document(database: SqlConnection, document_id: UUID) -> None:
    """DELETING becomes DELETED: rows that hang on the document go, and what it said about itself."""
    tombstone = (
        update(documents)
        .where(documents.c.id == document_id, documents.c.status == str(DocumentStatus.DELETING))
        .values(
            status=str(DocumentStatus.DELETED),
            external_id=None,
            language=None,
            tags=[],
            metadata={},
            metadata_leaves={},
            updated_at=CLOCK,
            **title_columns(""),
        )
    )
    if await database.change(tombstone) == 0:
        return
    await remove_versions(database, document_id)
    for table in (keyword_postings, index_documents, blobs):
        await database.change(delete(table).where(table.c.document_id == document_id))
