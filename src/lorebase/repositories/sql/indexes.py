"""Embedding indexes that are built, switched and retired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, delete, exists, func, insert, select, update

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.models.documents import documents
from lorebase.models.embeddings import embedding_indexes, embedding_models, index_documents
from lorebase.models.knowledge_bases import knowledge_bases
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.document_rows import IS_THERE
from lorebase.repositories.sql.index_rows import INDEXES, KEPT, index_of
from lorebase.repositories.sql.values import CLOCK, build, columns_of
from lorebase.schemas.embeddings import EmbeddingIndex, HeldDocument, NewIndex, RetiredIndex

_HOLDS_LIVE = and_(
    index_documents.c.document_id == documents.c.id,
    index_documents.c.generation == documents.c.live_generation,
)


class SqlIndexRepository:
    """See ports/indexes.py. The row of the knowledge base stands for the set of its indexes."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def hold(self, knowledge_base_id: UUID) -> None:
        """Keeps the set of indexes as it is until the transaction ends."""
        one = select(knowledge_bases.c.id).where(knowledge_bases.c.id == knowledge_base_id)
        await self._database.first(one.with_for_update(read=True))

    async def add(self, index: NewIndex) -> EmbeddingIndex:
        """Adds an index that holds nothing yet."""
        await self._lock(index.knowledge_base_id)
        await self._refuse_what_is_being_removed(index)
        new = insert(embedding_indexes).values(
            workspace_id=self._workspace_id,
            completed_at=None,
            created_at=CLOCK,
            updated_at=CLOCK,
            **index.model_dump(),
        )
        try:
            await self._database.change(new)
        except Conflict as error:
            message = "The knowledge base has an index of this model and analyser already."
            raise Conflict(message) from error
        return await self.get(index.id)

    async def _refuse_what_is_being_removed(self, index: NewIndex) -> None:
        """What only retired indexes use is about to go, and would take rows of the new one with it."""
        for column, wanted in (
            (embedding_indexes.c.model_id, index.model_id),
            (embedding_indexes.c.analyser_version, index.analyser_version),
        ):
            same = select(func.bool_and(~KEPT)).where(
                embedding_indexes.c.knowledge_base_id == index.knowledge_base_id, column == wanted
            )
            row = await self._database.first(same)
            if row is not None and row[0]:
                message = "What an index of this kind held is still being removed: try again later."
                raise Conflict(message, code=ErrorCode.WRONG_STATE)

    async def get(self, index_id: UUID, *, change: bool = False) -> EmbeddingIndex:
        """One that is not retired, or NotFound."""
        found = await self._one(index_id)
        if found is not None and change:
            await self._lock(found.knowledge_base_id)
            found = await self._one(index_id)
        if found is None:
            raise NotFound("There is no such index.")
        return found

    async def _one(self, index_id: UUID) -> EmbeddingIndex | None:
        row = await self._database.first(INDEXES.where(embedding_indexes.c.id == index_id, KEPT))
        return index_of(row) if row else None

    async def _lock(self, knowledge_base_id: UUID) -> None:
        one = select(knowledge_bases.c.id).where(knowledge_bases.c.id == knowledge_base_id)
        if await self._database.first(one.with_for_update(key_share=True)) is None:
            raise NotFound("There is no such knowledge base.")

    async def missing_documents(self, index_id: UUID, limit: int) -> Sequence[UUID]:
        """Live documents of the knowledge base whose live generation it does not hold, by id."""
        held = exists().where(index_documents.c.index_id == index_id, _HOLDS_LIVE)
        statement = _live_documents(index_id).where(~held).order_by(documents.c.id).limit(limit)
        return [row.id for row in await self._database.rows(statement)]

    async def held_documents(self, index_id: UUID, after: UUID | None, limit: int) -> Sequence[HeldDocument]:
        """The next live documents by id, as far as it holds their live generation."""
        statement = (
            select(*columns_of(index_documents, HeldDocument))
            .select_from(documents)
            .join(index_documents, _HOLDS_LIVE)
            .where(index_documents.c.index_id == index_id, IS_THERE)
            .order_by(documents.c.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(documents.c.id > after)
        rows = await self._database.rows(statement)
        return [build(HeldDocument, row) for row in rows]

    async def forget_document(self, index_id: UUID, document_id: UUID, generation: int) -> None:
        """Forgets that it holds this generation of a document."""
        await self._database.change(
            delete(index_documents).where(
                index_documents.c.index_id == index_id,
                index_documents.c.document_id == document_id,
                index_documents.c.generation == generation,
            )
        )

    async def note_progress(self, index_id: UUID, progress: float) -> None:
        """Notes the share of passages written, 0 to 1."""
        await self._change(index_id, progress=min(max(progress, 0.0), 1.0))

    async def complete(self, index_id: UUID) -> None:
        """Notes that it holds every document."""
        completed = func.coalesce(embedding_indexes.c.completed_at, CLOCK)
        await self._change(index_id, progress=1.0, completed_at=completed)

    async def activate(self, index_id: UUID) -> None:
        """Makes it the one that searches use."""
        index = await self.get(index_id, change=True)
        if not index.is_complete:
            raise Conflict("The index is not complete yet.", code=ErrorCode.WRONG_STATE)
        await self._change(index_id, activated_at=CLOCK)
        switch = update(knowledge_bases).where(knowledge_bases.c.id == index.knowledge_base_id)
        await self._database.change(switch.values(active_index_id=index_id, updated_at=CLOCK))

    async def retire(self, index_id: UUID) -> None:
        """Hides it from everybody."""
        index = await self.get(index_id, change=True)
        active = select(knowledge_bases.c.id).where(
            knowledge_bases.c.id == index.knowledge_base_id, knowledge_bases.c.active_index_id == index_id
        )
        if await self._database.first(active) is not None:
            raise Conflict("Searches use the index: activate another first.", code=ErrorCode.WRONG_STATE)
        await self._change(index_id, retired_at=CLOCK)

    async def retired(self, index_id: UUID, *, change: bool = False) -> RetiredIndex | None:
        """One that was retired and is not removed yet; `change` waits for those that hold the set."""
        if change:
            base = select(embedding_indexes.c.knowledge_base_id).where(embedding_indexes.c.id == index_id)
            one = select(knowledge_bases.c.id).where(knowledge_bases.c.id == base.scalar_subquery())
            await self._database.first(one.with_for_update(key_share=True))
        statement = (
            select(
                embedding_indexes.c.id,
                embedding_indexes.c.knowledge_base_id,
                _unless_shared(embedding_models.c.collection, "model_id"),
                _unless_shared(embedding_indexes.c.analyser_version, "analyser_version"),
                embedding_indexes.c.activated_at.is_not(None).label("was_active"),
                embedding_indexes.c.retired_at,
            )
            .join(embedding_models, embedding_models.c.id == embedding_indexes.c.model_id)
            .where(embedding_indexes.c.id == index_id, ~KEPT)
        )
        row = await self._database.first(statement)
        return RetiredIndex.model_validate(dict(row._mapping)) if row else None

    async def remove(self, index_id: UUID) -> None:
        """Removes a retired index and what it was said to hold."""
        gone = select(embedding_indexes.c.id).where(embedding_indexes.c.id == index_id, ~KEPT)
        await self._database.change(delete(index_documents).where(index_documents.c.index_id.in_(gone)))
        await self._database.change(
            delete(embedding_indexes).where(embedding_indexes.c.id == index_id, ~KEPT)
        )

    async def _change(self, index_id: UUID, **values: float | ColumnElement[Any]) -> None:
        one = update(embedding_indexes).where(embedding_indexes.c.id == index_id)
        await self._database.change(one.values({**values, "updated_at": CLOCK}))


def _unless_shared(column: ColumnElement[Any], shared: str) -> ColumnElement[Any]:
    """The column, or null when another index of the knowledge base has the same `shared`."""
    other = embedding_indexes.alias()
    same = exists().where(
        other.c.knowledge_base_id == embedding_indexes.c.knowledge_base_id,
        other.c[shared] == embedding_indexes.c[shared],
        other.c.id != embedding_indexes.c.id,
    )
    return case((same.correlate(embedding_indexes), None), else_=column).label(column.key)


def _live_documents(index_id: UUID) -> Select[Any]:
    base = select(embedding_indexes.c.knowledge_base_id).where(embedding_indexes.c.id == index_id)
    return select(documents.c.id).where(
        documents.c.knowledge_base_id == base.scalar_subquery(),
        documents.c.live_generation.is_not(None),
        IS_THERE,
    )
