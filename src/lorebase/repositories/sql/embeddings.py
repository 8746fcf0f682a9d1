"""Embedding models, the indexes of the workspace, and vectors already paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    LargeBinary,
    Row,
    Select,
    and_,
    any_,
    delete,
    exists,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from lorebase.models.embeddings import (
    embedding_cache,
    embedding_indexes,
    embedding_models,
    index_documents,
)
from lorebase.models.knowledge_bases import knowledge_bases
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.index_rows import DEFAULT_FIRST, INDEXES, KEPT, MODEL_COLUMNS, index_of
from lorebase.repositories.sql.pagination import TIME, Keyset, read_page
from lorebase.repositories.sql.values import CLOCK, build, is_one_of
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel
from lorebase.schemas.pagination import Page, PageRequest

# Indexes of a deleted knowledge base are seen by the job that empties them only.
_OF_KEPT = exists().where(
    knowledge_bases.c.id == embedding_indexes.c.knowledge_base_id, knowledge_bases.c.deleted_at.is_(None)
)

_CACHE = text(
    """
    INSERT INTO embedding_cache (workspace_id, model_id, text_hash, vector)
    SELECT CAST(:workspace_id AS uuid), CAST(:model_id AS uuid), text_hash, vector
    FROM unnest(CAST(:hashes AS bytea[]), CAST(:vectors AS bytea[])) AS new(text_hash, vector)
    ON CONFLICT DO NOTHING
    """
)


class SqlEmbeddingRepository:
    """See ports/knowledge_bases.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def models(self, page: PageRequest) -> Page[EmbeddingModel]:
        """Models, newest first."""
        keyset = Keyset(embedding_models.c.created_at, embedding_models.c.id, TIME, descending=True)
        return await read_page(self._database, select(*MODEL_COLUMNS), keyset, page, _model)

    async def count_models(self) -> int:
        """Their number, capped."""
        return await self._database.count(select(embedding_models.c.id))

    async def get_models(self, ids: Sequence[UUID]) -> list[EmbeddingModel]:
        """Those that exist, in any order."""
        statement = select(*MODEL_COLUMNS).where(is_one_of(embedding_models.c.id, ids))
        return [_model(row) for row in await self._database.rows(statement)]

    async def default_model(self) -> EmbeddingModel | None:
        """The model last chosen by `migrate`, or else the newest; never a deprecated one."""
        newest_first = (
            select(*MODEL_COLUMNS).where(embedding_models.c.deprecated_at.is_(None)).order_by(*DEFAULT_FIRST)
        )
        row = await self._database.first(newest_first.limit(1))
        return _model(row) if row else None

    async def get_indexes(self, ids: Sequence[UUID]) -> list[EmbeddingIndex]:
        """Those that exist, in any order."""
        return await self._indexes(INDEXES.where(is_one_of(embedding_indexes.c.id, ids), KEPT, _OF_KEPT))

    async def indexes_of(self, knowledge_base_id: UUID) -> list[EmbeddingIndex]:
        """All indexes of a knowledge base that are kept, the active one first, then newest first."""
        active = (
            select(knowledge_bases.c.active_index_id)
            .where(knowledge_bases.c.id == knowledge_base_id)
            .scalar_subquery()
        )
        return await self._indexes(
            INDEXES.where(embedding_indexes.c.knowledge_base_id == knowledge_base_id, KEPT).order_by(
                (embedding_indexes.c.id == active).desc(),
                embedding_indexes.c.created_at.desc(),
                embedding_indexes.c.id.desc(),
            )
        )

    async def _indexes(self, statement: Select[Any]) -> list[EmbeddingIndex]:
        return [index_of(row) for row in await self._database.rows(statement)]

    async def index_page(self, knowledge_base_id: UUID, page: PageRequest) -> Page[EmbeddingIndex]:
        """Indexes of a knowledge base, newest first."""
        keyset = Keyset(embedding_indexes.c.created_at, embedding_indexes.c.id, TIME, descending=True)
        base = embedding_indexes.c.knowledge_base_id == knowledge_base_id
        statement = INDEXES.where(base, KEPT, _OF_KEPT)
        return await read_page(self._database, statement, keyset, page, index_of)

    async def commit_document(
        self,
        index_id: UUID,
        document_id: UUID,
        generation: int,
        chunk_count: int,
        posting_count: int | None = None,
    ) -> None:
        """Records that the index holds exactly this generation of the document."""
        held = {
            "generation": generation,
            "chunk_count": chunk_count,
            "posting_count": posting_count,
            "committed_at": CLOCK,
        }
        new = insert(index_documents).values(
            workspace_id=self._workspace_id, index_id=index_id, document_id=document_id, **held
        )
        key = [index_documents.c.workspace_id, index_documents.c.index_id, index_documents.c.document_id]
        await self._database.change(new.on_conflict_do_update(index_elements=key, set_=held))

    async def remove_document(self, document_id: UUID) -> None:
        """Forgets the document in every index."""
        await self._database.change(
            delete(index_documents).where(index_documents.c.document_id == document_id)
        )

    async def cached_vectors(
        self, model_id: UUID, text_hashes: Sequence[bytes]
    ) -> Mapping[bytes, tuple[float, ...]]:
        """Vectors already paid for, by BLAKE2b-256 of the text embedded."""
        statement = select(embedding_cache.c.text_hash, embedding_cache.c.vector)
        rows = await self._database.rows(statement.where(_cached(model_id, text_hashes)))
        return {bytes(row.text_hash): tuple(numpy.frombuffer(row.vector, "<f4").tolist()) for row in rows}

    async def note_use(self, model_id: UUID, text_hashes: Sequence[bytes]) -> int:
        """Notes, to the day, that cached vectors are in use, so that they are kept; how many were changed."""
        stale = and_(_cached(model_id, text_hashes), embedding_cache.c.used_at < CLOCK - timedelta(days=1))
        # Locked in one order, so that two workers with the same texts never wait for each other in a circle.
        ordered = select(embedding_cache.c.text_hash).where(stale).order_by(embedding_cache.c.text_hash)
        if not await self._database.rows(ordered.with_for_update()):
            return 0
        return await self._database.change(update(embedding_cache).where(stale).values(used_at=CLOCK))

    async def cache_vectors(self, model_id: UUID, vectors: Mapping[bytes, tuple[float, ...]]) -> None:
        """Keeps vectors (float32) for reruns and rebuilds; ones already there stay."""
        # Sorted, so that two writers of the same texts never wait for each other in a circle.
        ordered = sorted(vectors.items())
        values = {
            "workspace_id": self._workspace_id,
            "model_id": model_id,
            "hashes": [text_hash for text_hash, _ in ordered],
            "vectors": [numpy.asarray(vector, "<f4").tobytes() for _, vector in ordered],
        }
        await self._database.change(_CACHE, values)


def _cached(model_id: UUID, text_hashes: Sequence[bytes]) -> ColumnElement[bool]:
    wanted = literal(list(text_hashes), ARRAY(LargeBinary()))
    return and_(embedding_cache.c.model_id == model_id, embedding_cache.c.text_hash == any_(wanted))


def _model(row: Row[Any]) -> EmbeddingModel:
    return build(EmbeddingModel, row)
