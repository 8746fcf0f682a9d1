"""Storage of knowledge bases, embedding models and indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel, RegisteredModel
from lorebase.schemas.filters import DocumentFilter
from lorebase.schemas.knowledge_bases import (
    FacetValue,
    KnowledgeBase,
    KnowledgeBaseOrder,
    KnowledgeBaseStats,
    UpdateKnowledgeBase,
)
from lorebase.schemas.pagination import Page, PageRequest


class KnowledgeBaseRepository(Protocol):
    """Knowledge bases of the workspace of the unit of work. Deleted ones are never returned."""

    async def add(
        self, knowledge_base: KnowledgeBase, model_id: UUID, analyser_version: int = FIRST_ANALYSER
    ) -> KnowledgeBase:
        """Adds it with its first, active index (id `active_index_id`). Conflict when the slug is taken."""
        ...

    async def get(self, knowledge_base_id: UUID, *, hold: bool = False) -> KnowledgeBase:
        """One by id, or NotFound; `hold` keeps it from being deleted until the transaction ends."""
        ...

    async def get_many(self, ids: Sequence[UUID]) -> list[KnowledgeBase]:
        """Those that exist, in any order."""
        ...

    async def by_slug(self, slug: str) -> KnowledgeBase | None:
        """One by slug."""
        ...

    async def page(self, page: PageRequest, order: KnowledgeBaseOrder) -> Page[KnowledgeBase]:
        """Knowledge bases in order."""
        ...

    async def count(self) -> int:
        """Their number, capped."""
        ...

    async def update(self, change: UpdateKnowledgeBase) -> KnowledgeBase:
        """Applies the given fields. NotFound; Conflict unless at `expected_version` when that is given."""
        ...

    async def stats(self, ids: Sequence[UUID]) -> Mapping[UUID, KnowledgeBaseStats]:
        """Counts of live documents, their live chunks and the bytes of their current versions."""
        ...

    async def facets(
        self, knowledge_base: KnowledgeBase, path: str, condition: DocumentFilter | None, first: int
    ) -> list[FacetValue]:
        """The most frequent values of a declared path or of `mediaType`, `language`, `tags`."""
        ...


class EmbeddingRepository(Protocol):
    """Models (shared by all workspaces, read only here), indexes of the workspace, and cached vectors."""

    async def models(self, page: PageRequest) -> Page[EmbeddingModel]:
        """Models, newest first."""
        ...

    async def count_models(self) -> int:
        """Their number, capped."""
        ...

    async def get_models(self, ids: Sequence[UUID]) -> list[EmbeddingModel]:
        """Those that exist, in any order."""
        ...

    async def default_model(self) -> EmbeddingModel | None:
        """The model that the operator chose, or else the newest; never a deprecated one."""
        ...

    async def get_indexes(self, ids: Sequence[UUID]) -> list[EmbeddingIndex]:
        """Those that exist, in any order."""
        ...

    async def indexes_of(self, knowledge_base_id: UUID) -> list[EmbeddingIndex]:
        """All indexes of a knowledge base that are kept, the active one first, then newest first."""
        ...

    async def index_page(self, knowledge_base_id: UUID, page: PageRequest) -> Page[EmbeddingIndex]:
        """Indexes of a knowledge base, newest first."""
        ...

    async def commit_document(
        self,
        index_id: UUID,
        document_id: UUID,
        generation: int,
        chunk_count: int,
        posting_count: int | None = None,
    ) -> None:
        """Records that the index holds exactly this generation of the document."""
        ...

    async def remove_document(self, document_id: UUID) -> None:
        """Forgets the document in every index."""
        ...

    async def cached_vectors(
        self, model_id: UUID, text_hashes: Sequence[bytes]
    ) -> Mapping[bytes, tuple[float, ...]]:
        """Vectors already paid for, by BLAKE2b-256 of the text embedded."""
        ...

    async def note_use(self, model_id: UUID, text_hashes: Sequence[bytes]) -> int:
        """Notes, to the day, that cached vectors are in use, so that they are kept; how many were changed."""
        ...

    async def cache_vectors(self, model_id: UUID, vectors: Mapping[bytes, tuple[float, ...]]) -> None:
        """Keeps vectors (float32) for reruns and rebuilds; ones already there stay."""
        ...


class EmbeddingRegistry(Protocol):
    """Registration of models: for the owner role, in `migrate` and admin commands only."""

    async def register(self, model: EmbeddingModel) -> EmbeddingModel:
        """Adds the model version, or returns the one with the same name, provider, version and dimensions.

        Conflict when its collection belongs to another model version.
        """
        ...

    async def choose(self, model_id: UUID) -> None:
        """Makes it the one that new knowledge bases use unless they name another."""
        ...

    async def all(self) -> Sequence[RegisteredModel]:
        """Every model, newest first."""
        ...

    async def deprecate(self, model_id: UUID) -> None:
        """From here on no new index can choose it. NotFound."""
        ...

    def removal(self, model_id: UUID) -> AbstractAsyncContextManager[None]:
        """Removes the model and its cached vectors when the block ends well.

        Conflict(WRONG_STATE) before the block begins while an index of any workspace uses it.
        """
        ...
