"""Leases, progress and the wish to stop: what happens to a job while it runs."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial

from lorebase.core.errors import JobCancelled
from lorebase.core.ids import new_id
from lorebase.schemas.jobs import (
    Job,
    JobStage,
    JobStatus,
)
from lorebase.services.jobs.job_control import JobControl
from tests.factories import add_tenant, make_settings
from tests.fakes.job_stage import DEADLINE_SECONDS, Stage, forever, until
from tests.fakes.world import World


async def test_a_long_job_keeps_its_lease(stage: Stage) -> None:
    job = await stage.add_job()
    world = stage.world

    def renewed_after(lease: datetime) -> bool:
        return world.database.state.leases[job.id] > lease

    async def slow(running: Job, control: JobControl) -> None:
        for _ in range(8):
            renewed = partial(renewed_after, world.database.state.leases[job.id])
            world.clock.advance(0.1)
            await until(renewed)
            async with world.units.for_system() as uow:
                assert await uow.jobs.claim(job.id, timedelta(seconds=1)) is None

    stage.handler.work = slow
    await stage.runner.run(job.id)
    assert world.job(job.id).status is JobStatus.SUCCEEDED


async def test_the_heartbeat_notes_progress_and_the_event_floor(stage: Stage) -> None:
    job = await stage.add_job()

    async def work(running: Job, control: JobControl) -> None:
        await control.progress(JobStage.EMBED, 3, 9)
        await until(lambda: stage.world.job(job.id).progress.completed == 3)

    stage.handler.work = work
    await stage.runner.run(job.id)
    row = stage.world.job(job.id)
    assert (row.progress.stage, row.progress.total) == (JobStage.EMBED, 9)
    assert row.event_sequence == 2


async def test_progress_is_told_at_most_four_times_a_second(stage: Stage) -> None:
    job = await stage.add_job()

    async def work(running: Job, control: JobControl) -> None:
        for done in range(100):
            await control.progress(JobStage.EMBED, done, 100)
            stage.world.clock.advance(0.05)

    stage.handler.work = work
    await stage.runner.run(job.id)
    assert 19 <= stage.told(job).count("JobProgressed") <= 21


async def test_silent_subscribers_do_not_stop_a_job(stage: Stage) -> None:
    job = await stage.add_job()
    stage.world.streams.down = True

    async def work(running: Job, control: JobControl) -> None:
        for done in range(10):
            await control.progress(JobStage.EMBED, done, 10)

    stage.handler.work = work
    await stage.runner.run(job.id)
    assert stage.world.job(job.id).status is JobStatus.SUCCEEDED


async def test_a_cancelled_job_stops_within_a_third_of_its_lease(stage: Stage) -> None:
    stage.handler.work = forever
    job = await stage.add_job()
    running = asyncio.create_task(stage.runner.run(job.id))
    await until(lambda: stage.handler.runs == 1)
    async with stage.world.units.for_workspace(job.workspace_id) as uow:
        await uow.jobs.request_cancel(job.id)
        await uow.commit()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await running
    assert stage.world.job(job.id).status is JobStatus.CANCELLED
    assert stage.handler.cancellations == 1
    assert stage.told(job)[-1] == "JobFailed"
    assert stage.world.job(job.id).error is None


async def test_a_hint_makes_the_worker_look_at_once() -> None:
    world = World(make_settings(job_lease_seconds=3600.0))
    stage = Stage(world, await add_tenant(world.database), forever)
    job = await stage.add_job()
    running = asyncio.create_task(stage.runner.run(job.id))
    await until(lambda: stage.handler.runs == 1)
    await stage.runner.notice_cancel(job.id)
    await stage.runner.notice_cancel(new_id())
    assert not running.done()
    async with world.units.for_workspace(job.workspace_id) as uow:
        await uow.jobs.request_cancel(job.id)
        await uow.commit()
    await stage.runner.notice_cancel(job.id)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await running
    assert world.job(job.id).status is JobStatus.CANCELLED


async def test_a_job_cancelled_while_its_worker_was_dead_never_runs_again(stage: Stage) -> None:
    job = await stage.add_job()
    async with stage.world.units.for_system() as uow:
        await uow.jobs.claim(job.id, timedelta())
        await uow.commit()
    async with stage.world.units.for_workspace(job.workspace_id) as uow:
        await uow.jobs.request_cancel(job.id)
        await uow.commit()
    await stage.runner.run(job.id)
    assert (stage.handler.runs, stage.handler.cancellations) == (0, 1)
    assert stage.world.job(job.id).status is JobStatus.CANCELLED


async def test_a_handler_may_stop_itself_when_asked(stage: Stage) -> None:
    async def stop(job: Job, control: JobControl) -> None:
        raise JobCancelled("asked")

    stage.handler.work = stop
    job = await stage.add_job()
    await stage.runner.run(job.id)
    assert stage.world.job(job.id).status is JobStatus.CANCELLED


async def test_a_worker_that_lost_its_lease_stops_and_writes_nothing(stage: Stage) -> None:
    stage.handler.work = forever
    job = await stage.add_job()
    running = asyncio.create_task(stage.runner.run(job.id))
    await until(lambda: stage.handler.runs == 1)
    stage.world.clock.advance(1)
    async with stage.world.units.for_system() as uow:
        taken = await uow.jobs.claim(job.id, timedelta(hours=1))
        await uow.commit()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await running
    assert stage.world.job(job.id) == taken
    assert stage.handler.failures == []
    assert stage.handler.cancellations == 0
    assert stage.told(job) == ["JobStarted"]


async def test_a_frozen_worker_cannot_commit_over_the_next_one(stage: Stage) -> None:
    async def freeze(job: Job, control: JobControl) -> None:
        stage.world.clock.advance(1)
        async with stage.world.units.for_system() as uow:
            assert await uow.jobs.claim(job.id, timedelta(hours=1)) is not None
            await uow.commit()

    stage.handler.work = freeze
    job = await stage.add_job()
    await stage.runner.run(job.id)
    row = stage.world.job(job.id)
    assert (row.status, row.fence) == (JobStatus.RUNNING, 2)
    assert stage.handler.failures == []


async def test_without_the_database_work_stops_when_the_lease_runs_out(stage: Stage) -> None:
    stage.handler.work = forever
    job = await stage.add_job()
    running = asyncio.create_task(stage.runner.run(job.id))
    await until(lambda: stage.handler.runs == 1)
    stage.world.database.down = True
    stage.world.clock.advance(1)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await running
    stage.world.database.down = False
    assert stage.world.job(job.id).status is JobStatus.RUNNING
    stage.handler.work = None
    await stage.runner.run(job.id)
    assert stage.world.job(job.id).status is JobStatus.SUCCEEDED


async def test_a_worker_that_shuts_down_gives_the_job_back_at_no_cost(stage: Stage) -> None:
    stage.handler.work = forever
    job = await stage.add_job()
    running = asyncio.create_task(stage.runner.run(job.id))
    await until(lambda: stage.handler.runs == 1)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    row = stage.world.job(job.id)
    assert (row.status, row.attempt, row.run_at) == (JobStatus.QUEUED, 0, stage.world.clock.now())
    assert [final for _, final in stage.handler.failures] == [False]
    stage.handler.work = None
    await stage.another_runner().run(job.id)
    assert stage.world.job(job.id).status is JobStatus.SUCCEEDED


async def test_a_job_that_ended_during_the_shutdown_stays_ended(stage: Stage) -> None:
    job = await stage.add_job()

    async def end_and_linger(running: Job, control: JobControl) -> None:
        async with stage.world.units.for_workspace(job.workspace_id) as uow:
            await uow.jobs.succeed(running.id, running.fence)
            await uow.commit()
        await asyncio.Event().wait()

    stage.handler.work = end_and_linger
    running = asyncio.create_task(stage.runner.run(job.id))
    await until(lambda: stage.world.job(job.id).is_terminal)
    running.cancel()
    await asyncio.wait({running})
    assert stage.world.job(job.id).status is JobStatus.SUCCEEDED
