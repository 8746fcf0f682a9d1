"""Passages: bulk writing, reading, and the check that every search hit must pass."""

from __future__ import annotations

import pytest

from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.filters import DocumentFilter, IntFilter, SearchFilter, StringFilter
from lorebase.schemas.pagination import PageRequest
from tests.integration.sql.factories import Tenant, add_live, chunk, document, version

Units = SqlUnitOfWorkFactory


async def test_ten_thousand_passages_come_back_as_they_were_written(units: Units, tenant: Tenant) -> None:
    owner = document(tenant)
    first = version(owner)
    passages = [
        chunk(
            first,
            ordinal,
            page=ordinal if ordinal % 3 else None,
            section=tuple(f'h"{ordinal} > \\ {{,}}' for _ in range(ordinal % 4)),
            text=f"é𝕏\n{ordinal}",
        )
        for ordinal in range(10_000)
    ]
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.add(owner)
        await uow.versions.add(first)
        await uow.chunks.replace(owner.id, first.id, 1, passages)
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.chunks.of_version(first.id) == passages
        assert await uow.chunks.count(first.id) == 10_000


async def test_writing_again_replaces_what_was_written(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("a", "b", "c"))
        other = await add_live(uow, tenant)
        again = [live.chunks[0].model_copy(update={"text": "again"})]
        await uow.chunks.replace(live.document.id, live.version.id, 1, again)
        assert await uow.chunks.of_version(live.version.id) == again
        await uow.chunks.replace(live.document.id, live.version.id, 1, [])
        assert await uow.chunks.of_version(live.version.id) == []
        assert await uow.chunks.of_version(other.version.id) == list(other.chunks)


async def test_passages_are_listed_in_reading_order_by_ordinal(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=[str(number) for number in range(12)])
        page = await uow.chunks.page(live.version.id, PageRequest(limit=5))
        assert page.items == live.chunks[:5]
        assert [position.sort_value for position in page.positions] == ["0", "1", "2", "3", "4"]
        last = await uow.chunks.page(live.version.id, PageRequest(limit=3, backward=True))
    assert last.items == live.chunks[-3:]
    assert (last.has_next, last.has_previous) == (False, True)


async def test_neighbours_stand_around_a_passage_without_it(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        one = await add_live(uow, tenant, texts=[str(number) for number in range(6)])
        two = await add_live(uow, tenant, texts=("x", "y"))
        places = [(one.version.id, 0), (one.version.id, 3), (two.version.id, 1), (new_id(), 0)]
        found = await uow.chunks.neighbours([*places, places[0]], 2)
    expected = [one.chunks[1:3], (*one.chunks[1:3], *one.chunks[4:6]), two.chunks[:1], ()]
    assert found == {place: list(chunks) for place, chunks in zip(places, expected, strict=True)}


async def test_passages_of_a_deleted_document_are_gone_for_every_reader(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        ids = [one.id for one in live.chunks]
        assert len(await uow.chunks.get_many(ids)) == 2
        await uow.documents.mark_deleting(live.document.id)
        assert await uow.chunks.get_many(ids) == []
        assert await uow.chunks.check(ids, [tenant.index_id], None) == {}
        assert await uow.chunks.neighbours([(live.version.id, 0)], 3) == {(live.version.id, 0): []}
        assert await uow.chunks.of_version(live.version.id) == []
        assert (await uow.chunks.page(live.version.id, PageRequest(limit=5))).items == ()


async def test_search_shows_the_live_generation_held_by_the_index(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        ids = [one.id for one in live.chunks]
        assert await uow.chunks.check([*ids, new_id()], [tenant.index_id], None) == {
            one.id: one for one in live.chunks
        }
        assert await uow.chunks.check(ids, [new_id()], None) == {}
        assert await uow.chunks.check(ids, [], None) == {}
        assert await uow.chunks.check([], [tenant.index_id], None) == {}


async def test_a_document_stays_findable_by_its_first_version_while_the_second_is_made(
    units: Units, tenant: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        second = live.document.model_copy(update={"generation": 2, "status": DocumentStatus.PROCESSING})
        await uow.documents.save(second)
        newer = version(second)
        passages = [chunk(newer, 0, text="newer")]
        await uow.versions.add(newer)
        await uow.chunks.replace(second.id, newer.id, 2, passages)
        old, new = [one.id for one in live.chunks], [passages[0].id]
        assert set(await uow.chunks.check(old + new, [tenant.index_id], None)) == set(old)
        await uow.embeddings.commit_document(tenant.index_id, second.id, 2, 1)
        assert await uow.documents.make_live(second.id, 2, newer.id, None)
        assert set(await uow.chunks.check(old + new, [tenant.index_id], None)) == set(new)
        assert len(await uow.chunks.get_many(old)) == 2


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (SearchFilter(page=IntFilter(gte=2)), {1}),
        (SearchFilter(page=IntFilter(is_null=True)), {2}),
        (SearchFilter(page=IntFilter(neq=1)), {1, 2}),
        (SearchFilter(page=IntFilter(in_=(1, 2**40))), {0}),
        (SearchFilter(not_=SearchFilter(page=IntFilter(eq=1))), {1, 2}),
        (SearchFilter(section=StringFilter(eq="A > B")), {0}),
        (SearchFilter(section=StringFilter(starts_with="a >")), {0}),
        (SearchFilter(section=StringFilter(is_null=True)), {2}),
        (SearchFilter(chunk_tokens=IntFilter(lt=10**30)), {0, 1, 2}),
        (SearchFilter(document=DocumentFilter(title=StringFilter(contains="TITLE"))), {0, 1, 2}),
        (SearchFilter(document=DocumentFilter(title=StringFilter(eq="TITLE"))), set()),
    ],
)
async def test_the_whole_filter_is_checked_again(
    units: Units, tenant: Tenant, condition: SearchFilter, expected: set[int]
) -> None:
    fields = [{"page": 1, "section": ("A", "B")}, {"page": 2, "section": ("A",)}, {}]
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("a", "b", "c"), chunk_fields=fields)
        found = await uow.chunks.check([one.id for one in live.chunks], [tenant.index_id], condition)
    assert {one.ordinal for one in found.values()} == expected
