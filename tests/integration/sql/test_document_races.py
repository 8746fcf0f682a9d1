"""What happens when several transactions want the same document."""

from __future__ import annotations

import asyncio
from uuid import UUID

from lorebase.core.errors import NotFound
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.documents import DocumentStatus
from tests.integration.sql.factories import Live, Tenant, add_live, chunk, document, version

Units = SqlUnitOfWorkFactory


async def make(units: Units, tenant: Tenant) -> Live:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("one", "two", "three"))
        await uow.commit()
    return live


async def test_fifty_uploads_of_one_external_id_make_one_document(units: Units, tenant: Tenant) -> None:
    async def upload() -> bool:
        async with units.for_workspace(tenant.workspace_id) as uow:
            added = await uow.documents.add(document(tenant, external_id="same"))
            await uow.commit()
            return added

    added = await asyncio.gather(*(upload() for _ in range(50)))
    assert added.count(True) == 1
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.documents.count(tenant.knowledge_base_id, None) == 1


async def test_changes_under_a_lock_take_turns_and_none_is_lost(units: Units, tenant: Tenant) -> None:
    live = await make(units, tenant)

    async def tag(number: int) -> None:
        async with units.for_workspace(tenant.workspace_id) as uow:
            held = await uow.documents.get(live.document.id, lock=True)
            await uow.documents.save(held.model_copy(update={"tags": (*held.tags, str(number))}))
            await uow.commit()

    await asyncio.gather(*(tag(number) for number in range(12)))
    async with units.for_workspace(tenant.workspace_id) as uow:
        now = await uow.documents.get(live.document.id)
    assert sorted(now.tags, key=int) == [str(number) for number in range(12)]
    assert now.version == live.document.version + 12


async def test_a_document_deleted_during_ingestion_never_goes_live(units: Units, tenant: Tenant) -> None:
    live = await make(units, tenant)
    second = live.document.model_copy(update={"generation": 2, "status": DocumentStatus.PROCESSING})
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.save(second)
        await uow.versions.add(version(second))
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.mark_deleting(live.document.id)
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        newer = await uow.versions.by_generation(live.document.id, 2)
        assert newer is not None
        assert not await uow.documents.make_live(live.document.id, 2, newer.id, None)
        assert not await uow.documents.set_status(
            live.document.id, 3, DocumentStatus.READY, expected=frozenset(DocumentStatus)
        )


async def test_one_of_ingestion_and_deletion_wins_and_search_agrees(units: Units, tenant: Tenant) -> None:
    for _ in range(8):
        async with units.for_workspace(tenant.workspace_id) as uow:
            new = document(tenant)
            first = version(new)
            await uow.documents.add(new)
            await uow.versions.add(first)
            passages = [chunk(first, 0)]
            await uow.chunks.replace(new.id, first.id, 1, passages)
            await uow.commit()
        await asyncio.gather(ingest(units, tenant, new.id, first.id), delete(units, tenant, new.id))
        async with units.for_workspace(tenant.workspace_id) as uow:
            assert await uow.chunks.check([passages[0].id], [tenant.index_id], None) == {}
            assert await uow.documents.get_many([new.id]) == []


async def ingest(units: Units, tenant: Tenant, document_id: UUID, version_id: UUID) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        if await uow.documents.make_live(document_id, 1, version_id, None):
            await uow.embeddings.commit_document(tenant.index_id, document_id, 1, 1)
            await uow.commit()


async def delete(units: Units, tenant: Tenant, document_id: UUID) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.mark_deleting(document_id)
        await uow.commit()


async def test_two_deletions_have_one_winner(units: Units, tenant: Tenant) -> None:
    live = await make(units, tenant)

    async def remove() -> bool:
        async with units.for_workspace(tenant.workspace_id) as uow:
            try:
                await uow.documents.mark_deleting(live.document.id)
            except NotFound:
                return False
            await uow.commit()
            return True

    assert sorted(await asyncio.gather(*(remove() for _ in range(6)))) == [False] * 5 + [True]


async def test_two_workers_that_write_the_same_passages_leave_one_set(units: Units, tenant: Tenant) -> None:
    live = await make(units, tenant)

    async def write() -> None:
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.chunks.replace(live.document.id, live.version.id, 1, live.chunks)
            await uow.commit()

    await asyncio.gather(*(write() for _ in range(6)))
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.chunks.of_version(live.version.id) == list(live.chunks)


async def test_versions_may_be_added_while_the_document_is_locked_by_a_reader(
    units: Units, tenant: Tenant
) -> None:
    live = await make(units, tenant)
    async with units.for_workspace(tenant.workspace_id) as reader:
        await reader.documents.get(live.document.id, lock=True)
        async with units.for_workspace(tenant.workspace_id) as writer:
            await writer.versions.add(version(live.document, number=2, generation=2))
            await writer.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.versions.count(live.document.id) == 2
