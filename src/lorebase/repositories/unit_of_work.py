"""One transaction over all repositories: the only module that commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from lorebase.core.config import Settings
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
from lorebase.repositories.database_errors import is_lost_connection, translated_errors
from lorebase.repositories.sql.analysers import SqlAnalyserRepository
from lorebase.repositories.sql.answers import SqlAnswerRepository
from lorebase.repositories.sql.chunks import SqlChunkRepository
from lorebase.repositories.sql.connection import ENTER_SYSTEM, ENTER_WORKSPACE, SqlConnection
from lorebase.repositories.sql.conversations import SqlConversationRepository
from lorebase.repositories.sql.documents import SqlDocumentRepository
from lorebase.repositories.sql.embeddings import SqlEmbeddingRepository
from lorebase.repositories.sql.evaluations import SqlEvaluationRepository
from lorebase.repositories.sql.idempotency import SqlIdempotencyRepository
from lorebase.repositories.sql.indexes import SqlIndexRepository
from lorebase.repositories.sql.jobs import SqlJobRepository
from lorebase.repositories.sql.keyword_postings import SqlKeywordPostings
from lorebase.repositories.sql.knowledge_bases import SqlKnowledgeBaseRepository
from lorebase.repositories.sql.periodic_tasks import SqlPeriodicTaskRepository
from lorebase.repositories.sql.reconciliation import SqlReconciliationRepository
from lorebase.repositories.sql.removals import SqlRemovalRepository
from lorebase.repositories.sql.retention import SqlRetentionRepository
from lorebase.repositories.sql.system import SqlSystemDirectory
from lorebase.repositories.sql.system_jobs import SqlSystemJobRepository
from lorebase.repositories.sql.versions import SqlVersionRepository
from lorebase.repositories.sql.workspaces import SqlWorkspaceRepository
from lorebase.schemas.workspaces import ApiKey, Workspace


class _Transaction:
    def __init__(self, connection: AsyncConnection, settings: Settings) -> None:
        self._connection = connection
        self.database = SqlConnection(connection, settings.total_count_cap)

    async def commit(self) -> None:
        """Makes everything since the start of the block durable; nothing more may be asked of it then."""
        with translated_errors():
            await self._connection.commit()
        self.database.end()


class SqlUnitOfWork(_Transaction):
    """A transaction that sees one workspace only."""

    def __init__(self, connection: AsyncConnection, workspace_id: UUID, settings: Settings) -> None:
        super().__init__(connection, settings)
        database = self.database
        self.workspace_id = workspace_id
        self.workspaces: WorkspaceRepository = SqlWorkspaceRepository(database, workspace_id)
        self.knowledge_bases: KnowledgeBaseRepository = SqlKnowledgeBaseRepository(database, workspace_id)
        self.embeddings: EmbeddingRepository = SqlEmbeddingRepository(database, workspace_id)
        self.analysers: AnalyserRepository = SqlAnalyserRepository(database)
        self.indexes: IndexRepository = SqlIndexRepository(database, workspace_id)
        self.documents: DocumentRepository = SqlDocumentRepository(database, workspace_id)
        self.versions: VersionRepository = SqlVersionRepository(database, workspace_id)
        self.chunks: ChunkRepository = SqlChunkRepository(database, workspace_id)
        self.keywords: KeywordPostings = SqlKeywordPostings(
            database, workspace_id, settings.database_statement_timeout_ms
        )
        self.jobs: JobRepository = SqlJobRepository(database, workspace_id, settings.open_jobs_maximum)
        self.conversations: ConversationRepository = SqlConversationRepository(database, workspace_id)
        self.answers: AnswerRepository = SqlAnswerRepository(database, workspace_id)
        self.evaluations: EvaluationRepository = SqlEvaluationRepository(database, workspace_id)
        self.idempotency: IdempotencyRepository = SqlIdempotencyRepository(
            database, workspace_id, settings.idempotency_hours
        )
        self.reconciliation: ReconciliationRepository = SqlReconciliationRepository(database)
        self.removals: RemovalRepository = SqlRemovalRepository(database, workspace_id)
        self.retention: RetentionRepository = SqlRetentionRepository(database, workspace_id)


class SqlSystemUnitOfWork(_Transaction):
    """A transaction across tenants, as the role that has grants on jobs, keys and document states only."""

    def __init__(self, connection: AsyncConnection, settings: Settings) -> None:
        super().__init__(connection, settings)
        self.jobs: SystemJobRepository = SqlSystemJobRepository(self.database)
        self.periodic: PeriodicTaskRepository = SqlPeriodicTaskRepository(self.database)
        self._directory = SqlSystemDirectory(self.database)

    async def find_key(self, digest: bytes) -> ApiKey | None:
        """The key with this hash, revoked and expired ones too."""
        return await self._directory.find_key(digest)

    async def touch_key(self, key_id: UUID) -> None:
        """Notes the use of a key, to the minute."""
        await self._directory.touch_key(key_id)

    async def workspace_by_slug(self, slug: str) -> Workspace | None:
        """A workspace by its slug."""
        return await self._directory.workspace_by_slug(slug)

    async def count_workspaces(self) -> int:
        """How many workspaces there are."""
        return await self._directory.count_workspaces()

    async def workspaces_after(self, workspace_id: UUID | None, limit: int) -> list[UUID]:
        """The next workspaces by id."""
        return await self._directory.workspaces_after(workspace_id, limit)


class SqlUnitOfWorkFactory:
    """Begins transactions on a pool of connections; lives as long as the process."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    @asynccontextmanager
    async def for_workspace(self, workspace_id: UUID) -> AsyncIterator[SqlUnitOfWork]:
        """A transaction that sees this workspace only."""
        enter = (ENTER_WORKSPACE, {"workspace_id": str(workspace_id)})
        async with self._transaction(*enter) as connection:
            yield SqlUnitOfWork(connection, workspace_id, self._settings)

    @asynccontextmanager
    async def for_system(self) -> AsyncIterator[SqlSystemUnitOfWork]:
        """A transaction across workspaces."""
        async with self._transaction(ENTER_SYSTEM, {}) as connection:
            yield SqlSystemUnitOfWork(connection, self._settings)

    @asynccontextmanager
    async def _transaction(self, enter: TextClause, values: dict[str, Any]) -> AsyncIterator[AsyncConnection]:
        with translated_errors():
            connection = await self._begin(enter, values)
        try:
            yield connection
        finally:
            await _roll_back_and_return(connection)

    async def _begin(self, enter: TextClause, values: dict[str, Any]) -> AsyncConnection:
        # A pooled connection may have died unseen (a restart of the server): nothing is lost yet, so another
        # one is tried. SQLAlchemy has emptied the pool by then.
        try:
            return await self._connect(enter, values)
        except Exception as error:
            if not is_lost_connection(error):
                raise
        return await self._connect(enter, values)

    async def _connect(self, enter: TextClause, values: dict[str, Any]) -> AsyncConnection:
        connection = await self._engine.connect()
        try:
            await connection.execute(enter, values)
        except BaseException:
            await _roll_back_and_return(connection)
            raise
        return connection


async def _roll_back_and_return(connection: AsyncConnection) -> None:
    # Shielded: a cancelled task must not leave its connection checked out with row locks held.
    with translated_errors():
        await asyncio.shield(asyncio.ensure_future(connection.close()))
