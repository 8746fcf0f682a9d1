"""Every list and every look-up is served by an index made for it, also under row-level security."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.config import Settings
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlSystemUnitOfWork, SqlUnitOfWork, SqlUnitOfWorkFactory
from lorebase.schemas.answers import ConversationOrder, ConversationOrderField
from lorebase.schemas.documents import DocumentOrder, DocumentOrderField
from lorebase.schemas.jobs import JobLane, JobOrder, JobOrderField, JobSubjectType
from lorebase.schemas.knowledge_bases import OrderDirection
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.search import KeywordQuery
from tests.integration.database import DatabaseUrls, connect
from tests.integration.sql.bulk import analyse, load
from tests.integration.sql.factories import Tenant, make_tenant
from tests.integration.sql.recording import Plan, explain, recorded

Units = SqlUnitOfWorkFactory
Ask = Callable[[SqlUnitOfWork, Tenant, "Known"], Awaitable[Any]]
AskSystem = Callable[[SqlSystemUnitOfWork, "Known"], Awaitable[Any]]
FIRST = PageRequest(limit=20)


class Known:
    """Ids of rows that are there."""

    def __init__(self, **ids: UUID) -> None:
        self.document, self.version, self.chunk = ids["document"], ids["version"], ids["chunk"]
        self.conversation, self.job = ids["conversation"], ids["job"]


class Loaded:
    """One database, filled once for the module."""

    tenant: Tenant | None = None
    known: Known


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return Loaded()


@pytest.fixture
async def database(module_database: DatabaseUrls) -> DatabaseUrls:
    """Not emptied between tests here: nothing is changed."""
    return module_database


@pytest.fixture
async def tenant(units: Units, database: DatabaseUrls, loaded: Loaded) -> Tenant:
    """The second of three full workspaces."""
    if loaded.tenant is None:
        tenants = [await make_tenant(units, database) for _ in range(3)]
        for one in tenants:
            await load(database, one)
        await analyse(database)
        loaded.tenant = tenants[1]
        loaded.known = await known(database, tenants[1].workspace_id)
    return loaded.tenant


async def known(database: DatabaseUrls, workspace_id: UUID) -> Known:
    owner = await connect(database.owner)
    try:
        row = await owner.fetchrow(
            "SELECT c.document_id AS document, c.version_id AS version, c.id AS chunk, "
            "(SELECT id FROM conversations WHERE workspace_id = $1 LIMIT 1) AS conversation, "
            "(SELECT id FROM jobs WHERE workspace_id = $1 LIMIT 1) AS job "
            "FROM chunks AS c WHERE workspace_id = $1 LIMIT 1",
            workspace_id,
        )
    finally:
        await owner.close()
    return Known(**dict(row))


def documents_by(field: DocumentOrderField, direction: OrderDirection, *, second: bool = False) -> Ask:
    async def ask(uow: SqlUnitOfWork, tenant: Tenant, known: Known) -> Page[Any]:
        order, base = DocumentOrder(field=field, direction=direction), tenant.knowledge_base_id
        page = await uow.documents.page(base, FIRST, order, None)
        if second:
            page = await uow.documents.page(
                base, PageRequest(limit=20, after=page.positions[-1]), order, None
            )
        return page

    return ask


LISTS: dict[str, tuple[Ask, str]] = {
    f"documents by {field} {direction}{' after a cursor' if second else ''}": (
        documents_by(field, direction, second=second),
        f"ix_documents_{'title_sort' if field is DocumentOrderField.TITLE else field.lower()}",
    )
    for field in DocumentOrderField
    for direction in OrderDirection
    for second in (False, True)
} | {
    "jobs by creation": (
        lambda uow, tenant, known: uow.jobs.page(FIRST, JobOrder(), None),
        "ix_jobs_created_at",
    ),
    "jobs by change": (
        lambda uow, tenant, known: uow.jobs.page(FIRST, JobOrder(field=JobOrderField.UPDATED_AT), None),
        "ix_jobs_updated_at",
    ),
    "versions of a document": (
        lambda uow, tenant, known: uow.versions.page(known.document, FIRST),
        "uq_document_versions_number",
    ),
    "passages of a version": (
        lambda uow, tenant, known: uow.chunks.page(known.version, FIRST),
        "uq_chunks_ordinal",
    ),
    "conversations by creation": (
        lambda uow, tenant, known: uow.conversations.page(FIRST, ConversationOrder(), None),
        "ix_conversations_created_at",
    ),
    "conversations by newest message": (
        lambda uow, tenant, known: uow.conversations.page(
            FIRST, ConversationOrder(field=ConversationOrderField.LAST_MESSAGE_AT), None
        ),
        "ix_conversations_last_message_at",
    ),
    "messages": (
        lambda uow, tenant, known: uow.conversations.messages(known.conversation, FIRST),
        "uq_messages_position",
    ),
    "keys": (lambda uow, tenant, known: uow.workspaces.keys(FIRST), "ix_api_keys_created_at"),
    "blobs to compare": (
        lambda uow, tenant, known: uow.reconciliation.blob_keys_after("", 20),
        "pk_blobs",
    ),
}

LOOK_UPS: dict[str, tuple[Ask, str]] = {
    "a document by external id": (
        lambda uow, tenant, known: uow.documents.by_external_id(tenant.knowledge_base_id, "x7"),
        "uq_documents_external_id",
    ),
    "documents by id": (
        lambda uow, tenant, known: uow.documents.get_many([known.document, new_id()]),
        "pk_documents",
    ),
    "newest jobs of documents": (
        lambda uow, tenant, known: uow.jobs.latest_for(JobSubjectType.DOCUMENT, [known.document, new_id()]),
        "ix_jobs_subject",
    ),
    "open jobs": (lambda uow, tenant, known: uow.jobs.count_open(), "ix_jobs_queued"),
    "passages by id": (lambda uow, tenant, known: uow.chunks.get_many([known.chunk]), "pk_chunks"),
    "a check of hits": (
        lambda uow, tenant, known: uow.chunks.check([known.chunk, new_id()], [tenant.index_id], None),
        "pk_chunks",
    ),
    "neighbours": (
        lambda uow, tenant, known: uow.chunks.neighbours([(known.version, 1)], 2),
        "uq_chunks_ordinal",
    ),
    "words": (
        lambda uow, tenant, known: uow.keywords.search(
            KeywordQuery(
                terms=(100, 101),
                analyser_version=1,
                limit=10,
                knowledge_base_ids=(tenant.knowledge_base_id,),
            ),
            5000,
        ),
        "pk_keyword_postings",
    ),
    "how many words documents have": (
        lambda uow, tenant, known: uow.keywords.count([known.document, new_id()], 1),
        "ix_keyword_postings_document",
    ),
    "how frequent words are": (
        lambda uow, tenant, known: uow.keywords.statistics(1, (100, 101), 5000),
        "pk_keyword_postings",
    ),
}

SYSTEM: dict[str, tuple[AskSystem, str]] = {
    "a claim": (lambda system, known: system.jobs.claim(known.job, timedelta(seconds=1)), "ix_jobs_id"),
    "a heartbeat": (
        lambda system, known: system.jobs.heartbeat(known.job, 1, timedelta(seconds=1), None, 0),
        "ix_jobs_id",
    ),
    "due jobs": (lambda system, known: system.jobs.due(JobLane.DOCUMENTS, 10), "ix_jobs_queued"),
    "claims in turn": (
        lambda system, known: system.jobs.claim_due(JobLane.DOCUMENTS, 10, timedelta(seconds=1)),
        "ix_jobs_queued",
    ),
    "a key by its hash": (lambda system, known: system.find_key(b"k" * 32), "ix_api_keys_digest"),
}


class Planner:
    """Asks a repository, then PostgreSQL how it runs what was asked."""

    def __init__(self, engine: AsyncEngine, urls: DatabaseUrls, tenant: Tenant, known: Known) -> None:
        self.engine, self.urls, self.tenant, self.known = engine, urls, tenant, known
        self.units = SqlUnitOfWorkFactory(engine, Settings())

    async def of_tenant(self, ask: Ask) -> Plan:
        workspace_id = self.tenant.workspace_id
        with recorded(self.engine) as recorder:
            async with self.units.for_workspace(workspace_id) as uow:
                await ask(uow, self.tenant, self.known)
        return await explain(self.urls.login, recorder.statements[-1], workspace_id=workspace_id)

    async def of_system(self, ask: AskSystem) -> Plan:
        with recorded(self.engine) as recorder:
            async with self.units.for_system() as system:
                await ask(system, self.known)
        return await explain(self.urls.login, recorder.statements[-1], workspace_id=None)


@pytest.fixture
def planner(engine: AsyncEngine, database: DatabaseUrls, tenant: Tenant, loaded: Loaded) -> Planner:
    return Planner(engine, database, tenant, loaded.known)


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_walks_its_index_without_sorting(planner: Planner, name: str) -> None:
    ask, index = LISTS[name]
    plan = await planner.of_tenant(ask)
    assert index in plan.indexes, plan.text
    assert not plan.sorts, plan.text
    # Few knowledge bases are read whole to find the deleted ones; many have an index for that.
    assert plan.whole_tables <= {"workspaces", "answers", "knowledge_bases"}, plan.text


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_a_look_up_reads_no_table_from_end_to_end(planner: Planner, name: str) -> None:
    ask, index = LOOK_UPS[name]
    plan = await planner.of_tenant(ask)
    assert index in plan.indexes, plan.text
    assert plan.whole_tables <= {"knowledge_bases", "embedding_indexes"}, plan.text


async def test_documents_to_compare_are_walked_by_their_key(planner: Planner) -> None:
    with recorded(planner.engine) as recorder:
        async with planner.units.for_workspace(planner.tenant.workspace_id) as uow:
            await uow.reconciliation.documents_after(planner.known.document, 20)
    statement = recorder.statements[-2]
    plan = await explain(planner.urls.login, statement, workspace_id=planner.tenant.workspace_id)
    assert {"pk_documents", "uq_chunks_ordinal", "ix_jobs_subject"} <= set(plan.indexes), plan.text
    assert not plan.sorts, plan.text


@pytest.mark.parametrize("name", SYSTEM)
async def test_workers_find_their_jobs_by_index(planner: Planner, name: str) -> None:
    ask, index = SYSTEM[name]
    plan = await planner.of_system(ask)
    assert index in plan.indexes, plan.text
    assert plan.whole_tables == frozenset(), plan.text


@pytest.fixture
def database_settings() -> Settings:
    return Settings(database_pool_size=3)
