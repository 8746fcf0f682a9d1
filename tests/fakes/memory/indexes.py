"""Embedding indexes in memory, for those who build, switch and retire them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.schemas.documents import Document
from lorebase.schemas.embeddings import EmbeddingIndex, HeldDocument, NewIndex, RetiredIndex
from tests.fakes.memory.documents import TOMBSTONES
from tests.fakes.memory.embeddings import MemoryEmbeddings
from tests.fakes.memory.state import State


class MemoryIndexes:
    """See ports/indexes.py. Transactions run one after another, so nothing has to be held."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def hold(self, knowledge_base_id: UUID) -> None:
        pass

    async def add(self, index: NewIndex) -> EmbeddingIndex:
        held = self._state.knowledge_bases.get(index.knowledge_base_id)
        if held is None or held.workspace_id != self._workspace_id:
            raise NotFound("There is no such knowledge base.")
        mine = [
            one for one in self._state.indexes.values() if one.knowledge_base_id == index.knowledge_base_id
        ]
        for same in (
            [one.id for one in mine if one.model.id == index.model_id],
            [one.id for one in mine if one.analyser_version == index.analyser_version],
        ):
            if same and self._state.retired.keys() >= set(same):
                message = "What an index of this kind held is still being removed: try again later."
                raise Conflict(message, code=ErrorCode.WRONG_STATE)
        kind = (index.model_id, index.analyser_version)
        if any((one.model.id, one.analyser_version) == kind for one in mine):
            raise Conflict("The knowledge base has an index of this model and analyser already.")
        added = EmbeddingIndex(
            id=index.id,
            workspace_id=self._workspace_id,
            knowledge_base_id=index.knowledge_base_id,
            model=self._state.models[index.model_id],
            analyser_version=index.analyser_version,
            job_id=index.job_id,
            chunk_count=0,
            document_count=0,
            progress=0.0,
            activated_at=None,
            created_at=self._now,
            updated_at=self._now,
        )
        self._state.indexes[index.id] = added
        return added

    async def get(self, index_id: UUID, *, change: bool = False) -> EmbeddingIndex:
        found = await MemoryEmbeddings(self._state, self._workspace_id, self._now).get_indexes([index_id])
        if not found:
            raise NotFound("There is no such index.")
        return found[0]

    async def missing_documents(self, index_id: UUID, limit: int) -> Sequence[UUID]:
        live = (one for one in self._live_documents(index_id) if self._held(index_id, one) is None)
        return [one.id for one in live][:limit]

    async def held_documents(self, index_id: UUID, after: UUID | None, limit: int) -> Sequence[HeldDocument]:
        later = (one for one in self._live_documents(index_id) if after is None or one.id > after)
        held = (self._held(index_id, one) for one in later)
        return [one for one in held if one is not None][:limit]

    async def forget_document(self, index_id: UUID, document_id: UUID, generation: int) -> None:
        row = self._state.index_documents.get((index_id, document_id))
        if row is not None and row.generation == generation:
            del self._state.index_documents[index_id, document_id]

    async def note_progress(self, index_id: UUID, progress: float) -> None:
        await self._change(index_id, progress=min(max(progress, 0.0), 1.0))

    async def complete(self, index_id: UUID) -> None:
        index = await self.get(index_id)
        await self._change(index_id, progress=1.0, completed_at=index.completed_at or self._now)

    async def activate(self, index_id: UUID) -> None:
        index = await self.get(index_id)
        if not index.is_complete:
            raise Conflict("The index is not complete yet.", code=ErrorCode.WRONG_STATE)
        await self._change(index_id, activated_at=self._now)
        base = self._state.knowledge_bases[index.knowledge_base_id]
        switched = {"active_index_id": index_id, "updated_at": self._now}
        self._state.knowledge_bases[base.id] = base.model_copy(update=switched)

    async def retire(self, index_id: UUID) -> None:
        index = await self.get(index_id)
        if self._state.knowledge_bases[index.knowledge_base_id].active_index_id == index_id:
            raise Conflict("Searches use the index: activate another first.", code=ErrorCode.WRONG_STATE)
        self._state.retired[index_id] = self._now

    async def retired(self, index_id: UUID, *, change: bool = False) -> RetiredIndex | None:
        index = self._state.indexes.get(index_id)
        if index is None or index_id not in self._state.retired:
            return None
        base = index.knowledge_base_id
        mine = (one for one in self._state.indexes.values() if one.knowledge_base_id == base)
        others = [one for one in mine if one.id != index_id]
        shares_vectors = any(one.model.id == index.model.id for one in others)
        shares_words = any(one.analyser_version == index.analyser_version for one in others)
        return RetiredIndex(
            id=index_id,
            knowledge_base_id=base,
            collection=None if shares_vectors else index.model.collection,
            analyser_version=None if shares_words else index.analyser_version,
            was_active=index.activated_at is not None,
            retired_at=self._state.retired[index_id],
        )

    async def remove(self, index_id: UUID) -> None:
        if self._state.retired.pop(index_id, None) is not None:
            del self._state.indexes[index_id]
            for key in [key for key in self._state.index_documents if key[0] == index_id]:
                del self._state.index_documents[key]

    async def _change(self, index_id: UUID, **values: object) -> None:
        index = self._state.indexes[index_id]
        self._state.indexes[index_id] = index.model_copy(update={**values, "updated_at": self._now})

    def _live_documents(self, index_id: UUID) -> Iterator[Document]:
        base = self._state.indexes[index_id].knowledge_base_id
        return (
            document
            for _, document in sorted(self._state.documents.items())
            if document.knowledge_base_id == base
            and document.live_generation is not None
            and document.status not in TOMBSTONES
        )

    def _held(self, index_id: UUID, document: Document) -> HeldDocument | None:
        row = self._state.index_documents.get((index_id, document.id))
        if row is None or row.generation != document.live_generation:
            return None
        return HeldDocument(
            document_id=document.id,
            generation=row.generation,
            chunk_count=row.chunk_count,
            posting_count=row.posting_count,
        )
