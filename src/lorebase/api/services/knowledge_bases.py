"""Services about knowledge bases, embedding models and indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.analysers import ListedAnalyser
from lorebase.schemas.documents import DeletedKnowledgeBase
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel, ReindexKnowledgeBase
from lorebase.schemas.filters import DocumentFilter
from lorebase.schemas.indexes import DeletedIndex, ReindexedKnowledgeBase
from lorebase.schemas.knowledge_bases import (
    CreateKnowledgeBase,
    FacetValue,
    KnowledgeBase,
    KnowledgeBaseOrder,
    KnowledgeBaseStats,
    UpdateKnowledgeBase,
)
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.reindex_gates import GateOutcome
from lorebase.schemas.workspaces import Principal


class KnowledgeBases(Protocol):
    """Knowledge bases of the caller's workspace."""

    async def create(self, principal: Principal, command: CreateKnowledgeBase, /) -> KnowledgeBase:
        """Adds one."""
        ...

    async def update(self, principal: Principal, command: UpdateKnowledgeBase, /) -> KnowledgeBase:
        """Changes one."""
        ...

    async def delete(
        self,
        principal: Principal,
        knowledge_base_id: UUID,
        expected_version: int | None,
        idempotency_key: str | None,
        /,
    ) -> DeletedKnowledgeBase:
        """Makes one invisible with all in it, and begins its removal."""
        ...

    async def get_many(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[KnowledgeBase]:
        """Those that exist."""
        ...

    async def by_slug(self, principal: Principal, slug: str, /) -> KnowledgeBase | None:
        """One by slug."""
        ...

    async def page(
        self, principal: Principal, page: PageRequest, order: KnowledgeBaseOrder, /
    ) -> Page[KnowledgeBase]:
        """Knowledge bases in order."""
        ...

    async def count(self, principal: Principal, /) -> int:
        """Their number, capped."""
        ...

    async def stats(self, principal: Principal, ids: Sequence[UUID], /) -> Mapping[UUID, KnowledgeBaseStats]:
        """Counts by knowledge base."""
        ...

    async def facets(
        self,
        principal: Principal,
        knowledge_base_id: UUID,
        path: str,
        condition: DocumentFilter | None,
        first: int,
        /,
    ) -> Sequence[FacetValue]:
        """The most frequent values of a path."""
        ...


class Embeddings(Protocol):
    """Embedding models, keyword analysers and indexes."""

    async def analysers(self, principal: Principal, /) -> Sequence[ListedAnalyser]:
        """Those that are registered."""
        ...

    async def models(self, principal: Principal, page: PageRequest, /) -> Page[EmbeddingModel]:
        """Models, newest first."""
        ...

    async def count_models(self, principal: Principal, /) -> int:
        """Their number, capped."""
        ...

    async def get_models(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[EmbeddingModel]:
        """Those that exist."""
        ...

    async def get_indexes(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[EmbeddingIndex]:
        """Those that exist."""
        ...

    async def index_page(
        self, principal: Principal, knowledge_base_id: UUID, page: PageRequest, /
    ) -> Page[EmbeddingIndex]:
        """Indexes of a knowledge base, newest first."""
        ...


class Indexes(Protocol):
    """What owners do with indexes."""

    async def reindex(self, principal: Principal, command: ReindexKnowledgeBase, /) -> ReindexedKnowledgeBase:
        """Begins to build one."""
        ...

    async def gates(self, principal: Principal, job_ids: Sequence[UUID], /) -> Mapping[UUID, GateOutcome]:
        """Gates with what they measured, by the job of the reindex."""
        ...

    async def activate(
        self, principal: Principal, index_id: UUID, idempotency_key: str | None, /
    ) -> KnowledgeBase:
        """Switches to one."""
        ...

    async def delete(
        self, principal: Principal, index_id: UUID, idempotency_key: str | None, /
    ) -> DeletedIndex:
        """Gives one up."""
        ...
