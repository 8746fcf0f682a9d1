"""One transaction over all repositories, for one tenant or for the system."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from lorebase.ports.analysers import AnalyserRepository
from lorebase.ports.answers import AnswerRepository, ConversationRepository
from lorebase.ports.documents import ChunkRepository, DocumentRepository, VersionRepository
from lorebase.ports.evaluations import EvaluationRepository
from lorebase.ports.idempotency import IdempotencyRepository
from lorebase.ports.indexes import IndexRepository
from lorebase.ports.jobs import JobRepository, SystemJobRepository
from lorebase.ports.keyword_index import KeywordPostings
from lorebase.ports.knowledge_bases import EmbeddingRepository, KnowledgeBaseRepository
from lorebase.ports.reconciliation import PeriodicTaskRepository, ReconciliationRepository
from lorebase.ports.removals import RemovalRepository
from lorebase.ports.retention import RetentionRepository
from lorebase.ports.workspaces import WorkspaceRepository
from lorebase.schemas.workspaces import ApiKey, Workspace


class UnitOfWork(Protocol):
    """A transaction that sees one workspace only. Leaving the block without `commit` rolls back.

    Never await a model, Milvus or Redis inside the block: read, leave, call, write.
    """

    workspace_id: UUID
    workspaces: WorkspaceRepository
    knowledge_bases: KnowledgeBaseRepository
    embeddings: EmbeddingRepository
    analysers: AnalyserRepository
    indexes: IndexRepository
    documents: DocumentRepository
    versions: VersionRepository
    chunks: ChunkRepository
    keywords: KeywordPostings
    jobs: JobRepository
    conversations: ConversationRepository
    answers: AnswerRepository
    evaluations: EvaluationRepository
    idempotency: IdempotencyRepository
    reconciliation: ReconciliationRepository
    removals: RemovalRepository
    retention: RetentionRepository

    async def commit(self) -> None:
        """Makes everything since the start of the block durable."""
        ...


class SystemUnitOfWork(Protocol):
    """A transaction across tenants, with grants on jobs, keys and document states only."""

    jobs: SystemJobRepository
    periodic: PeriodicTaskRepository

    async def find_key(self, digest: bytes) -> ApiKey | None:
        """The key with this hash, revoked and expired ones too."""
        ...

    async def touch_key(self, key_id: UUID) -> None:
        """Notes the use of a key, to the minute."""
        ...

    async def workspace_by_slug(self, slug: str) -> Workspace | None:
        """A workspace by its slug."""
        ...

    async def count_workspaces(self) -> int:
        """How many workspaces there are; decides on dedicated or shared partitions."""
        ...

    async def workspaces_after(self, workspace_id: UUID | None, limit: int) -> list[UUID]:
        """The next workspaces by id."""
        ...

    async def commit(self) -> None:
        """Makes everything since the start of the block durable."""
        ...


class UnitOfWorkFactory(Protocol):
    """Begins transactions. Raises Unavailable(DATABASE_UNAVAILABLE) when PostgreSQL is out of reach."""

    def for_workspace(self, workspace_id: UUID) -> AbstractAsyncContextManager[UnitOfWork]:
        """A transaction that sees this workspace only."""
        ...

    def for_system(self) -> AbstractAsyncContextManager[SystemUnitOfWork]:
        """A transaction across workspaces."""
        ...
