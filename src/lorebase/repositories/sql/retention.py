"""Removing what has served its time, in statements that touch a bounded number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, delete, select, text, tuple_, update

from lorebase.models.chunks import chunks
from lorebase.models.documents import TOMBSTONE, deletion_receipts, documents
from lorebase.models.embeddings import embedding_cache as cache
from lorebase.models.embeddings import embedding_indexes
from lorebase.models.idempotency import idempotency_keys as keys
from lorebase.models.knowledge_bases import knowledge_bases
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.document_rows import IS_THERE
from lorebase.repositories.sql.values import CLOCK, build, columns_of, is_one_of
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.retention import CachedVectorKey, LivePassage

_EMPTY_KNOWLEDGE_BASES = text(
    """
    SELECT knowledge_bases.id FROM knowledge_bases
    JOIN deletion_receipts ON deletion_receipts.knowledge_base_id = knowledge_bases.id
    WHERE knowledge_bases.deleted_at IS NOT NULL
      AND deletion_receipts.completed_at < clock_timestamp() - CAST(:age AS interval)
      AND NOT EXISTS (SELECT FROM documents WHERE documents.knowledge_base_id = knowledge_bases.id)
    LIMIT :limit
    """
)

# What an answer, an index or an evaluation came from is its history, and stays as long.
_REMOVE_JOBS = text(
    """
    DELETE FROM jobs WHERE id IN (
        SELECT old.id FROM jobs AS old
        WHERE old.finished_at < statement_timestamp() - CAST(:age AS interval)
          AND NOT EXISTS (SELECT FROM answers WHERE answers.job_id = old.id)
          AND NOT EXISTS (SELECT FROM embedding_indexes WHERE embedding_indexes.job_id = old.id)
          AND NOT EXISTS (SELECT FROM evaluation_runs WHERE evaluation_runs.job_id = old.id)
          AND NOT (
              EXISTS (
                  SELECT FROM documents
                  WHERE documents.id = old.subject_id AND documents.status NOT IN ('DELETING', 'DELETED')
              ) AND NOT EXISTS (
                  SELECT FROM jobs AS newer
                  WHERE newer.subject_type = old.subject_type AND newer.subject_id = old.subject_id
                    AND (newer.created_at, newer.id) > (old.created_at, old.id)
              )
          )
        ORDER BY old.finished_at LIMIT :limit
    )
    """
)


class SqlRetentionRepository:
    """See ports/retention.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def remove_documents(self, age: timedelta, limit: int) -> int:
        """Removes tombstones of documents deleted so long ago, with their receipts."""
        old = select(documents.c.id).where(
            text(f"documents.{TOMBSTONE.text}"),
            documents.c.status == str(DocumentStatus.DELETED),
            documents.c.updated_at < CLOCK - age,
        )
        ids = [row.id for row in await self._database.rows(old.limit(limit))]
        receipts = is_one_of(deletion_receipts.c.document_id, ids)
        await self._database.change(delete(deletion_receipts).where(receipts))
        return await self._database.change(delete(documents).where(is_one_of(documents.c.id, ids)))

    async def remove_knowledge_bases(self, age: timedelta, limit: int) -> int:
        """Removes tombstones of knowledge bases emptied so long ago, with their receipts and indexes."""
        ids = await self._ids(_EMPTY_KNOWLEDGE_BASES, age, limit)
        for table in (deletion_receipts, embedding_indexes):
            await self._database.change(delete(table).where(is_one_of(table.c.knowledge_base_id, ids)))
        return await self._database.change(
            delete(knowledge_bases).where(is_one_of(knowledge_bases.c.id, ids))
        )

    async def _ids(self, statement: TextClause, age: timedelta, limit: int) -> list[UUID]:
        return [row.id for row in await self._database.rows(statement, {"age": age, "limit": limit})]

    async def remove_idempotency_keys(self, age: timedelta, limit: int) -> int:
        """Removes keys used first so long ago."""
        name = tuple_(keys.c.principal_id, keys.c.key)
        old = select(keys.c.principal_id, keys.c.key).where(keys.c.created_at < CLOCK - age).limit(limit)
        # Looked at again: a key that somebody took anew meanwhile is young.
        return await self._database.change(delete(keys).where(name.in_(old), keys.c.created_at < CLOCK - age))

    async def remove_jobs(self, age: timedelta, limit: int) -> int:
        """Removes jobs that ended so long ago and are nobody's newest or only one."""
        return await self._database.change(_REMOVE_JOBS, {"age": age, "limit": limit})

    async def unused_vectors(self, age: timedelta, limit: int) -> list[CachedVectorKey]:
        """Cached vectors that nobody asked for so long, the longest unused first."""
        old = select(*columns_of(cache, CachedVectorKey)).where(cache.c.used_at < CLOCK - age)
        rows = await self._database.rows(old.order_by(cache.c.used_at).limit(limit))
        return [build(CachedVectorKey, row) for row in rows]

    async def live_passages(self, after: UUID | None, limit: int) -> list[LivePassage]:
        """The next searchable passages by id."""
        statement = (
            select(chunks.c.id.label("chunk_id"), documents.c.title, chunks.c.section, chunks.c.text)
            .select_from(chunks.join(documents, documents.c.id == chunks.c.document_id))
            .where(IS_THERE, chunks.c.generation == documents.c.live_generation)
        )
        if after is not None:
            statement = statement.where(chunks.c.id > after)
        rows = await self._database.rows(statement.order_by(chunks.c.id).limit(limit))
        return [build(LivePassage, row) for row in rows]

    async def keep_vectors(self, keys: Sequence[CachedVectorKey]) -> None:
        """Notes that these are in use."""
        await self._database.change(update(cache).where(_named(keys)).values(used_at=CLOCK))

    async def remove_vectors(self, keys: Sequence[CachedVectorKey], age: timedelta) -> int:
        """Removes those of them that nobody asked for meanwhile."""
        return await self._database.change(delete(cache).where(_named(keys), cache.c.used_at < CLOCK - age))


def _named(wanted: Sequence[CachedVectorKey]) -> ColumnElement[bool]:
    return tuple_(cache.c.model_id, cache.c.text_hash).in_([(key.model_id, key.text_hash) for key in wanted])
