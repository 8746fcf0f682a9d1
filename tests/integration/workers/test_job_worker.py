"""Hints are quick where Redis is, the sweep finds the rest, and no part takes another along."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest
from redis.asyncio import Redis

from lorebase.clients.arq_queue import CANCEL_CHANNEL, ArqJobQueue
from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.jobs import HINTED_LANES, JobLane
from lorebase.workers.heartbeat import STALE_SECONDS, is_alive
from tests.integration.workers.conftest import DEADLINE_SECONDS, NotingRunner, OwnValkey, Workshop

NOWHERE = "unix:///nonexistent/valkey.sock"
RARELY = 3600.0


async def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.01)


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[ArqJobQueue]:
    made = ArqJobQueue(redis_url)
    yield made
    await made.close()


async def listening(redis_url: str) -> None:
    """Returns once a worker listens for cancels."""
    redis = Redis.from_url(redis_url)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (await redis.pubsub_numsub(CANCEL_CHANNEL))[0][1] == 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await redis.aclose()


async def wake(queue: ArqJobQueue, lane: JobLane, count: int = 1) -> list[UUID]:
    jobs = [new_id() for _ in range(count)]
    for job_id in jobs:
        await queue.wake(job_id, 1, lane)
    return jobs


@pytest.mark.parametrize("lane", HINTED_LANES)
async def test_a_hint_starts_its_job_long_before_a_sweep(
    lane: JobLane, queue: ArqJobQueue, redis_url: str, runner: NotingRunner, workshop: Workshop
) -> None:
    runner.finish.set()
    async with workshop.worker(runner, redis_url, sweep_seconds=RARELY):
        jobs = await wake(queue, lane)
        await until(lambda: runner.finished == jobs, "the job of the hint")


async def test_hints_that_waited_for_a_worker_are_followed(
    queue: ArqJobQueue, redis_url: str, runner: NotingRunner, workshop: Workshop
) -> None:
    jobs = await wake(queue, JobLane.ANSWERS, count=5)
    runner.finish.set()
    async with workshop.worker(runner, redis_url, sweep_seconds=RARELY):
        await until(lambda: set(runner.finished) == set(jobs), "all jobs")


async def test_no_more_jobs_run_at_once_than_a_lane_has_slots(
    queue: ArqJobQueue, redis_url: str, runner: NotingRunner, workshop: Workshop
) -> None:
    jobs = await wake(queue, JobLane.DOCUMENTS, count=5)
    async with workshop.worker(runner, redis_url, sweep_seconds=RARELY):
        await until(lambda: runner.running == 2, "two jobs at once")
        answers = await wake(queue, JobLane.ANSWERS)
        await until(lambda: runner.running == 3, "an answer beside two documents")
        assert set(runner.started) - set(answers) < set(jobs)
        runner.finish.set()
        await until(lambda: set(runner.finished) == {*jobs, *answers}, "all jobs")


async def test_a_cancel_reaches_the_runner_at_once(
    queue: ArqJobQueue, redis_url: str, runner: NotingRunner, workshop: Workshop
) -> None:
    async with workshop.worker(runner, redis_url, sweep_seconds=RARELY):
        await listening(redis_url)
        job_id = new_id()
        await queue.cancel(job_id)
        await until(lambda: runner.cancels == [job_id], "the news of the cancel")


async def test_a_cancel_nobody_can_read_does_not_deafen_the_worker(
    queue: ArqJobQueue, redis_url: str, runner: NotingRunner, workshop: Workshop
) -> None:
    async with workshop.worker(runner, redis_url, sweep_seconds=RARELY):
        await listening(redis_url)
        redis = Redis.from_url(redis_url)
        for garbage in (b"no id at all", b"\xff\xfe", b""):
            await redis.publish(CANCEL_CHANNEL, garbage)
        await redis.aclose()
        job_id = new_id()
        await queue.cancel(job_id)
        await until(lambda: runner.cancels == [job_id], "the news of the cancel")


@pytest.mark.parametrize("garbage", [b"not JSON", b"\x80\x04\x95", b"{}"])
async def test_a_hint_nobody_can_read_does_not_stop_the_others(
    garbage: bytes, queue: ArqJobQueue, redis_url: str, runner: NotingRunner, workshop: Workshop
) -> None:
    (spoilt,) = await wake(queue, JobLane.DOCUMENTS)
    redis = Redis.from_url(redis_url)
    await redis.set(f"arq:job:{spoilt}:1", garbage)
    await redis.aclose()
    runner.finish.set()
    async with workshop.worker(runner, redis_url, sweep_seconds=RARELY):
        jobs = await wake(queue, JobLane.DOCUMENTS)
        await until(lambda: runner.finished == jobs, "the job after the spoilt one")


async def test_the_sweep_goes_on_without_redis(runner: NotingRunner, workshop: Workshop) -> None:
    async with workshop.worker(runner, NOWHERE):
        await until(lambda: all(runner.sweeps.count(lane) > 3 for lane in JobLane), "sweeps of both lanes")


async def test_a_sweep_that_finds_jobs_looks_again_at_once(runner: NotingRunner, workshop: Workshop) -> None:
    runner.due = {JobLane.DOCUMENTS: [2, 2, 1]}
    async with workshop.worker(runner, NOWHERE, sweep_seconds=RARELY):
        await until(lambda: runner.sweeps.count(JobLane.DOCUMENTS) == 4, "four looks in one sweep")
        assert runner.due == {JobLane.DOCUMENTS: []}


@pytest.mark.parametrize(
    "failure",
    [Unavailable("The database is away.", code=ErrorCode.DATABASE_UNAVAILABLE), RuntimeError("a bug")],
    ids=["outage", "bug"],
)
async def test_a_sweep_that_fails_is_not_the_last(
    failure: Exception, runner: NotingRunner, workshop: Workshop
) -> None:
    runner.failures = [failure] * 4
    runner.due = {JobLane.DOCUMENTS: [1]}
    async with workshop.worker(runner, NOWHERE):
        await until(lambda: runner.due == {JobLane.DOCUMENTS: []}, "the job that was due")


async def test_a_stop_gives_back_what_runs_and_waits_for_it(
    queue: ArqJobQueue, redis_url: str, runner: NotingRunner, workshop: Workshop
) -> None:
    async with workshop.worker(runner, redis_url, sweep_seconds=RARELY) as task:
        jobs = await wake(queue, JobLane.ANSWERS, count=3)
        await until(lambda: runner.running == 3, "three jobs at once")
    assert task.done()
    assert set(runner.given_back) == set(jobs)
    assert runner.finished == []


async def test_a_running_job_outlives_redis_and_hints_come_again(
    valkey: OwnValkey, runner: NotingRunner, workshop: Workshop
) -> None:
    queue = ArqJobQueue(valkey.url)
    async with workshop.worker(runner, valkey.url):
        jobs = await wake(queue, JobLane.DOCUMENTS)
        await until(lambda: runner.started == jobs, "the first job")
        valkey.kill()
        swept = len(runner.sweeps)
        # ARQ ends by itself when its server is gone; by now it has, and the sweep has not.
        await until(lambda: len(runner.sweeps) > swept + 20, "sweeps without Redis")
        assert (runner.given_back, runner.running) == ([], 1)
        runner.finish.set()
        await until(lambda: runner.finished == jobs, "the end of the first job")
        await asyncio.to_thread(valkey.start_again)
        jobs += await wake(queue, JobLane.DOCUMENTS)
        await until(lambda: set(jobs) <= set(runner.finished), "a job after the return of Redis")
    await queue.close()


async def test_the_heartbeat_is_fresh_while_the_worker_lives_and_gone_after(
    runner: NotingRunner, workshop: Workshop
) -> None:
    assert not is_alive(workshop.heartbeat)
    async with workshop.worker(runner, NOWHERE):
        await until(lambda: is_alive(workshop.heartbeat), "a heartbeat")
    assert not workshop.heartbeat.exists()


async def test_an_old_heartbeat_is_no_sign_of_life(workshop: Workshop) -> None:
    workshop.heartbeat.parent.mkdir()
    workshop.heartbeat.touch()
    long_ago = time.time() - STALE_SECONDS - 1
    os.utime(workshop.heartbeat, (long_ago, long_ago))
    assert not is_alive(workshop.heartbeat)


async def test_a_worker_that_has_lost_a_part_of_itself_ends_instead_of_pretending(
    runner: NotingRunner, workshop: Workshop
) -> None:
    """The supervisor starts it anew; a worker that only looks alive would let its jobs wait for ever."""
    workshop.heartbeat.parent.write_text("a file where a folder must be")
    async with workshop.worker(runner, NOWHERE, ends_well=False) as task:
        await asyncio.wait({task}, timeout=DEADLINE_SECONDS)
        assert isinstance(task.exception(), OSError)
