"""Every list can be walked from both ends, page by page, and gives all its rows once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from lorebase.core.security import new_api_key
from lorebase.repositories.unit_of_work import SqlUnitOfWork, SqlUnitOfWorkFactory
from lorebase.schemas.answers import ConversationOrder, ConversationOrderField
from lorebase.schemas.jobs import JobOrder, JobOrderField
from lorebase.schemas.knowledge_bases import KnowledgeBaseOrder, KnowledgeBaseOrderField, OrderDirection
from lorebase.schemas.pagination import Page, PageRequest
from tests.integration.database import DatabaseUrls
from tests.integration.sql.factories import (
    LONG_AGO,
    Live,
    Tenant,
    add_live,
    conversation,
    embedding_model,
    job,
    knowledge_base,
    message,
    register,
    version,
)

Units = SqlUnitOfWorkFactory
ROWS = 7


class Place:
    """Where a list is read."""

    def __init__(self, uow: SqlUnitOfWork, tenant: Tenant, live: Live, talk: Any) -> None:
        self.uow, self.tenant, self.live, self.talk = uow, tenant, live, talk


Read = Callable[[Place, PageRequest], Awaitable[Page[Any]]]

LISTS: dict[str, Read] = {
    "keys": lambda at, page: at.uow.workspaces.keys(page),
    "models": lambda at, page: at.uow.embeddings.models(page),
    "versions": lambda at, page: at.uow.versions.page(at.live.document.id, page),
    "passages": lambda at, page: at.uow.chunks.page(at.live.version.id, page),
    "messages": lambda at, page: at.uow.conversations.messages(at.talk.id, page),
}


def jobs_in(order: JobOrder) -> Read:
    return lambda at, page: at.uow.jobs.page(page, order, None)


def bases_in(order: KnowledgeBaseOrder) -> Read:
    return lambda at, page: at.uow.knowledge_bases.page(page, order)


def conversations_in(order: ConversationOrder) -> Read:
    return lambda at, page: at.uow.conversations.page(page, order, None)


for _descending in (True, False):
    _direction = OrderDirection.DESC if _descending else OrderDirection.ASC
    LISTS |= {
        f"jobs by {field} {_direction}": jobs_in(JobOrder(field=field, descending=_descending))
        for field in JobOrderField
    }
    LISTS |= {
        f"knowledge bases by {field} {_direction}": bases_in(
            KnowledgeBaseOrder(field=field, direction=_direction)
        )
        for field in KnowledgeBaseOrderField
    }
    LISTS |= {
        f"conversations by {field} {_direction}": conversations_in(
            ConversationOrder(field=field, descending=_descending)
        )
        for field in ConversationOrderField
    }


async def fill(uow: SqlUnitOfWork, tenant: Tenant) -> Place:
    """Seven rows in every list; names and times tie, so that ids must decide."""
    live = await add_live(uow, tenant, texts=[str(number) for number in range(ROWS)])
    talk = conversation(tenant)
    await uow.conversations.add(talk)
    for number in range(ROWS - 1):
        secret = new_api_key()
        await uow.workspaces.add_key("k", secret.prefix, secret.digest, frozenset(), None)
        await uow.jobs.add(job())
        base = knowledge_base(tenant.workspace_id, name=f"n{number % 2}")
        await uow.knowledge_bases.add(base, tenant.model.id)
        moment = LONG_AGO + timedelta(microseconds=number % 3)
        await uow.conversations.add(conversation(tenant, created_at=moment))
        await uow.versions.add(version(live.document, number=number + 2, generation=number + 2))
        await uow.conversations.add_message(message(talk, text=str(number)))
    await uow.jobs.add(job())
    await uow.conversations.add_message(message(talk, text="last"))
    secret = new_api_key()
    await uow.workspaces.add_key("k", secret.prefix, secret.digest, frozenset(), None)
    return Place(uow, tenant, live, talk)


async def walk(read: Read, at: Place, limit: int, *, backward: bool) -> list[Any]:
    walked: list[Any] = []
    request = PageRequest(limit=limit, backward=backward)
    while True:
        page = await read(at, request)
        assert [one.id for one in page.items] == [position.id for position in page.positions]
        walked = [*page.items, *walked] if backward else [*walked, *page.items]
        if not (page.has_previous if backward else page.has_next):
            return walked
        request = (
            PageRequest(limit=limit, before=page.positions[0], backward=True)
            if backward
            else PageRequest(limit=limit, after=page.positions[-1])
        )


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_reads_the_same_from_both_ends_and_at_once(
    units: Units, tenant: Tenant, database: DatabaseUrls, name: str
) -> None:
    for number in range(ROWS - 1):
        await register(database, embedding_model(created_at=LONG_AGO + timedelta(days=number % 2)))
    async with units.for_workspace(tenant.workspace_id) as uow:
        at = await fill(uow, tenant)
        whole = await LISTS[name](at, PageRequest(limit=100))
        assert (len(whole.items), whole.has_next, whole.has_previous) == (ROWS, False, False)
        for limit in (1, 3, ROWS):
            for backward in (False, True):
                assert await walk(LISTS[name], at, limit, backward=backward) == list(whole.items)


@pytest.mark.parametrize("name", LISTS)
async def test_a_place_in_the_middle_divides_a_list(
    units: Units, tenant: Tenant, database: DatabaseUrls, name: str
) -> None:
    for _ in range(ROWS - 1):
        await register(database, embedding_model())
    async with units.for_workspace(tenant.workspace_id) as uow:
        at = await fill(uow, tenant)
        whole = await LISTS[name](at, PageRequest(limit=100))
        middle = whole.positions[3]
        before = await LISTS[name](at, PageRequest(limit=100, before=middle))
        after = await LISTS[name](at, PageRequest(limit=100, after=middle))
    assert (before.items, after.items) == (whole.items[:3], whole.items[4:])
    assert (before.has_next, after.has_previous) == (True, True)
