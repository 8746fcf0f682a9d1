"""Counts of knowledge bases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import and_, func, select

from lorebase.models.documents import document_versions, documents
from lorebase.models.embeddings import index_documents
from lorebase.models.knowledge_bases import knowledge_bases
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.values import is_one_of
from lorebase.schemas.knowledge_bases import KnowledgeBaseStats

_LIVE_DOCUMENTS = (
    select(
        documents.c.knowledge_base_id,
        func.count().label("document_count"),
        func.coalesce(func.sum(index_documents.c.chunk_count), 0).label("chunk_count"),
        func.coalesce(func.sum(document_versions.c.byte_size), 0).label("storage_bytes"),
    )
    .select_from(documents)
    .join(knowledge_bases, knowledge_bases.c.id == documents.c.knowledge_base_id)
    .outerjoin(
        index_documents,
        and_(
            index_documents.c.index_id == knowledge_bases.c.active_index_id,
            index_documents.c.document_id == documents.c.id,
            index_documents.c.generation == documents.c.live_generation,
        ),
    )
    .outerjoin(document_versions, document_versions.c.id == documents.c.current_version_id)
    .where(documents.c.live_generation.is_not(None), knowledge_bases.c.deleted_at.is_(None))
    .group_by(documents.c.knowledge_base_id)
)


async def read_statistics(database: SqlConnection, ids: Sequence[UUID]) -> Mapping[UUID, KnowledgeBaseStats]:
    """Counts by knowledge base, for all in one statement; zeros where there is nothing yet."""
    empty = KnowledgeBaseStats(document_count=0, chunk_count=0, storage_bytes=0)
    found = dict.fromkeys(ids, empty)
    for row in await database.rows(_LIVE_DOCUMENTS.where(is_one_of(documents.c.knowledge_base_id, ids))):
        found[row.knowledge_base_id] = KnowledgeBaseStats(
            document_count=row.document_count,
            chunk_count=int(row.chunk_count),
            storage_bytes=int(row.storage_bytes),
        )
    return found
