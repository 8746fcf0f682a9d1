"""What is stored of a workspace, read in batches to be compared with the other stores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, case, exists, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from lorebase.models.chunks import chunks
from lorebase.models.documents import blobs, documents
from lorebase.models.embeddings import embedding_indexes, embedding_models, index_documents
from lorebase.models.jobs import jobs
from lorebase.models.knowledge_bases import knowledge_bases
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.document_rows import IS_THERE, lock_document
from lorebase.repositories.sql.job_rows import OPEN
from lorebase.repositories.sql.values import build, columns_of, is_one_of
from lorebase.schemas.jobs import JobSubjectType
from lorebase.schemas.reconciliation import Held, IndexPlace, StoredDocument

_LIVE_CHUNKS = (
    select(func.count())
    .select_from(chunks)
    .where(chunks.c.version_id == documents.c.current_version_id)
    .correlate(documents)
    .scalar_subquery()
)


def _open_job_about(subject_type: JobSubjectType, subject: Any) -> Any:
    about = and_(jobs.c.subject_type == str(subject_type), jobs.c.subject_id == subject, OPEN)
    return exists().where(about).correlate(documents)


_BUSY = or_(
    _open_job_about(JobSubjectType.DOCUMENT, documents.c.id),
    _open_job_about(JobSubjectType.KNOWLEDGE_BASE, documents.c.knowledge_base_id),
)
_DOCUMENTS = select(
    *(documents.c[name] for name in ("id", "knowledge_base_id", "status", "generation", "live_generation")),
    case((documents.c.live_generation.is_(None), 0), else_=_LIVE_CHUNKS).label("chunk_count"),
    _BUSY.label("busy"),
)
_INDEXES = (
    select(
        embedding_indexes.c.id.label("index_id"),
        embedding_indexes.c.knowledge_base_id,
        embedding_models.c.collection,
        embedding_indexes.c.analyser_version,
        (knowledge_bases.c.active_index_id == embedding_indexes.c.id).label("active"),
    )
    .join(embedding_models, embedding_models.c.id == embedding_indexes.c.model_id)
    .join(knowledge_bases, knowledge_bases.c.id == embedding_indexes.c.knowledge_base_id)
    .where(embedding_indexes.c.retired_at.is_(None))
)


class SqlReconciliationRepository:
    """See ports/reconciliation.py."""

    def __init__(self, database: SqlConnection) -> None:
        self._database = database

    async def documents_after(self, document_id: UUID | None, limit: int) -> list[StoredDocument]:
        """The next documents by id."""
        statement = _DOCUMENTS.order_by(documents.c.id).limit(limit)
        if document_id is not None:
            statement = statement.where(documents.c.id > document_id)
        return await self._all(statement)

    async def documents(self, ids: Sequence[UUID]) -> list[StoredDocument]:
        """Those that exist, in any order."""
        return await self._all(_DOCUMENTS.where(is_one_of(documents.c.id, ids)))

    async def lock(self, document_id: UUID) -> StoredDocument | None:
        """One, which nobody else changes until the transaction ends."""
        await lock_document(self._database, document_id)
        found = await self.documents([document_id])
        return found[0] if found else None

    async def indexes(self) -> list[IndexPlace]:
        """All indexes of the workspace that are kept."""
        return [build(IndexPlace, row) for row in await self._database.rows(_INDEXES)]

    async def collections(self) -> list[str]:
        """The collections of all embedding models, used here or not."""
        statement = select(embedding_models.c.collection).order_by(embedding_models.c.collection)
        return [str(row.collection) for row in await self._database.rows(statement)]

    async def blob_keys_after(self, key: str, limit: int) -> list[str]:
        """The next keys of blobs, in order, of documents that are not deleted."""
        statement = (
            select(blobs.c.key)
            .join(documents, documents.c.id == blobs.c.document_id)
            .where(blobs.c.key > key, text(IS_THERE.text))
            .order_by(blobs.c.key)
            .limit(limit)
        )
        return [str(row.key) for row in await self._database.rows(statement)]

    async def known_blobs(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that belong to a document, deleted or not."""
        wanted = literal(list(keys), ARRAY(Text()))
        rows = await self._database.rows(select(blobs.c.key).where(blobs.c.key == func.any(wanted)))
        return {str(row.key) for row in rows}

    async def _all(self, statement: Select[Any]) -> list[StoredDocument]:
        rows = await self._database.rows(statement)
        held = await self._held([row.id for row in rows]) if rows else {}
        return [_stored(row, held.get(row.id, {})) for row in rows]

    async def _held(self, ids: Sequence[UUID]) -> dict[UUID, dict[UUID, Held]]:
        statement = select(
            index_documents.c.document_id,
            index_documents.c.index_id,
            *columns_of(index_documents, Held),
        ).where(is_one_of(index_documents.c.document_id, ids))
        held: dict[UUID, dict[UUID, Held]] = defaultdict(dict)
        for row in await self._database.rows(statement):
            held[row.document_id][row.index_id] = build(Held, row)
        return held


def _stored(row: Row[Any], held: dict[UUID, Held]) -> StoredDocument:
    return build(StoredDocument, row, held=held, postings={})
