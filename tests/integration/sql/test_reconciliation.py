"""What the comparison of the stores reads of PostgreSQL, and the tasks of which one process takes a turn."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.jobs import JobError, JobSubjectType
from lorebase.schemas.reconciliation import Held, StoredDocument
from tests.integration.database import DatabaseUrls, run_statements
from tests.integration.sql.factories import Tenant, add_live, document, job, version

Units = SqlUnitOfWorkFactory
LEASE = timedelta(minutes=5)


async def stored(units: Units, tenant: Tenant, document_id: UUID) -> StoredDocument:
    async with units.for_workspace(tenant.workspace_id) as uow:
        [found] = await uow.reconciliation.documents([document_id])
    return found


async def test_a_document_says_what_there_should_be_of_it(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("one", "two", "three"))
        await uow.commit()
    assert await stored(units, tenant, live.document.id) == StoredDocument(
        id=live.document.id,
        knowledge_base_id=tenant.knowledge_base_id,
        status=DocumentStatus.READY,
        generation=1,
        live_generation=1,
        chunk_count=3,
        busy=False,
        held={tenant.index_id: Held(generation=1, chunk_count=3, posting_count=0)},
    )


async def test_documents_come_in_batches_by_id_tombstones_too(
    units: Units, tenant: Tenant, neighbour: Tenant
) -> None:
    async with units.for_workspace(neighbour.workspace_id) as uow:
        await add_live(uow, neighbour)
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        ids = sorted([(await add_live(uow, tenant)).document.id for _ in range(5)])
        await uow.documents.mark_deleting(ids[1])
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        first = await uow.reconciliation.documents_after(None, 3)
        rest = await uow.reconciliation.documents_after(first[-1].id, 3)
    assert [one.id for one in (*first, *rest)] == ids
    assert (first[1].status, first[1].live_generation, first[1].chunk_count) == ("DELETING", None, 0)


async def test_a_document_is_busy_while_a_job_about_it_or_its_knowledge_base_is_open(
    units: Units, tenant: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        about_it = await uow.jobs.add(job(live.document.id))
        await uow.commit()
    assert (await stored(units, tenant, live.document.id)).busy
    async with units.for_system() as system:
        claimed = await system.jobs.claim(about_it.id, LEASE)
        await system.commit()
    assert claimed is not None
    assert (await stored(units, tenant, live.document.id)).busy
    async with units.for_workspace(tenant.workspace_id) as uow:
        error = JobError(code="CORRUPT", message="m", retryable=False)
        assert await uow.jobs.fail(about_it.id, claimed.fence, error) is not None
        await uow.commit()
    assert not (await stored(units, tenant, live.document.id)).busy
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.jobs.add(job(tenant.knowledge_base_id, subject_type=JobSubjectType.KNOWLEDGE_BASE))
        await uow.commit()
    assert (await stored(units, tenant, live.document.id)).busy


async def test_a_locked_document_is_read_as_it_is(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        await uow.documents.mark_deleting(live.document.id)
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        locked = await uow.reconciliation.lock(live.document.id)
        assert locked is not None
        assert locked.status is DocumentStatus.DELETING
        assert await uow.reconciliation.lock(new_id()) is None


async def test_indexes_name_their_collection_and_the_active_one(
    units: Units, tenant: Tenant, neighbour: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        [place] = await uow.reconciliation.indexes()
        assert await uow.reconciliation.collections() == [tenant.model.collection]
    assert (place.index_id, place.knowledge_base_id, place.collection, place.active) == (
        tenant.index_id,
        tenant.knowledge_base_id,
        tenant.model.collection,
        True,
    )


async def test_blobs_of_documents_are_known_and_those_of_the_deleted_not_asked_for(
    units: Units, tenant: Tenant, neighbour: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        owners = [document(tenant) for _ in range(3)]
        versions = [version(owner) for owner in owners]
        for owner, one in zip(owners, versions, strict=True):
            assert await uow.documents.add(owner)
            await uow.versions.add(one)
        await uow.documents.mark_deleting(owners[2].id)
        await uow.commit()
    keys = [one.blob_key for one in versions]
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.reconciliation.known_blobs([*keys, "other"]) == set(keys)
        first = await uow.reconciliation.blob_keys_after("", 1)
        assert [*first, *await uow.reconciliation.blob_keys_after(first[0], 5)] == sorted(keys[:2])
    async with units.for_workspace(neighbour.workspace_id) as uow:
        assert await uow.reconciliation.known_blobs(keys) == set()


async def claimed(units: Units, holder: UUID, every: timedelta = timedelta()) -> bool:
    async with units.for_system() as system:
        taken = await system.periodic.claim("task", holder, LEASE, every)
        await system.commit()
    return taken


async def test_one_process_at_a_time_holds_a_task(units: Units, database: DatabaseUrls) -> None:
    first, second = new_id(), new_id()
    assert await claimed(units, first)
    assert not await claimed(units, second)
    await run_statements(database.owner, "UPDATE periodic_tasks SET lease_expires_at = now()")
    assert await claimed(units, second)
    async with units.for_system() as system:
        assert not await system.periodic.renew("task", first, LEASE)
        await system.periodic.finish("task", first)
        assert await system.periodic.renew("task", second, LEASE)
        await system.commit()
    assert not await claimed(units, first)


async def test_a_task_that_was_just_done_waits(units: Units, database: DatabaseUrls) -> None:
    holder, hour = new_id(), timedelta(hours=1)
    assert await claimed(units, holder, hour)
    async with units.for_system() as system:
        await system.periodic.finish("task", holder)
        await system.commit()
    assert not await claimed(units, holder, hour)
    earlier = "UPDATE periodic_tasks SET finished_at = finished_at - interval '61 minutes'"
    await run_statements(database.owner, earlier)
    assert await claimed(units, holder, hour)


async def test_workspaces_are_walked_by_id(units: Units, tenant: Tenant, neighbour: Tenant) -> None:
    both = sorted([tenant.workspace_id, neighbour.workspace_id])
    async with units.for_system() as system:
        assert await system.workspaces_after(None, 1) == both[:1]
        assert await system.workspaces_after(both[0], 5) == both[1:]
