"""Transactions over a database in memory: rolled back unless committed, one workspace at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from uuid import UUID

from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.ports.analysers import AnalyserRepository
from lorebase.ports.answers import AnswerRepository, ConversationRepository
from lorebase.ports.documents import ChunkRepository, DocumentRepository, VersionRepository
from lorebase.ports.evaluations import EvaluationRepository
from lorebase.ports.idempotency import IdempotencyRepository
from lorebase.ports.indexes import IndexRepository
from lorebase.ports.jobs import JobRepository
from lorebase.ports.keyword_index import KeywordPostings
from lorebase.ports.knowledge_bases import EmbeddingRepository, KnowledgeBaseRepository
from lorebase.ports.reconciliation import ReconciliationRepository
from lorebase.ports.removals import RemovalRepository
from lorebase.ports.retention import RetentionRepository
from lorebase.ports.workspaces import WorkspaceRepository
from tests.fakes.clock import FakeClock
from tests.fakes.faults import Faults
from tests.fakes.memory.analysers import MemoryAnalysers
from tests.fakes.memory.answers import MemoryAnswers, MemoryConversations
from tests.fakes.memory.documents import MemoryDocuments
from tests.fakes.memory.embeddings import MemoryEmbeddings
from tests.fakes.memory.evaluations import MemoryEvaluations
from tests.fakes.memory.idempotency import MemoryIdempotency
from tests.fakes.memory.indexes import MemoryIndexes
from tests.fakes.memory.jobs import MemoryJobs
from tests.fakes.memory.keywords import MemoryKeywords
from tests.fakes.memory.knowledge_bases import MemoryKnowledgeBases
from tests.fakes.memory.reconciliation import MemoryReconciliation
from tests.fakes.memory.removals import MemoryRemovals
from tests.fakes.memory.retention import MemoryRetention
from tests.fakes.memory.state import State
from tests.fakes.memory.system import MemorySystemUnitOfWork
from tests.fakes.memory.versions import MemoryChunks, MemoryVersions
from tests.fakes.memory.workspaces import MemoryWorkspaces


class MemoryDatabase:
    """The committed rows. Transactions run one after another, as row locks would make them."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.state = State()
        self.lock = asyncio.Lock()
        self.commits = 0
        self.down = False


class MemoryUnitOfWork:
    """See ports/unit_of_work.py."""

    def __init__(self, transaction: _Transaction, workspace_id: UUID) -> None:
        state, now = transaction.state, transaction.database.clock.now()
        self.workspace_id = workspace_id
        self.workspaces: WorkspaceRepository = MemoryWorkspaces(state, workspace_id, now)
        self.knowledge_bases: KnowledgeBaseRepository = MemoryKnowledgeBases(state, workspace_id, now)
        self.embeddings: EmbeddingRepository = MemoryEmbeddings(state, workspace_id, now)
        self.analysers: AnalyserRepository = MemoryAnalysers(state)
        self.indexes: IndexRepository = MemoryIndexes(state, workspace_id, now)
        self.documents: DocumentRepository = MemoryDocuments(state, workspace_id, now)
        self.versions: VersionRepository = MemoryVersions(state, workspace_id)
        self.chunks: ChunkRepository = MemoryChunks(state, workspace_id)
        self.keywords: KeywordPostings = MemoryKeywords(state, workspace_id)
        self.jobs: JobRepository = MemoryJobs(state, workspace_id, now)
        self.conversations: ConversationRepository = MemoryConversations(state, workspace_id, now)
        self.answers: AnswerRepository = MemoryAnswers(state, workspace_id)
        self.evaluations: EvaluationRepository = MemoryEvaluations(state, workspace_id, now)
        self.idempotency: IdempotencyRepository = MemoryIdempotency(state, workspace_id, now)
        self.reconciliation: ReconciliationRepository = MemoryReconciliation(state, workspace_id)
        self.removals: RemovalRepository = MemoryRemovals(state, workspace_id, now)
        self.retention: RetentionRepository = MemoryRetention(state, workspace_id, now)
        self._transaction = transaction

    async def commit(self) -> None:
        self._transaction.commit()


class _SystemUnitOfWork(MemorySystemUnitOfWork):
    def __init__(self, transaction: _Transaction) -> None:
        super().__init__(transaction.state, transaction.database.clock.now())
        self._transaction = transaction

    async def commit(self) -> None:
        self._transaction.commit()


class _Transaction:
    def __init__(self, database: MemoryDatabase, faults: Faults) -> None:
        self.database = database
        self.state = database.state.copy()
        self._faults = faults

    def commit(self) -> None:
        self._faults.inside()
        _refuse_when_down(self.database)
        committed = self.state.copy()
        for table in fields(State):
            setattr(self.database.state, table.name, getattr(committed, table.name))
        self.database.commits += 1
        # A process may die between a commit and the moment it learns of it.
        self._faults.inside()


class FakeUnits:
    """Implements the UnitOfWorkFactory port; give each simulated process faults of its own."""

    def __init__(self, database: MemoryDatabase, faults: Faults | None = None) -> None:
        self.database = database
        self._faults = faults or Faults()

    @asynccontextmanager
    async def for_workspace(self, workspace_id: UUID) -> AsyncIterator[MemoryUnitOfWork]:
        """A transaction that sees this workspace only."""
        async with self._begun() as transaction:
            yield MemoryUnitOfWork(transaction, workspace_id)

    @asynccontextmanager
    async def for_system(self) -> AsyncIterator[_SystemUnitOfWork]:
        """A transaction across workspaces."""
        async with self._begun() as transaction:
            yield _SystemUnitOfWork(transaction)

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[_Transaction]:
        await self._faults.step()
        _refuse_when_down(self.database)
        async with self.database.lock:
            yield _Transaction(self.database, self._faults)


def _refuse_when_down(database: MemoryDatabase) -> None:
    if database.down:
        raise Unavailable("PostgreSQL does not answer.", code=ErrorCode.DATABASE_UNAVAILABLE)
