"""Running jobs: leases, cancellation, failures, shutdown, and what subscribers hear."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest

from lorebase.core.errors import ErrorCode, Permanent, Unavailable
from lorebase.core.ids import new_id
from lorebase.core.logging import current_trace_id
from lorebase.schemas.jobs import (
    Job,
    JobLane,
    JobStatus,
)
from lorebase.services.jobs.job_control import JobControl
from lorebase.services.jobs.job_runner import JobRunner
from tests.fakes.job_stage import Stage, forever, until


async def test_a_job_runs_once_and_is_told_about(stage: Stage) -> None:
    job = await stage.add_job()
    await stage.runner.run(job.id)
    await stage.runner.run(job.id)
    assert stage.handler.runs == 1
    assert stage.world.job(job.id).status is JobStatus.SUCCEEDED
    assert stage.told(job) == ["JobStarted", "JobSucceeded"]


async def test_a_job_nobody_knows_is_left_alone(stage: Stage) -> None:
    await stage.runner.run(new_id())
    assert stage.handler.runs == 0


async def test_two_workers_never_run_one_job(stage: Stage) -> None:
    job = await stage.add_job()
    await asyncio.gather(*(stage.another_runner().run(job.id) for _ in range(10)))
    assert stage.handler.runs == 1


async def test_the_trace_of_the_request_goes_on_in_the_job(stage: Stage) -> None:
    seen: list[str] = []

    async def look(job: Job, control: JobControl) -> None:
        seen.append(current_trace_id())

    stage.handler.work = look
    await stage.runner.run((await stage.add_job("f" * 32)).id)
    assert seen == ["f" * 32]
    assert current_trace_id() == ""


async def test_due_jobs_are_run_up_to_the_free_slots(stage: Stage) -> None:
    jobs = [await stage.add_job() for _ in range(stage.world.settings.worker_answer_concurrency + 1)]
    assert await stage.runner.run_due(JobLane.DOCUMENTS) == 0
    assert await stage.runner.run_due(JobLane.ANSWERS) == len(jobs) - 1
    assert await stage.runner.run_due(JobLane.ANSWERS) == 1
    assert {stage.world.job(job.id).status for job in jobs} == {JobStatus.SUCCEEDED}


async def test_a_full_lane_claims_nothing(stage: Stage) -> None:
    stage.handler.work = forever
    slots = stage.world.settings.worker_answer_concurrency
    for _ in range(slots + 3):
        await stage.add_job()
    busy = asyncio.create_task(stage.runner.run_due(JobLane.ANSWERS))
    await until(lambda: stage.handler.runs == slots)
    assert await stage.runner.run_due(JobLane.ANSWERS) == 0
    busy.cancel()
    await asyncio.wait({busy})
    waiting = [job for job in stage.world.database.state.jobs.values() if job.status is JobStatus.QUEUED]
    assert len(waiting) == slots + 3
    assert {job.attempt for job in waiting} == {0}


async def test_a_transient_failure_is_retried_and_told(stage: Stage) -> None:
    job = await stage.add_job()

    async def fail_once(running: Job, control: JobControl) -> None:
        if stage.handler.runs == 1:
            raise ValueError("SECRET")

    stage.handler.work = fail_once
    await stage.runner.run(job.id)
    waiting = stage.world.job(job.id)
    assert (waiting.status, waiting.attempt, waiting.is_retrying) == (JobStatus.QUEUED, 1, True)
    await stage.runner.run(job.id)
    assert stage.told(job) == ["JobStarted", "JobRetried", "JobStarted", "JobSucceeded"]
    assert [(error.code, final) for error, final in stage.handler.failures] == [(ErrorCode.INTERNAL, False)]


async def test_a_permanent_failure_ends_the_job_and_is_told(stage: Stage) -> None:
    async def refuse(job: Job, control: JobControl) -> None:
        raise Permanent("The key is refused.", code=ErrorCode.MODEL_REFUSED)

    stage.handler.work = refuse
    job = await stage.add_job()
    await stage.runner.run(job.id)
    assert stage.world.job(job.id).status is JobStatus.FAILED
    assert stage.told(job) == ["JobStarted", "JobFailed"]
    assert [final for _, final in stage.handler.failures] == [True]


async def test_a_job_that_kills_its_workers_ends_after_its_attempts(stage: Stage) -> None:
    job = await stage.add_job()
    for _ in range(stage.world.settings.job_attempts_maximum):
        async with stage.world.units.for_system() as uow:
            assert await uow.jobs.claim(job.id, timedelta()) is not None
            await uow.commit()
    await stage.runner.run(job.id)
    assert stage.handler.runs == 0
    row = stage.world.job(job.id)
    assert row.status is JobStatus.FAILED
    assert row.error is not None


async def test_an_unknown_error_is_logged_once_with_its_place_and_no_content(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(job: Job, control: JobControl) -> None:
        raise ValueError("SECRET of a document")

    stage.handler.work = fail
    with caplog.at_level(logging.DEBUG):
        await stage.runner.run((await stage.add_job()).id)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "ValueError at" in errors[0].__dict__["error"]
    assert "SECRET" not in caplog.text + str([record.__dict__ for record in caplog.records])


async def test_a_kind_that_this_worker_does_not_know_is_left_to_others(stage: Stage) -> None:
    job = await stage.add_job()
    older = JobRunner(
        units=stage.world.units,
        handlers={},
        events=stage.world.events,
        settings=stage.world.settings,
        clock=stage.world.clock,
    )
    await older.run(job.id)
    row = stage.world.job(job.id)
    assert (row.status, row.attempt) == (JobStatus.QUEUED, 0)
    assert row.run_at > stage.world.clock.now()


async def test_an_outage_while_settling_leaves_the_job_to_its_lease(stage: Stage) -> None:
    job = await stage.add_job()

    async def outage(running: Job, control: JobControl) -> None:
        stage.world.database.down = True
        raise ValueError("x")

    stage.handler.work = outage
    with pytest.raises(Unavailable):
        await stage.runner.run(job.id)
    stage.world.database.down = False
    stage.handler.work = None
    stage.world.clock.advance(1)
    assert await stage.runner.run_due(JobLane.ANSWERS) == 1
    assert stage.world.job(job.id).status is JobStatus.SUCCEEDED


async def test_one_job_in_trouble_does_not_hurt_those_beside_it(stage: Stage) -> None:
    jobs = [await stage.add_job() for _ in range(4)]

    async def work(job: Job, control: JobControl) -> None:
        if job.id == jobs[0].id:
            raise Permanent("no", code=ErrorCode.CORRUPT)

    stage.handler.work = work
    assert await stage.runner.run_due(JobLane.ANSWERS) == 4
    states = [stage.world.job(job.id).status for job in jobs]
    assert states == [JobStatus.FAILED, *[JobStatus.SUCCEEDED] * 3]
