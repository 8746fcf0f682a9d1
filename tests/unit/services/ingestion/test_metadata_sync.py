"""Keeping what indexes mirror in step with what documents say."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from lorebase.schemas.documents import UpdateDocument
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobStatus, JobSubjectType
from lorebase.schemas.knowledge_bases import MetadataField, MetadataFieldType, UpdateKnowledgeBase
from tests.factories import Tenant
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World

BODY = "Words about lighthouses. " * 60


async def retag(world: World, tenant: Tenant, document_id: UUID, *tags: str) -> Job | None:
    change = UpdateDocument(id=document_id, tags=tags)
    return (await world.documents.update(tenant.principal, change)).job


@pytest.mark.parametrize("step", range(2, 40, 3))
async def test_a_change_during_a_synchronisation_wins(world: World, tenant: Tenant, step: int) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    await retag(world, tenant, accepted.document.id, "first")
    faults = Faults()

    async def change_again() -> None:
        await retag(world, tenant, accepted.document.id, "second")

    faults.at(step, change_again)
    await world.runner(faults).run_due(JobLane.DOCUMENTS)
    await world.run_all()
    expected = world.document(accepted.document.id).tags
    assert {row.tags for row in world.vectors(accepted.document.id)} == {expected}
    assert {job.status for job in world.jobs_about(accepted.document.id)} == {JobStatus.SUCCEEDED}


@pytest.mark.parametrize("step", range(2, 30))
async def test_an_overtaken_synchronisation_does_not_write_the_past(
    world: World, tenant: Tenant, step: int
) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    await retag(world, tenant, accepted.document.id, "first")
    faults = Faults()

    async def change_and_synchronise() -> None:
        await retag(world, tenant, accepted.document.id, "second")
        await world.run_all()

    faults.at(step, change_and_synchronise)
    await world.runner(faults).run_due(JobLane.DOCUMENTS)
    expected = world.document(accepted.document.id).tags
    assert {row.tags for row in world.vectors(accepted.document.id)} == {expected}


async def test_a_synchronisation_stopped_by_new_content_is_made_up_for(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    await retag(world, tenant, accepted.document.id, "new")
    second = await world.upsert(tenant, "New words.", external_id="x")
    assert second.job is not None
    await world.jobs.cancel(tenant.principal, second.job.id)
    await world.run_all()
    rows = world.vectors(accepted.document.id)
    assert {(row.generation, row.tags) for row in rows} == {(1, ("new",))}


@pytest.mark.parametrize("step", range(2, 40, 3))
async def test_a_synchronisation_that_dies_anywhere_is_finished_by_the_next_worker(
    world: World, tenant: Tenant, step: int
) -> None:
    accepted = await world.upsert(tenant, BODY, title="Old")
    await world.run_all()
    change = UpdateDocument(id=accepted.document.id, title="New")
    updated = await world.documents.update(tenant.principal, change)
    assert updated.job is not None
    faults = Faults()
    faults.crash_at(step)
    try:
        await world.runner(faults).run(updated.job.id)
    except Crash:
        assert await world.searchable(tenant, accepted.document.id) != []
    world.clock.advance(world.settings.job_lease_seconds + 1)
    await world.run_all()
    assert {row.title for row in world.vectors(accepted.document.id)} == {"New"}
    assert world.job(updated.job.id).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("step", range(2, 24))
async def test_new_content_during_a_synchronisation_leaves_only_the_new(
    world: World, tenant: Tenant, step: int, told: bool
) -> None:
    """`told`: the worker hears of the cancellation in the middle of its writing."""
    accepted = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    job = await retag(world, tenant, accepted.document.id, "a")
    assert job is not None
    faults = Faults()
    runner = world.runner(faults)

    async def renew() -> None:
        await world.upsert(tenant, "New words.", external_id="x")
        await world.run_all()
        if told:
            await runner.notice_cancel(job.id)
            for _ in range(20):
                await asyncio.sleep(0)

    # It may act within a heartbeat, which is cancelled when the work is done: the others must go on.
    others: list[asyncio.Task[None]] = []

    async def renew_to_the_end() -> None:
        others.append(asyncio.create_task(renew()))
        await asyncio.shield(others[0])

    faults.at(step, renew_to_the_end)
    await runner.run(job.id)
    await asyncio.gather(*others)
    await world.run_all()
    rows = world.vectors(accepted.document.id)
    current = world.document(accepted.document.id).generation
    assert {(row.generation, row.tags) for row in rows} == {(current, ("a",))}


async def test_a_document_that_is_not_searchable_needs_nothing(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert await retag(world, tenant, accepted.document.id, "a") is None
    assert [job.kind for job in world.jobs_about(accepted.document.id)] == [JobKind.INGEST]


async def test_a_newly_declared_field_is_mirrored_for_all_documents(world: World, tenant: Tenant) -> None:
    made = [await world.upsert(tenant, f"{BODY} {n}", metadata={"colour": "red"}) for n in range(3)]
    waiting = await world.upsert(tenant, "Never searchable.", metadata={"colour": "blue"})
    await world.run_all()
    assert waiting.job is not None
    paid = len(world.embedder.calls)
    service = world.bases
    fields = (
        *tenant.knowledge_base.metadata_fields,
        MetadataField(path="colour", type=MetadataFieldType.STRING),
    )
    change = UpdateKnowledgeBase(id=tenant.knowledge_base.id, metadata_fields=fields)
    await service.update(tenant.principal, change)
    [job] = world.jobs_about(tenant.knowledge_base.id)
    assert (job.kind, job.subject_type) == (JobKind.SYNC_METADATA, JobSubjectType.KNOWLEDGE_BASE)
    await world.run_all()
    for accepted in made:
        assert {row.metadata["colour"] for row in world.vectors(accepted.document.id)} == {"red"}
    assert len(world.embedder.calls) == paid
    assert world.job(job.id).status is JobStatus.SUCCEEDED
