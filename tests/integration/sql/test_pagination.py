"""Pages stay put: a walk sees each row once, whatever is added meanwhile, in both directions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWork, SqlUnitOfWorkFactory
from lorebase.schemas.documents import Document, DocumentOrder, DocumentOrderField
from lorebase.schemas.knowledge_bases import OrderDirection
from lorebase.schemas.pagination import Page, PageRequest, Position
from tests.integration.sql.factories import LONG_AGO, Tenant, document

Units = SqlUnitOfWorkFactory
TITLES = ["", "a", "A", "b", "ß", "ss", "é", "x" * 150, "x" * 150 + "y", "𝕏"]
rows = st.fixed_dictionaries({"title": st.sampled_from(TITLES), "moment": st.integers(0, 5)})
orders = st.builds(
    DocumentOrder,
    field=st.sampled_from(list(DocumentOrderField)),
    direction=st.sampled_from(list(OrderDirection)),
)


async def add(uow: SqlUnitOfWork, tenant: Tenant, row: dict[str, Any]) -> Document:
    moment = LONG_AGO + timedelta(microseconds=row["moment"])
    new = document(tenant, title=row["title"], created_at=moment, updated_at=moment)
    assert await uow.documents.add(new)
    return new


def sort_value(field: DocumentOrderField, one: Document) -> Any:
    if field is DocumentOrderField.TITLE:
        return one.title.casefold()[:100]
    return one.created_at if field is DocumentOrderField.CREATED_AT else one.updated_at


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(rows, max_size=12),
    added=st.lists(rows, max_size=5),
    walk=st.tuples(orders, st.integers(1, 5), st.booleans()),
)
async def test_a_walk_sees_each_row_once_in_order_while_others_are_added(
    units: Units,
    tenant: Tenant,
    made: list[dict[str, Any]],
    added: list[dict[str, Any]],
    walk: tuple[DocumentOrder, int, bool],
) -> None:
    order, limit, backward = walk
    async with units.for_workspace(tenant.workspace_id) as uow:
        first = [await add(uow, tenant, row) for row in made]
        request = PageRequest(limit=limit, backward=backward)
        walked: list[Document] = []
        while True:
            page = await uow.documents.page(tenant.knowledge_base_id, request, order, None)
            assert len(page.items) <= limit
            walked = [*page.items, *walked] if backward else [*walked, *page.items]
            if not (page.has_previous if backward else page.has_next):
                break
            request = _next(page, limit, backward=backward)
            if added:
                await add(uow, tenant, added.pop())
    ids = {one.id for one in first}
    expected = sorted(first, key=lambda one: (sort_value(order.field, one), one.id))
    if order.direction is OrderDirection.DESC:
        expected.reverse()
    assert [one for one in walked if one.id in ids] == expected
    assert len({one.id for one in walked}) == len(walked)
    everything = [(sort_value(order.field, one), one.id) for one in walked]
    assert everything == sorted(everything, reverse=order.direction is OrderDirection.DESC)


def _next(page: Page[Document], limit: int, *, backward: bool) -> PageRequest:
    if backward:
        return PageRequest(limit=limit, before=page.positions[0], backward=True)
    return PageRequest(limit=limit, after=page.positions[-1])


async def test_a_window_between_two_places_says_what_lies_on_both_sides(units: Units, tenant: Tenant) -> None:
    order = DocumentOrder(field=DocumentOrderField.TITLE, direction=OrderDirection.ASC)
    async with units.for_workspace(tenant.workspace_id) as uow:
        made = [await add(uow, tenant, {"title": title, "moment": 0}) for title in "abcdef"]
        everything = await uow.documents.page(tenant.knowledge_base_id, PageRequest(limit=9), order, None)
        assert everything.items == tuple(made)
        assert (everything.has_next, everything.has_previous) == (False, False)
        a, e = everything.positions[0], everything.positions[4]
        for backward, expected in ((False, made[1:3]), (True, made[2:4])):
            request = PageRequest(limit=2, after=a, before=e, backward=backward)
            page = await uow.documents.page(tenant.knowledge_base_id, request, order, None)
            assert page.items == tuple(expected)
            assert (page.has_next, page.has_previous) == (True, True)


@pytest.mark.parametrize("sort_value", ["", "yesterday", "12", "2026-13-01", "\0"])
async def test_a_cursor_of_another_list_is_bad_input(units: Units, tenant: Tenant, sort_value: str) -> None:
    order = DocumentOrder(field=DocumentOrderField.CREATED_AT)
    request = PageRequest(limit=1, after=Position(sort_value=sort_value, id=new_id()))
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(BadInput):
            await uow.documents.page(tenant.knowledge_base_id, request, order, None)


async def test_counts_are_capped(engine: AsyncEngine, tenant: Tenant) -> None:
    small = SqlUnitOfWorkFactory(engine, Settings(total_count_cap=3))
    async with small.for_workspace(tenant.workspace_id) as uow:
        for expected in (1, 2, 3, 3):
            await add(uow, tenant, {"title": "t", "moment": 0})
            assert await uow.documents.count(tenant.knowledge_base_id, None) == expected
