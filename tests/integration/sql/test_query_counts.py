"""How many statements each reading costs: one, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.config import Settings
from lorebase.repositories.unit_of_work import SqlUnitOfWork, SqlUnitOfWorkFactory
from lorebase.schemas.answers import ConversationOrder, MessageRole
from lorebase.schemas.documents import DocumentOrder
from lorebase.schemas.jobs import JobOrder, JobSubjectType
from lorebase.schemas.knowledge_bases import KnowledgeBaseOrder
from lorebase.schemas.pagination import PageRequest
from tests.integration.sql.factories import (
    Live,
    Tenant,
    add_live,
    answer,
    chunk,
    conversation,
    document,
    job,
    message,
    version,
)
from tests.integration.sql.recording import recorded

Units = SqlUnitOfWorkFactory
Read = Callable[[SqlUnitOfWork, Tenant, list[Live]], Awaitable[Any]]
PAGE = PageRequest(limit=50)


@pytest.fixture
def database_settings() -> Settings:
    return Settings(database_pool_size=2)


READS: dict[str, tuple[Read, int]] = {
    "documents": (
        lambda uow, t, live: uow.documents.page(t.knowledge_base_id, PAGE, DocumentOrder(), None),
        1,
    ),
    "documents by id": (
        lambda uow, t, live: uow.documents.get_many([one.document.id for one in live]),
        1,
    ),
    "versions by id": (lambda uow, t, live: uow.versions.get_many([one.version.id for one in live]), 1),
    "texts": (lambda uow, t, live: uow.versions.texts([(one.version.id, 0, 3) for one in live]), 1),
    "neighbours": (
        lambda uow, t, live: uow.chunks.neighbours([(one.version.id, 0) for one in live], 2),
        1,
    ),
    "a check of hits": (
        lambda uow, t, live: uow.chunks.check([c.id for one in live for c in one.chunks], [t.index_id], None),
        1,
    ),
    "newest jobs": (
        lambda uow, t, live: uow.jobs.latest_for(JobSubjectType.DOCUMENT, [one.document.id for one in live]),
        1,
    ),
    "jobs": (lambda uow, t, live: uow.jobs.page(PAGE, JobOrder(), None), 1),
    "knowledge bases": (lambda uow, t, live: uow.knowledge_bases.page(PAGE, KnowledgeBaseOrder()), 1),
    "counts": (lambda uow, t, live: uow.knowledge_bases.stats([t.knowledge_base_id]), 1),
    "indexes": (lambda uow, t, live: uow.embeddings.indexes_of(t.knowledge_base_id), 1),
    "conversations": (lambda uow, t, live: uow.conversations.page(PAGE, ConversationOrder(), None), 1),
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("rows", [1, 7])
async def test_a_reading_costs_the_same_for_one_row_and_for_many(
    engine: AsyncEngine, units: Units, tenant: Tenant, name: str, rows: int
) -> None:
    read, expected = READS[name]
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = [await add_live(uow, tenant) for _ in range(rows)]
        for one in live:
            await uow.jobs.add(job(one.document.id))
            await uow.conversations.add(conversation(tenant))
        with recorded(engine) as recorder:
            await read(uow, tenant, live)
    assert len(recorder.statements) == expected


@pytest.mark.parametrize("count", [1, 6])
async def test_answers_cost_two_statements_with_all_their_citations(
    engine: AsyncEngine, units: Units, tenant: Tenant, count: int
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        started = conversation(tenant)
        await uow.conversations.add(started)
        shown = [message(started, role=MessageRole.ASSISTANT) for _ in range(count)]
        for one in shown:
            await uow.conversations.add_message(one)
            await uow.answers.add(answer(started, one.id, (await uow.jobs.add(job())).id))
        with recorded(engine) as recorder:
            found = await uow.answers.by_message([one.id for one in shown])
    assert len(found) == count
    assert len(recorder.statements) == 2


@pytest.mark.parametrize(("passages", "expected"), [(0, 2), (1, 3), (2000, 3), (2001, 4)])
async def test_passages_are_written_thousands_at_a_time(
    engine: AsyncEngine, units: Units, tenant: Tenant, passages: int, expected: int
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        owner = document(tenant)
        first = version(owner)
        await uow.documents.add(owner)
        await uow.versions.add(first)
        with recorded(engine) as recorder:
            made = [chunk(first, number) for number in range(passages)]
            await uow.chunks.replace(owner.id, first.id, 1, made)
    assert len(recorder.statements) == expected
