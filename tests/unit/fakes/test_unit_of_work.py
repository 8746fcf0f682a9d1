"""The database in memory keeps the promises that the services rely on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lorebase.core.errors import Conflict, ErrorCode, NotFound, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.jobs import (
    JobError,
    JobKind,
    JobLane,
    JobProgress,
    JobStage,
    JobStatus,
    JobSubjectType,
    NewJob,
)
from tests.factories import WORKSPACE_ID, add_tenant, make_document, make_version
from tests.fakes.faults import Crash, Faults
from tests.fakes.unit_of_work import FakeUnits, MemoryDatabase

BASE = new_id()
LEASE = timedelta(seconds=20)
ERROR = JobError(code=ErrorCode.INTERNAL, message="no", retryable=True)


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


def a_job() -> NewJob:
    return NewJob(
        id=new_id(),
        kind=JobKind.INGEST,
        lane=JobLane.DOCUMENTS,
        subject_type=JobSubjectType.DOCUMENT,
        subject_id=new_id(),
    )


async def add_job(database: MemoryDatabase, workspace_id: object = WORKSPACE_ID) -> NewJob:
    job = a_job()
    async with FakeUnits(database).for_workspace(workspace_id) as uow:  # type: ignore[arg-type]
        await uow.jobs.add(job)
        await uow.commit()
    return job


async def test_leaving_without_a_commit_rolls_everything_back(database: MemoryDatabase) -> None:
    units, document = FakeUnits(database), make_document(BASE)
    async with units.for_workspace(WORKSPACE_ID) as uow:
        await uow.documents.add(document)
        assert await uow.documents.get(document.id) == document
    async with units.for_workspace(WORKSPACE_ID) as uow:
        with pytest.raises(NotFound):
            await uow.documents.get(document.id)


async def test_what_follows_a_commit_is_rolled_back_alone(database: MemoryDatabase) -> None:
    units, first, second = FakeUnits(database), make_document(BASE), make_document(BASE)
    async with units.for_workspace(WORKSPACE_ID) as uow:
        await uow.documents.add(first)
        await uow.commit()
        await uow.documents.add(second)
    assert list(database.state.documents) == [first.id]


async def test_a_tenant_sees_and_writes_its_own_rows_only(database: MemoryDatabase) -> None:
    units, document, job = FakeUnits(database), make_document(BASE, external_id="x"), a_job()
    async with units.for_workspace(WORKSPACE_ID) as uow:
        await uow.documents.add(document)
        await uow.versions.add(make_version(document))
        await uow.jobs.add(job)
        await uow.commit()
    async with units.for_workspace(new_id()) as uow:
        assert await uow.documents.get_many([document.id]) == []
        assert await uow.documents.by_external_id(BASE, "x") is None
        assert await uow.versions.latest(document.id) is None
        assert await uow.jobs.get_many([job.id]) == []
        assert await uow.jobs.cancel_open_for(job.subject_type, job.subject_id) == []
        with pytest.raises(AssertionError):
            await uow.documents.add(make_document(BASE))


async def test_an_external_id_is_unique_among_the_living(database: MemoryDatabase) -> None:
    async with FakeUnits(database).for_workspace(WORKSPACE_ID) as uow:
        first = make_document(BASE, external_id="x")
        assert await uow.documents.add(first)
        assert not await uow.documents.add(make_document(BASE, external_id="x"))
        assert await uow.documents.add(make_document(new_id(), external_id="x"))
        await uow.documents.mark_deleting(first.id)
        assert await uow.documents.add(make_document(BASE, external_id="x"))


async def test_only_the_current_generation_becomes_live(database: MemoryDatabase) -> None:
    async with FakeUnits(database).for_workspace(WORKSPACE_ID) as uow:
        document = make_document(BASE, generation=2)
        await uow.documents.add(document)
        version_id = new_id()
        assert not await uow.documents.make_live(document.id, 1, version_id, None)
        assert await uow.documents.make_live(document.id, 2, version_id, "en")
        live = await uow.documents.get(document.id)
        assert (live.status, live.live_generation, live.language) == (DocumentStatus.READY, 2, "en")
        waiting = frozenset({DocumentStatus.ACCEPTED})
        assert not await uow.documents.set_status(document.id, 2, DocumentStatus.FAILED, expected=waiting)


async def test_saving_grows_the_version_and_keeps_what_never_changes(database: MemoryDatabase) -> None:
    async with FakeUnits(database).for_workspace(WORKSPACE_ID) as uow:
        document = make_document(BASE, external_id="x")
        await uow.documents.add(document)
        changed = document.model_copy(update={"title": "New", "version": 99, "external_id": "y"})
        saved = await uow.documents.save(changed)
    assert (saved.title, saved.version, saved.external_id) == ("New", 2, "x")


async def test_a_claim_is_exclusive_until_its_lease_runs_out(database: MemoryDatabase) -> None:
    job, units = await add_job(database), FakeUnits(database)
    for fence in (1, 2):
        async with units.for_system() as uow:
            claimed = await uow.jobs.claim(job.id, LEASE)
            assert claimed is not None
            assert (claimed.status, claimed.fence, claimed.attempt) == (JobStatus.RUNNING, fence, fence)
            assert await uow.jobs.claim(job.id, LEASE) is None
            assert await uow.jobs.due(JobLane.DOCUMENTS, 5) == []
            await uow.commit()
        database.clock.advance(LEASE.total_seconds())


async def test_an_old_fence_changes_nothing(database: MemoryDatabase) -> None:
    job, units = await add_job(database), FakeUnits(database)
    async with units.for_system() as system:
        await system.jobs.claim(job.id, timedelta())
        await system.jobs.claim(job.id, LEASE)
        beat = await system.jobs.heartbeat(job.id, 1, LEASE, None, 9)
        assert not beat.holds
        await system.commit()
    before = database.state.jobs[job.id]
    async with units.for_workspace(WORKSPACE_ID) as uow:
        assert not await uow.jobs.start(job.id, 1)
        assert await uow.jobs.succeed(job.id, 1) is None
        assert await uow.jobs.fail(job.id, 1, ERROR) is None
        assert await uow.jobs.cancel(job.id, 1) is None
        assert await uow.jobs.requeue(job.id, 1, ERROR, LEASE, burn_attempt=True) is None
        await uow.commit()
    assert database.state.jobs[job.id] == before


async def test_a_heartbeat_renews_and_tells(database: MemoryDatabase) -> None:
    job, units = await add_job(database), FakeUnits(database)
    async with units.for_system() as system:
        await system.jobs.claim(job.id, LEASE)
        await system.commit()
    async with units.for_workspace(WORKSPACE_ID) as uow:
        asked = await uow.jobs.request_cancel(job.id)
        assert (asked.status, asked.cancel_requested) == (JobStatus.RUNNING, True)
        await uow.commit()
    database.clock.advance(15)
    async with units.for_system() as system:
        progress = JobProgress(stage=JobStage.EMBED, completed=1, total=2)
        beat = await system.jobs.heartbeat(job.id, 1, LEASE, progress, 7)
        assert (beat.holds, beat.cancel_requested) == (True, True)
        await system.commit()
    database.clock.advance(15)
    async with units.for_system() as system:
        assert await system.jobs.claim(job.id, LEASE) is None
    row = database.state.jobs[job.id]
    assert (row.progress, row.event_sequence) == (progress, 7)


async def test_a_requeued_job_waits_and_counts_as_told(database: MemoryDatabase) -> None:
    job, units = await add_job(database), FakeUnits(database)
    for burn, attempts in ((True, 1), (False, 1)):
        async with units.for_system() as system:
            claimed = await system.jobs.claim(job.id, LEASE)
            assert claimed is not None
            await system.commit()
        async with units.for_workspace(WORKSPACE_ID) as uow:
            back = await uow.jobs.requeue(job.id, claimed.fence, ERROR, LEASE, burn_attempt=burn)
            assert back is not None
            assert (back.status, back.attempt, back.error) == (JobStatus.QUEUED, attempts, ERROR)
            await uow.commit()
        async with units.for_system() as system:
            assert await system.jobs.claim(job.id, LEASE) is None
        database.clock.advance(LEASE.total_seconds())


async def test_claims_are_fair_between_workspaces(database: MemoryDatabase) -> None:
    greedy, modest = new_id(), new_id()
    for _ in range(5):
        await add_job(database, greedy)
    await add_job(database, modest)
    async with FakeUnits(database).for_system() as system:
        claimed = await system.jobs.claim_due(JobLane.DOCUMENTS, 2, LEASE)
    assert {job.workspace_id for job in claimed} == {greedy, modest}


async def test_only_jobs_that_ended_badly_restart(database: MemoryDatabase) -> None:
    job = await add_job(database)
    async with FakeUnits(database).for_workspace(WORKSPACE_ID) as uow:
        with pytest.raises(Conflict):
            await uow.jobs.restart(job.id)
        assert (await uow.jobs.request_cancel(job.id)).status is JobStatus.CANCELLED
        again = await uow.jobs.restart(job.id)
        assert (again.status, again.cancel_requested) == (JobStatus.QUEUED, False)


async def test_a_database_that_is_down_begins_and_commits_nothing(database: MemoryDatabase) -> None:
    units = FakeUnits(database)
    async with units.for_workspace(WORKSPACE_ID) as uow:
        await uow.documents.add(make_document(BASE))
        database.down = True
        with pytest.raises(Unavailable):
            await uow.commit()
    with pytest.raises(Unavailable):
        async with units.for_system():
            raise AssertionError("a transaction began")
    assert database.state.documents == {}


async def test_a_crash_after_a_commit_leaves_what_was_committed(database: MemoryDatabase) -> None:
    async def accept(faults: Faults) -> None:
        async with FakeUnits(database, faults).for_workspace(WORKSPACE_ID) as uow:
            await uow.documents.add(make_document(BASE))
            await uow.commit()

    for step, kept in ((1, 0), (2, 0), (3, 1)):
        faults = Faults()
        faults.crash_at(step)
        with pytest.raises(Crash):
            await accept(faults)
        assert len(database.state.documents) == kept


async def test_a_slug_is_unique_across_tenants(database: MemoryDatabase) -> None:
    tenant = await add_tenant(database)
    async with FakeUnits(database).for_workspace(new_id()) as uow:
        with pytest.raises(Conflict):
            await uow.workspaces.add(uow.workspace_id, tenant.workspace.slug, "x", "p")
