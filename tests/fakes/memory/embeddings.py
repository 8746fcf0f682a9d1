"""Embedding models, indexes and cached vectors in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel
from lorebase.schemas.pagination import Page, PageRequest
from tests.fakes.memory.paging import keyset_page, time_value
from tests.fakes.memory.state import CAP, IndexedDocument, State, in_any_order


class MemoryEmbeddings:
    """See ports/knowledge_bases.py."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def models(self, page: PageRequest) -> Page[EmbeddingModel]:
        found = self._state.models.values()
        return keyset_page(found, lambda m: (time_value(m.created_at), m.id), page, descending=True)

    async def count_models(self) -> int:
        return min(CAP, len(self._state.models))

    async def get_models(self, ids: Sequence[UUID]) -> list[EmbeddingModel]:
        return [self._state.models[one] for one in in_any_order(ids) if one in self._state.models]

    async def default_model(self) -> EmbeddingModel | None:
        usable = [model for model in self._state.models.values() if model.deprecated_at is None]
        return max(usable, key=lambda model: (model.created_at, model.id), default=None)

    async def get_indexes(self, ids: Sequence[UUID]) -> list[EmbeddingIndex]:
        kept = [i for i in self._all() if i.knowledge_base_id not in self._state.deleted_bases]
        mine = {index.id: self._counted(index) for index in kept}
        return [mine[one] for one in in_any_order(ids) if one in mine]

    async def indexes_of(self, knowledge_base_id: UUID) -> list[EmbeddingIndex]:
        knowledge_base = self._state.knowledge_bases.get(knowledge_base_id)
        active = knowledge_base.active_index_id if knowledge_base else None
        mine = [index for index in self._all() if index.knowledge_base_id == knowledge_base_id]
        newest_first = sorted(mine, key=lambda index: (index.created_at, index.id), reverse=True)
        return sorted(map(self._counted, newest_first), key=lambda index: index.id != active)

    async def index_page(self, knowledge_base_id: UUID, page: PageRequest) -> Page[EmbeddingIndex]:
        gone = knowledge_base_id in self._state.deleted_bases
        mine = [] if gone else await self.indexes_of(knowledge_base_id)
        return keyset_page(mine, lambda i: (time_value(i.created_at), i.id), page, descending=True)

    async def commit_document(
        self,
        index_id: UUID,
        document_id: UUID,
        generation: int,
        chunk_count: int,
        posting_count: int | None = None,
    ) -> None:
        if self._state.indexes[index_id].workspace_id != self._workspace_id:
            raise AssertionError("row-level security: a row of another workspace")
        row = IndexedDocument(self._workspace_id, generation, chunk_count, posting_count)
        self._state.index_documents[index_id, document_id] = row

    async def remove_document(self, document_id: UUID) -> None:
        for key in [key for key in self._state.index_documents if key[1] == document_id]:
            del self._state.index_documents[key]

    async def cached_vectors(
        self, model_id: UUID, text_hashes: Sequence[bytes]
    ) -> Mapping[bytes, tuple[float, ...]]:
        keys = {text_hash: (self._workspace_id, model_id, text_hash) for text_hash in text_hashes}
        return {one: self._state.vectors[key] for one, key in keys.items() if key in self._state.vectors}

    async def note_use(self, model_id: UUID, text_hashes: Sequence[bytes]) -> int:
        places = [(self._workspace_id, model_id, text_hash) for text_hash in text_hashes]
        stale = [
            p for p in places if self._state.vectors_used.get(p, self._now) < self._now - timedelta(days=1)
        ]
        self._state.vectors_used.update(dict.fromkeys(stale, self._now))
        return len(stale)

    async def cache_vectors(self, model_id: UUID, vectors: Mapping[bytes, tuple[float, ...]]) -> None:
        for text_hash, vector in vectors.items():
            place = (self._workspace_id, model_id, text_hash)
            self._state.vectors.setdefault(place, vector)
            self._state.vectors_used.setdefault(place, self._now)

    def _all(self) -> list[EmbeddingIndex]:
        kept = (index for index in self._state.indexes.values() if index.id not in self._state.retired)
        return [index for index in kept if index.workspace_id == self._workspace_id]

    def _counted(self, index: EmbeddingIndex) -> EmbeddingIndex:
        rows = [row for (held_by, _), row in self._state.index_documents.items() if held_by == index.id]
        counts = {"document_count": len(rows), "chunk_count": sum(row.chunk_count for row in rows)}
        return index.model_copy(update=counts)
