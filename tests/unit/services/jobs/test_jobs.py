"""Jobs as users see them: cancelled, tried again, listed."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta

import pytest

from lorebase.core.errors import Conflict, DocumentRefused, ErrorCode, Forbidden, NotFound
from lorebase.core.ids import new_id
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.filters import JobFilter, JobStatusFilter
from lorebase.schemas.jobs import JobKind, JobOrder, JobStatus, JobSubjectType
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.workspaces import ApiScope
from tests.factories import Tenant, add_tenant, make_principal
from tests.fakes.world import World


async def test_a_waiting_job_is_cancelled_at_once(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    assert accepted.job is not None
    job = await world.jobs.cancel(tenant.principal, accepted.job.id)
    assert job.status is JobStatus.CANCELLED
    assert world.document(accepted.document.id).status is DocumentStatus.FAILED
    assert [event.type for event in world.events_of(job)] == ["JobQueued", "JobFailed"]
    assert await world.run_all() == 0


async def test_a_running_job_is_asked_and_its_worker_told(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    assert accepted.job is not None
    async with world.units.for_system() as uow:
        await uow.jobs.claim(accepted.job.id, timedelta(seconds=20))
        await uow.commit()
    job = await world.jobs.cancel(tenant.principal, accepted.job.id)
    assert (job.status, job.cancel_requested) == (JobStatus.RUNNING, True)
    assert world.queue.cancelled == [job.id]


async def test_a_cancelled_update_leaves_the_older_version_searchable(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Old text.", external_id="x")
    await world.run_all()
    second = await world.upsert(tenant, "New text.", external_id="x")
    assert second.job is not None
    await world.jobs.cancel(tenant.principal, second.job.id)
    [passage] = await world.searchable(tenant, accepted.document.id)
    assert passage.text == "Old text."


async def test_a_job_that_ended_stays_as_it_is(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    await world.run_all()
    assert accepted.job is not None
    before = world.job(accepted.job.id)
    assert await world.jobs.cancel(tenant.principal, before.id) == before
    assert world.document(accepted.document.id).status is DocumentStatus.READY


async def test_a_deletion_cannot_be_cancelled(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    deleted = await world.documents.delete(tenant.principal, accepted.document.id)
    with pytest.raises(Conflict) as refused:
        await world.jobs.cancel(tenant.principal, deleted.job.id)
    assert refused.value.code is ErrorCode.WRONG_STATE
    assert not world.job(deleted.job.id).cancel_requested


async def test_a_failed_job_can_be_tried_again(world: World, tenant: Tenant) -> None:
    world.parser.failures = [DocumentRefused("no", code=ErrorCode.CORRUPT)]
    accepted = await world.upsert(tenant, "Text.")
    await world.run_all()
    assert accepted.job is not None
    job = await world.jobs.retry(tenant.principal, accepted.job.id)
    assert (job.status, job.attempt, job.error) == (JobStatus.QUEUED, 0, None)
    assert world.document(accepted.document.id).status is DocumentStatus.ACCEPTED
    assert world.queue.woken[-1] == (job.id, job.fence, job.lane)
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.READY
    told = [event.type for event in world.events_of(job)]
    assert told[:4] == ["JobQueued", "JobStarted", "JobProgressed", "JobFailed"]
    assert told[4:6] == ["JobQueued", "JobStarted"]
    assert told[-1] == "JobSucceeded"


async def test_a_cancelled_job_can_be_tried_again(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    assert accepted.job is not None
    await world.jobs.cancel(tenant.principal, accepted.job.id)
    await world.jobs.retry(tenant.principal, accepted.job.id)
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.READY


async def test_only_jobs_that_ended_badly_can_be_tried_again(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    assert accepted.job is not None
    for _ in range(2):
        with pytest.raises(Conflict) as refused:
            await world.jobs.retry(tenant.principal, accepted.job.id)
        assert refused.value.code is ErrorCode.WRONG_STATE
        await world.run_all()
    assert world.job(accepted.job.id).status is JobStatus.SUCCEEDED


async def test_a_job_about_older_content_cannot_be_tried_again(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, "Text.", external_id="x")
    await world.upsert(tenant, "Newer text.", external_id="x")
    assert first.job is not None
    before = world.job(first.job.id)
    with pytest.raises(Conflict) as refused:
        await world.jobs.retry(tenant.principal, first.job.id)
    assert refused.value.code is ErrorCode.WRONG_STATE
    assert world.job(first.job.id) == before


async def test_a_job_about_a_deleted_document_cannot_be_tried_again(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    assert accepted.job is not None
    await world.documents.delete(tenant.principal, accepted.document.id)
    await world.run_all()
    with pytest.raises(NotFound):
        await world.jobs.retry(tenant.principal, accepted.job.id)
    assert world.job(accepted.job.id).status is JobStatus.CANCELLED


async def test_repeated_calls_replay(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    assert accepted.job is not None
    job_id = accepted.job.id
    first = await world.jobs.cancel(tenant.principal, job_id, "c")
    await world.jobs.retry(tenant.principal, job_id, "r")
    again = await world.jobs.cancel(tenant.principal, job_id, "c")
    assert first.status is JobStatus.CANCELLED
    assert again.status is JobStatus.QUEUED
    await world.jobs.retry(tenant.principal, job_id, "r")
    with pytest.raises(Conflict) as refused:
        await world.jobs.cancel(tenant.principal, new_id(), "c")
    assert refused.value.code is ErrorCode.IDEMPOTENCY_MISMATCH


async def test_another_tenant_sees_and_stops_nothing(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    other = await add_tenant(world.database, name="Other")
    assert accepted.job is not None
    assert await world.jobs.get_many(other.principal, [accepted.job.id]) == []
    for act in (
        world.jobs.cancel(other.principal, accepted.job.id),
        world.jobs.retry(other.principal, accepted.job.id),
    ):
        with pytest.raises(NotFound):
            await act
    assert world.job(accepted.job.id) == accepted.job


async def test_scopes_are_required(world: World, tenant: Tenant) -> None:
    reader = make_principal(tenant.workspace.id, ApiScope.READ)
    writer = make_principal(tenant.workspace.id, ApiScope.WRITE)
    acts: list[Awaitable[object]] = [
        world.jobs.cancel(reader, new_id()),
        world.jobs.retry(reader, new_id()),
        world.jobs.get_many(writer, []),
        world.jobs.count(writer, None),
        world.jobs.page(writer, PageRequest(limit=1), JobOrder(), None),
        world.jobs.latest_for(writer, JobSubjectType.DOCUMENT, []),
    ]
    for act in acts:
        with pytest.raises(Forbidden):
            await act


async def test_jobs_are_listed_counted_and_found_by_subject(world: World, tenant: Tenant) -> None:
    made = [await world.upsert(tenant, f"Text {n}.") for n in range(3)]
    assert made[0].job is not None
    await world.jobs.cancel(tenant.principal, made[0].job.id)
    waiting = JobFilter(kind=JobKind.INGEST, status=JobStatusFilter(eq="QUEUED"))
    assert await world.jobs.count(tenant.principal, waiting) == 2
    page = await world.jobs.page(tenant.principal, PageRequest(limit=5), JobOrder(), waiting)
    assert {job.subject_id for job in page.items} == {made[1].document.id, made[2].document.id}
    latest = await world.jobs.latest_for(tenant.principal, JobSubjectType.DOCUMENT, [made[0].document.id])
    assert latest[made[0].document.id].status is JobStatus.CANCELLED
