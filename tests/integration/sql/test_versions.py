"""Versions and their extracted text."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.documents import DocumentVersion
from lorebase.schemas.pagination import PageRequest
from tests.integration.sql.factories import Tenant, add_live, document, version

Units = SqlUnitOfWorkFactory
STORABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


async def add_versions(units: Units, tenant: Tenant, count: int) -> list[DocumentVersion]:
    owner = document(tenant)
    made = [version(owner, number=number, generation=number * 2) for number in range(1, count + 1)]
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.add(owner)
        for one in made:
            await uow.versions.add(one)
        await uow.commit()
    return made


async def test_versions_are_found_by_number_and_generation(units: Units, tenant: Tenant) -> None:
    made = await add_versions(units, tenant, 3)
    owner = made[0].document_id
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.versions.latest(owner) == made[2]
        assert await uow.versions.by_generation(owner, 4) == made[1]
        assert await uow.versions.by_generation(owner, 3) is None
        assert await uow.versions.latest(new_id()) is None
        assert await uow.versions.get_many([made[0].id, new_id()]) == [made[0]]
        assert await uow.versions.count(owner) == 3
        assert await uow.versions.blob_keys(owner) == sorted(one.blob_key for one in made)


async def test_versions_are_listed_newest_first(units: Units, tenant: Tenant) -> None:
    made = await add_versions(units, tenant, 12)
    async with units.for_workspace(tenant.workspace_id) as uow:
        first = await uow.versions.page(made[0].document_id, PageRequest(limit=5))
        rest = await uow.versions.page(made[0].document_id, PageRequest(limit=10, after=first.positions[-1]))
    assert [*first.items, *rest.items] == made[::-1]
    assert (first.has_next, rest.has_next) == (True, False)


async def test_versions_of_a_deleted_document_are_not_shown(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        await uow.documents.mark_deleting(live.document.id)
        assert await uow.versions.get_many([live.version.id]) == []
        assert (await uow.versions.page(live.document.id, PageRequest(limit=5))).items == ()
        assert await uow.versions.count(live.document.id) == 0


async def test_text_written_again_replaces_the_text(units: Units, tenant: Tenant) -> None:
    (one,) = await add_versions(units, tenant, 1)
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.versions.texts([(one.id, 0, 9)]) == [None]
        await uow.versions.set_text(one.id, "first")
        await uow.versions.set_text(one.id, "second")
        assert await uow.versions.texts([(one.id, 0, 99)]) == ["second"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=STORABLE, ranges=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), min_size=1, max_size=6)
)
async def test_slices_are_those_of_python(
    units: Units, tenant: Tenant, text: str, ranges: list[tuple[int, int]]
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        owner = document(tenant)
        one = version(owner)
        await uow.documents.add(owner)
        await uow.versions.add(one)
        await uow.versions.set_text(one.id, text)
        asked = [(one.id, start, end) for start, end in ranges] + [(new_id(), 0, 5)]
        found = await uow.versions.texts(asked)
    assert found == [text[start:end] for start, end in ranges] + [None]


async def test_the_newest_of_many_documents_come_at_once(units: SqlUnitOfWorkFactory, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        owners = [document(tenant) for _ in range(3)]
        for owner, count in zip(owners, (4, 1, 2), strict=True):
            await uow.documents.add(owner)
            for number in range(1, count + 1):
                await uow.versions.add(version(owner, number=number, generation=number))
        found = await uow.versions.newest([owner.id for owner in owners], 3)
        assert await uow.versions.newest([], 3) == []
        assert await uow.versions.newest([new_id()], 3) == []
    numbers = [[each.number for each in found if each.document_id == owner.id] for owner in owners]
    assert numbers == [[4, 3, 2], [1], [2, 1]]
