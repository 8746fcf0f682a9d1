"""Deletion: nothing of a document stays, whatever ran beside it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from lorebase.core.errors import ErrorCode
from lorebase.core.ids import new_id
from lorebase.schemas.documents import DocumentStatus, UpdateDocument
from lorebase.schemas.jobs import JobKind, JobStatus
from tests.factories import Tenant, add_tenant, make_model
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World

BODY = "Words about lighthouses. " * 60


async def nothing_is_left(world: World, tenant: Tenant) -> bool:
    state = world.database.state
    return not (
        world.blobs.blobs
        or any(world.index.partitions.values())
        or state.versions
        or state.texts
        or state.chunks
        or state.postings
        or state.index_documents
        or state.blobs
    )


async def test_a_deleted_document_leaves_only_its_tombstone(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY, external_id="x", tags=("a",), title="T")
    await world.run_all()
    await world.upsert(tenant, BODY + "more", external_id="x")
    await world.run_all()
    deleted = await world.documents.delete(tenant.principal, accepted.document.id)
    await world.run_all()
    assert await nothing_is_left(world, tenant)
    [receipt] = await world.documents.receipts(tenant.principal, [deleted.receipt.id])
    assert receipt.vectors_remaining == 0
    assert receipt.completed_at is not None
    tombstone = world.document(accepted.document.id)
    assert tombstone.status is DocumentStatus.DELETED
    assert (tombstone.title, tombstone.tags, tombstone.external_id) == ("", (), None)


async def test_neighbours_are_not_touched(world: World, tenant: Tenant) -> None:
    gone, kept = await world.upsert(tenant, BODY), await world.upsert(tenant, BODY + "kept")
    other = await add_tenant(world.database, name="Other")
    foreign = await world.upsert(other, BODY)
    await world.run_all()
    await world.documents.delete(tenant.principal, gone.document.id)
    await world.run_all()
    assert await world.searchable(tenant, kept.document.id) != []
    assert await world.searchable(other, foreign.document.id) != []
    assert len(world.blobs.blobs) == 2


async def test_vectors_of_every_embedding_version_go(world: World, tenant: Tenant) -> None:
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        [active] = await uow.embeddings.indexes_of(tenant.knowledge_base.id)
    other = active.model_copy(update={"id": new_id(), "model": make_model(collection="another")})
    world.database.state.indexes[other.id] = other
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    assert len(world.index.partitions) == 2
    await world.documents.delete(tenant.principal, accepted.document.id)
    await world.run_all()
    assert await nothing_is_left(world, tenant)


async def test_a_deletion_waits_for_an_ingestion_that_still_runs(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    faults = Faults()
    deletion_ran: list[str] = []

    async def delete_now() -> None:
        deleted = await world.documents.delete(tenant.principal, accepted.document.id)
        await world.runner().run(deleted.job.id)
        row = world.job(deleted.job.id)
        assert row.error is not None
        deletion_ran.append(f"{row.status} {row.attempt} {row.error.code}")

    faults.at(14, delete_now)
    await world.runner(faults).run(accepted.job.id)
    assert deletion_ran == [f"QUEUED 0 {ErrorCode.WRONG_STATE}"]
    assert world.job(accepted.job.id).status is JobStatus.CANCELLED
    world.clock.advance(world.settings.job_lease_seconds)
    await world.run_all()
    assert await nothing_is_left(world, tenant)


@pytest.mark.parametrize("step", range(4, 44, 4))
async def test_deleting_during_an_ingestion_leaves_nothing(world: World, tenant: Tenant, step: int) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    faults, acted = Faults(), []

    async def delete_now() -> None:
        acted.append(await world.documents.delete(tenant.principal, accepted.document.id))
        assert await world.searchable(tenant, accepted.document.id) == []

    faults.at(step, delete_now)
    await world.runner(faults).run(accepted.job.id)
    if not acted:
        await delete_now()
    for _ in range(3):
        await world.run_all()
        world.clock.advance(world.settings.job_lease_seconds)
    assert await nothing_is_left(world, tenant)


@pytest.mark.parametrize("step", range(1, 30))
async def test_a_deletion_that_dies_anywhere_is_finished_by_the_next_worker(
    world: World, tenant: Tenant, step: int
) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    deleted = await world.documents.delete(tenant.principal, accepted.document.id)
    faults = Faults()
    faults.crash_at(step)
    try:
        await world.runner(faults).run(deleted.job.id)
    except Crash:
        assert faults.steps >= step
    world.clock.advance(world.settings.job_lease_seconds + 1)
    await world.run_all()
    assert world.job(deleted.job.id).status is JobStatus.SUCCEEDED
    assert await nothing_is_left(world, tenant)


async def test_an_index_that_keeps_vectors_keeps_the_receipt_open(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    deleted = await world.documents.delete(tenant.principal, accepted.document.id)
    world.index.down = True
    await world.runner().run(deleted.job.id)
    [receipt] = await world.documents.receipts(tenant.principal, [deleted.receipt.id])
    assert receipt.completed_at is None
    assert receipt.vectors_remaining > 0
    assert world.job(deleted.job.id).attempt == 0
    world.index.down = False
    world.clock.advance(61)
    await world.run_all()
    assert await nothing_is_left(world, tenant)


async def test_a_synchronisation_beside_a_deletion_brings_nothing_back(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    change = UpdateDocument(id=accepted.document.id, tags=("a",))
    updated = await world.documents.update(tenant.principal, change)
    assert updated.job is not None
    faults = Faults()

    async def delete_now() -> None:
        deleted = await world.documents.delete(tenant.principal, accepted.document.id)
        await world.runner().run(deleted.job.id)

    faults.at(6, delete_now)
    await world.runner(faults).run(updated.job.id)
    world.clock.advance(world.settings.job_lease_seconds)
    await world.run_all()
    assert await nothing_is_left(world, tenant)


async def test_deletions_and_upserts_at_once_end_well(world: World, tenant: Tenant) -> None:
    for round_number in range(5):
        accepted = await world.upsert(tenant, f"{BODY} {round_number}", external_id="x")
        await asyncio.gather(world.run_all(), world.documents.delete(tenant.principal, accepted.document.id))
    world.clock.advance(world.settings.job_lease_seconds)
    await world.run_all()
    assert await nothing_is_left(world, tenant)
    kinds = [job for job in world.database.state.jobs.values() if job.kind is JobKind.DELETE]
    assert {job.status for job in kinds} == {JobStatus.SUCCEEDED}


async def test_a_claimed_deletion_of_a_dead_worker_is_not_lost(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    deleted = await world.documents.delete(tenant.principal, accepted.document.id)
    async with world.units.for_system() as uow:
        await uow.jobs.claim(deleted.job.id, timedelta(seconds=20))
        await uow.commit()
    assert await world.run_all() == 0
    world.clock.advance(20)
    await world.run_all()
    assert await nothing_is_left(world, tenant)
