"""Jobs of a workspace in PostgreSQL: their life, and what a fence refuses."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from lorebase.core.config import Settings
from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.filters import JobFilter, JobStatusFilter
from lorebase.schemas.jobs import (
    Job,
    JobError,
    JobKind,
    JobOrder,
    JobOrderField,
    JobProgress,
    JobStage,
    JobStatus,
    JobSubjectType,
)
from lorebase.schemas.pagination import PageRequest
from tests.integration.sql.factories import Tenant, job

Units = SqlUnitOfWorkFactory
LEASE = timedelta(seconds=60)
OUTAGE = JobError(code=ErrorCode.MODEL_UNAVAILABLE, message="Try later.", retryable=True)
BROKEN = JobError(code=ErrorCode.CORRUPT, message="The file is broken.", retryable=False)


async def add(units: Units, tenant: Tenant, **fields: object) -> Job:
    async with units.for_workspace(tenant.workspace_id) as uow:
        added = await uow.jobs.add(job(**fields))
        await uow.commit()
    return added


async def claim(units: Units, job_id: UUID, lease: timedelta = LEASE) -> Job:
    async with units.for_system() as system:
        claimed = await system.jobs.claim(job_id, lease)
        await system.commit()
    assert claimed is not None
    return claimed


async def read(units: Units, tenant: Tenant, job_id: UUID) -> Job:
    async with units.for_workspace(tenant.workspace_id) as uow:
        return await uow.jobs.get(job_id)


async def test_a_new_job_is_queued_and_due_at_once(units: Units, tenant: Tenant) -> None:
    subject = new_id()
    added = await add(units, tenant, subject_id=subject, parameters={"knowledge_base_id": "x"})
    assert (added.status, added.attempt, added.fence) == (JobStatus.QUEUED, 0, 0)
    assert (added.subject_id, added.parameters) == (subject, {"knowledge_base_id": "x"})
    assert added.progress == JobProgress()
    assert await read(units, tenant, added.id) == added
    async with units.for_system() as system:
        assert (added.id, 0) in await system.jobs.due(added.lane, 10)


async def test_a_job_that_succeeds_is_finished_and_carries_no_error(units: Units, tenant: Tenant) -> None:
    claimed = await claim(units, (await add(units, tenant)).id)
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.jobs.start(claimed.id, claimed.fence)
        done = await uow.jobs.succeed(claimed.id, claimed.fence)
        await uow.commit()
    assert done is not None
    assert (done.status, done.error, done.attempt) == (JobStatus.SUCCEEDED, None, 1)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.finished_at >= done.started_at


async def noted(units: Units, job: Job, progress: JobProgress) -> None:
    """As a heartbeat does."""
    async with units.for_system() as system:
        await system.jobs.heartbeat(job.id, job.fence, LEASE, progress, 0)
        await system.commit()


@pytest.mark.parametrize(
    ("before", "given", "after"),
    [
        (JobProgress(), None, JobProgress()),
        (
            JobProgress(stage=JobStage.INDEX, completed=3),
            None,
            JobProgress(stage=JobStage.INDEX, completed=3),
        ),
        (
            JobProgress(stage=JobStage.INDEX, completed=3, total=9),
            None,
            JobProgress(stage=JobStage.INDEX, completed=9, total=9),
        ),
        (
            JobProgress(stage=JobStage.EMBED, completed=3, total=9),
            JobProgress(stage=JobStage.INDEX, completed=11, total=11),
            JobProgress(stage=JobStage.INDEX, completed=11, total=11),
        ),
    ],
)
async def test_a_job_that_succeeds_has_done_all_there_was_to_do(
    units: Units, tenant: Tenant, before: JobProgress, given: JobProgress | None, after: JobProgress
) -> None:
    claimed = await claim(units, (await add(units, tenant)).id)
    await noted(units, claimed, before)
    async with units.for_workspace(tenant.workspace_id) as uow:
        done = await uow.jobs.succeed(claimed.id, claimed.fence, given)
        await uow.commit()
    assert done is not None
    assert done.progress == after
    assert (await read(units, tenant, claimed.id)).progress == after


async def test_a_job_that_fails_keeps_how_far_it_came(units: Units, tenant: Tenant) -> None:
    claimed = await claim(units, (await add(units, tenant)).id)
    came = JobProgress(stage=JobStage.INDEX, completed=3, total=9)
    await noted(units, claimed, came)
    async with units.for_workspace(tenant.workspace_id) as uow:
        failed = await uow.jobs.fail(claimed.id, claimed.fence, BROKEN)
        await uow.commit()
    assert failed is not None
    assert failed.progress == came


async def test_an_old_fence_changes_nothing(units: Units, tenant: Tenant) -> None:
    claimed = await claim(units, (await add(units, tenant)).id)
    stale = claimed.fence - 1
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert not await uow.jobs.start(claimed.id, stale)
        assert await uow.jobs.succeed(claimed.id, stale) is None
        assert await uow.jobs.fail(claimed.id, stale, BROKEN) is None
        assert await uow.jobs.cancel(claimed.id, stale) is None
        assert await uow.jobs.requeue(claimed.id, stale, OUTAGE, LEASE, burn_attempt=True) is None
        await uow.commit()
    async with units.for_system() as system:
        beat = await system.jobs.heartbeat(claimed.id, stale, LEASE, None, 0)
        assert (beat.holds, beat.cancel_requested) == (False, False)
    assert await read(units, tenant, claimed.id) == claimed


async def test_a_finished_job_cannot_finish_again(units: Units, tenant: Tenant) -> None:
    claimed = await claim(units, (await add(units, tenant)).id)
    async with units.for_workspace(tenant.workspace_id) as uow:
        failed = await uow.jobs.fail(claimed.id, claimed.fence, BROKEN)
        assert failed is not None
        assert (failed.status, failed.error) == (JobStatus.FAILED, BROKEN)
        assert await uow.jobs.succeed(claimed.id, claimed.fence) is None
        assert not await uow.jobs.start(claimed.id, claimed.fence)


@pytest.mark.parametrize(("burn_attempt", "attempt"), [(True, 1), (False, 0)])
async def test_a_job_given_back_waits_for_its_delay_and_an_outage_burns_no_attempt(
    units: Units, tenant: Tenant, burn_attempt: bool, attempt: int
) -> None:
    claimed = await claim(units, (await add(units, tenant)).id)
    hour = timedelta(hours=1)
    async with units.for_workspace(tenant.workspace_id) as uow:
        back = await uow.jobs.requeue(claimed.id, claimed.fence, OUTAGE, hour, burn_attempt=burn_attempt)
        await uow.commit()
    assert back is not None
    assert (back.status, back.attempt, back.error) == (JobStatus.QUEUED, attempt, OUTAGE)
    assert hour - timedelta(seconds=5) < back.run_at - back.updated_at < hour + timedelta(seconds=5)
    async with units.for_system() as system:
        assert await system.jobs.claim(claimed.id, LEASE) is None
        assert await system.jobs.due(claimed.lane, 10) == []


async def test_cancelling_ends_a_queued_job_and_tells_a_running_one(units: Units, tenant: Tenant) -> None:
    queued, running = await add(units, tenant), await claim(units, (await add(units, tenant)).id)
    async with units.for_workspace(tenant.workspace_id) as uow:
        first = await uow.jobs.request_cancel(queued.id)
        second = await uow.jobs.request_cancel(running.id)
        await uow.commit()
    assert (first.status, first.finished_at is not None) == (JobStatus.CANCELLED, True)
    assert (second.status, second.cancel_requested) == (JobStatus.RUNNING, True)
    async with units.for_system() as system:
        beat = await system.jobs.heartbeat(running.id, running.fence, LEASE, None, 0)
        assert (beat.holds, beat.cancel_requested) == (True, True)
        assert await system.jobs.claim(queued.id, LEASE) is None
    async with units.for_workspace(tenant.workspace_id) as uow:
        stopped = await uow.jobs.cancel(running.id, running.fence)
        assert stopped is not None
        assert (stopped.status, stopped.error) == (JobStatus.CANCELLED, None)
        assert await uow.jobs.request_cancel(running.id) == stopped


async def test_cancelling_a_subjects_jobs_leaves_others_and_finished_ones_alone(
    units: Units, tenant: Tenant
) -> None:
    subject = new_id()
    queued = await add(units, tenant, subject_id=subject)
    running = await claim(units, (await add(units, tenant, subject_id=subject)).id)
    done = await claim(units, (await add(units, tenant, subject_id=subject)).id)
    other = await add(units, tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.jobs.succeed(done.id, done.fence)
        asked = await uow.jobs.cancel_open_for(JobSubjectType.DOCUMENT, subject)
        await uow.commit()
    assert set(asked) == {queued.id, running.id}
    assert (await read(units, tenant, other.id)).status is JobStatus.QUEUED
    assert (await read(units, tenant, done.id)).status is JobStatus.SUCCEEDED


async def test_a_restarted_job_begins_from_its_first_attempt(units: Units, tenant: Tenant) -> None:
    claimed = await claim(units, (await add(units, tenant)).id)
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(Conflict) as refused:
            await uow.jobs.restart(claimed.id)
        assert refused.value.code is ErrorCode.WRONG_STATE
        await uow.jobs.fail(claimed.id, claimed.fence, BROKEN)
        again = await uow.jobs.restart(claimed.id)
        await uow.commit()
    assert (again.status, again.attempt, again.error) == (JobStatus.QUEUED, 0, None)
    assert (again.started_at, again.finished_at, again.cancel_requested) == (None, None, False)
    assert (await claim(units, claimed.id)).fence == claimed.fence + 1
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(NotFound):
            await uow.jobs.restart(new_id())


async def test_progress_is_noted_while_the_claim_holds(units: Units, tenant: Tenant) -> None:
    claimed = await claim(units, (await add(units, tenant)).id)
    progress = JobProgress(stage=JobStage.EMBED, completed=3, total=9)
    async with units.for_system() as system:
        await system.jobs.heartbeat(claimed.id, claimed.fence, LEASE, progress, 17)
        await system.jobs.heartbeat(claimed.id, claimed.fence, LEASE, None, 4)
        await system.commit()
    now = await read(units, tenant, claimed.id)
    assert (now.progress, now.event_sequence) == (progress, 17)


async def test_a_retried_job_shows_no_progress_of_the_attempt_before(units: Units, tenant: Tenant) -> None:
    claimed = await claim(units, (await add(units, tenant)).id)
    progress = JobProgress(stage=JobStage.EMBED, completed=3, total=9)
    async with units.for_system() as system:
        await system.jobs.heartbeat(claimed.id, claimed.fence, LEASE, progress, 0)
        await system.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        back = await uow.jobs.requeue(claimed.id, claimed.fence, OUTAGE, timedelta(0), burn_attempt=True)
        await uow.commit()
    assert back is not None
    assert back.progress == JobProgress()
    assert (await claim(units, claimed.id)).progress == JobProgress()


async def test_the_newest_job_of_each_subject_is_found(units: Units, tenant: Tenant) -> None:
    one, two, none = new_id(), new_id(), new_id()
    await add(units, tenant, subject_id=one)
    newest = await add(units, tenant, subject_id=one, kind=JobKind.SYNC_METADATA)
    other = await add(units, tenant, subject_id=two)
    await add(units, tenant, subject_id=none, subject_type=JobSubjectType.ANSWER)
    async with units.for_workspace(tenant.workspace_id) as uow:
        found = await uow.jobs.latest_for(JobSubjectType.DOCUMENT, [one, two, none])
    assert found == {one: newest, two: other}


async def test_lists_tell_queued_from_retrying(units: Units, tenant: Tenant) -> None:
    fresh = await add(units, tenant)
    tried = await claim(units, (await add(units, tenant)).id)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.jobs.requeue(tried.id, tried.fence, OUTAGE, timedelta(0), burn_attempt=True)
        for status, expected in (("QUEUED", [fresh.id]), ("RETRYING", [tried.id]), ("RUNNING", [])):
            condition = JobFilter(status=JobStatusFilter(eq=status))
            page = await uow.jobs.page(PageRequest(limit=5), JobOrder(), condition)
            assert [one.id for one in page.items] == expected, status
            assert await uow.jobs.count(condition) == len(expected)
        neither = JobFilter(status=JobStatusFilter(nin=("QUEUED", "RETRYING")))
        assert await uow.jobs.count(neither) == 0
        both = JobFilter(not_=neither)
        assert await uow.jobs.count(both) == 2


@pytest.mark.parametrize("field", list(JobOrderField))
async def test_jobs_are_listed_newest_first(units: Units, tenant: Tenant, field: JobOrderField) -> None:
    made = [(await add(units, tenant)).id for _ in range(3)]
    async with units.for_workspace(tenant.workspace_id) as uow:
        page = await uow.jobs.page(PageRequest(limit=5), JobOrder(field=field), None)
    assert [one.id for one in page.items] == made[::-1]


@pytest.fixture
def database_settings() -> Settings:
    return Settings(database_pool_size=25, open_jobs_maximum=2)


async def test_open_jobs_are_counted_up_to_one_past_the_limit(units: Units, tenant: Tenant) -> None:
    done = await claim(units, (await add(units, tenant)).id)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.jobs.succeed(done.id, done.fence)
        assert await uow.jobs.count_open() == 0
        for expected in (1, 2, 3, 3):
            await uow.jobs.add(job())
            assert await uow.jobs.count_open() == expected
