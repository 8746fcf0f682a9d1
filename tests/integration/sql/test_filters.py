"""Filters in SQL mean what they mean in Python, for any filter and any document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorebase.core.errors import BadInput
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.documents import DocumentOrder
from lorebase.schemas.filters import DocumentFilter, IntFilter, SearchFilter, StringFilter
from lorebase.schemas.pagination import PageRequest
from lorebase.services.filters.filter_evaluation import matches_chunk, matches_document
from tests.integration.sql.factories import Tenant, add_live, document
from tests.integration.sql.filter_strategies import (
    IDS,
    chunk_fields,
    document_fields,
    document_filters,
    search_filters,
)

Units = SqlUnitOfWorkFactory
PROPERTY = settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@PROPERTY
@given(
    fields=st.lists(document_fields, min_size=1, max_size=4),
    conditions=st.lists(document_filters, min_size=1, max_size=8),
)
async def test_documents_match_as_in_python(
    units: Units, tenant: Tenant, fields: list[dict[str, Any]], conditions: list[DocumentFilter]
) -> None:
    made = [document(tenant, id=IDS[number], **given) for number, given in enumerate(fields)]
    async with units.for_workspace(tenant.workspace_id) as uow:
        for one in made:
            assert await uow.documents.add(one)
        for condition in conditions:
            page = await uow.documents.page(
                tenant.knowledge_base_id, PageRequest(limit=10), DocumentOrder(), condition
            )
            expected = {one.id for one in made if matches_document(condition, one)}
            assert {one.id for one in page.items} == expected, condition
            assert await uow.documents.count(tenant.knowledge_base_id, condition) == len(expected)


@PROPERTY
@given(
    fields=st.lists(document_fields, min_size=1, max_size=3),
    chunks=st.lists(chunk_fields, min_size=1, max_size=3),
    conditions=st.lists(search_filters, min_size=1, max_size=8),
)
async def test_passages_match_as_in_python_and_their_documents_are_never_missed(
    units: Units,
    tenant: Tenant,
    fields: list[dict[str, Any]],
    chunks: list[dict[str, Any]],
    conditions: list[SearchFilter],
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        made = [
            await add_live(
                uow, tenant, id=IDS[number], texts=["x"] * len(chunks), chunk_fields=chunks, **given
            )
            for number, given in enumerate(fields)
        ]
        ids = [passage.id for live in made for passage in live.chunks]
        for condition in conditions:
            found = await uow.chunks.check(ids, [tenant.index_id], condition)
            expected = {
                passage.id: live.document.id
                for live in made
                for passage in live.chunks
                if matches_chunk(condition, passage, live.document)
            }
            assert found.keys() == expected.keys(), condition
            possible = await uow.documents.matching_ids([tenant.knowledge_base_id], condition, 100)
            assert set(expected.values()) <= set(possible), condition


async def test_possible_documents_are_narrowed_by_what_is_asked_of_documents(
    units: Units, tenant: Tenant
) -> None:
    on_page = SearchFilter(page=IntFilter(eq=7))
    titled = SearchFilter(document=DocumentFilter(title=StringFilter(eq="wanted")))
    async with units.for_workspace(tenant.workspace_id) as uow:
        wanted = (await add_live(uow, tenant, title="wanted")).document.id
        other = (await add_live(uow, tenant, title="other")).document.id
        await uow.documents.add(document(tenant, title="wanted"))
        for condition, expected in (
            (titled, {wanted}),
            (SearchFilter(and_=(titled, on_page)), {wanted}),
            (SearchFilter(or_=(titled, on_page)), {wanted, other}),
            (SearchFilter(not_=titled), {other}),
            (SearchFilter(not_=SearchFilter(and_=(titled, on_page))), {wanted, other}),
            (SearchFilter(not_=SearchFilter(or_=(titled, on_page))), {other}),
            (SearchFilter(not_=SearchFilter(not_=SearchFilter(and_=(titled, on_page)))), {wanted}),
        ):
            found = await uow.documents.matching_ids([tenant.knowledge_base_id], condition, 10)
            assert set(found) == expected, condition
        assert len(await uow.documents.matching_ids([tenant.knowledge_base_id], SearchFilter(), 1)) == 1
        assert await uow.documents.matching_ids([], SearchFilter(), 10) == []


@pytest.mark.parametrize("broken", ["\0", "\ud800"])
async def test_an_operand_that_is_no_text_is_bad_input(units: Units, tenant: Tenant, broken: str) -> None:
    condition = DocumentFilter(title=StringFilter(contains=broken))
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(BadInput):
            await uow.documents.count(tenant.knowledge_base_id, condition)


@pytest.mark.parametrize("attack", ["' OR 1=1 --", "\\' OR true", "%' OR '1'='1", "$1", ":title"])
async def test_an_operand_is_never_read_as_sql(units: Units, tenant: Tenant, attack: str) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.add(document(tenant, title="innocent"))
        named = document(tenant, title=attack, metadata={attack: attack})
        await uow.documents.add(named)
        for given in (StringFilter(eq=attack), StringFilter(contains=attack), StringFilter(in_=(attack,))):
            page = await uow.documents.page(
                tenant.knowledge_base_id, PageRequest(limit=5), DocumentOrder(), DocumentFilter(title=given)
            )
            assert page.items == (named,)
