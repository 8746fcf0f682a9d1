"""Hints through a real Valkey: quick when it is there, harmless when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from redis.asyncio import Redis

from lorebase.clients import arq_queue
from lorebase.clients.arq_queue import (
    ArqJobQueue,
    listen_for_cancels,
    queue_name,
    run_worker,
    wake_channel,
)
from lorebase.core.ids import new_id
from lorebase.schemas.jobs import JobLane

NOWHERE = "unix:///nonexistent/valkey.sock"


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[ArqJobQueue]:
    made = ArqJobQueue(redis_url)
    yield made
    await made.close()


async def test_a_hint_reaches_the_worker_of_its_lane(queue: ArqJobQueue, redis_url: str) -> None:
    heard: asyncio.Queue[UUID] = asyncio.Queue()
    other: asyncio.Queue[UUID] = asyncio.Queue()
    workers = [
        asyncio.create_task(run_worker(redis_url, JobLane.ANSWERS, heard.put, 2)),
        asyncio.create_task(run_worker(redis_url, JobLane.DOCUMENTS, other.put, 2)),
    ]
    job_id = new_id()
    await queue.wake(job_id, 3, JobLane.ANSWERS)
    async with asyncio.timeout(10):
        assert await heard.get() == job_id
    assert other.empty()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def test_the_same_job_and_fence_is_announced_once(queue: ArqJobQueue, redis_url: str) -> None:
    job_id = new_id()
    for fence in (1, 1, 2):
        await queue.wake(job_id, fence, JobLane.DOCUMENTS)
    redis = Redis.from_url(redis_url)
    assert await redis.zcard(queue_name(JobLane.DOCUMENTS)) == 2
    await redis.aclose()


async def test_nothing_that_could_run_code_is_written_to_redis(queue: ArqJobQueue, redis_url: str) -> None:
    job_id = new_id()
    await queue.wake(job_id, 1, JobLane.DOCUMENTS)
    redis = Redis.from_url(redis_url)
    stored = await redis.get(f"arq:job:{job_id}:1")
    assert stored.startswith(b"{")
    assert str(job_id).encode() in stored
    await redis.aclose()


async def test_a_job_that_ended_can_be_announced_again_at_once(queue: ArqJobQueue, redis_url: str) -> None:
    heard: asyncio.Queue[UUID] = asyncio.Queue()
    worker = asyncio.create_task(run_worker(redis_url, JobLane.DOCUMENTS, heard.put, 1))
    job_id = new_id()
    redis = Redis.from_url(redis_url)
    async with asyncio.timeout(20):
        for _ in range(2):
            await queue.wake(job_id, 1, JobLane.DOCUMENTS)
            assert await heard.get() == job_id
            while await redis.zcard(queue_name(JobLane.DOCUMENTS)):
                await asyncio.sleep(0.01)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await redis.aclose()


async def test_without_redis_a_hint_is_dropped_and_nobody_notices() -> None:
    queue = ArqJobQueue(NOWHERE)
    await queue.wake(new_id(), 1, JobLane.DOCUMENTS)
    await queue.cancel(new_id())
    await queue.close()


async def test_without_redis_the_worker_says_so_instead_of_ending_quietly() -> None:
    with pytest.raises((OSError, Exception)) as caught:
        await run_worker(NOWHERE, JobLane.DOCUMENTS, asyncio.Queue[UUID]().put, 1)
    assert "nonexistent" in str(caught.value)


async def test_a_cancel_reaches_every_worker(queue: ArqJobQueue, redis_url: str) -> None:
    heard: asyncio.Queue[UUID] = asyncio.Queue()
    listeners = [asyncio.create_task(listen_for_cancels(redis_url, heard.put_nowait)) for _ in range(2)]
    job_id = new_id()
    redis = Redis.from_url(redis_url)
    async with asyncio.timeout(10):
        while (await redis.pubsub_numsub("lorebase:cancel"))[0][1] < 2:
            await asyncio.sleep(0.01)
        await queue.cancel(job_id)
        assert [await heard.get(), await heard.get()] == [job_id, job_id]
    for listener in listeners:
        listener.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    await redis.aclose()


async def listened(redis: Redis, lane: JobLane) -> None:
    """Waits until a worker listens for the signals of the lane."""
    async with asyncio.timeout(10):
        while not (await redis.pubsub_numsub(wake_channel(lane)))[0][1]:
            await asyncio.sleep(0.01)


async def test_an_idle_worker_is_signalled_and_does_not_look_by_itself(
    queue: ArqJobQueue, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arq_queue, "IDLE_POLL_SECONDS", 3600.0)
    heard: asyncio.Queue[UUID] = asyncio.Queue()
    worker = asyncio.create_task(run_worker(redis_url, JobLane.DOCUMENTS, heard.put, 1))
    redis = Redis.from_url(redis_url)
    await listened(redis, JobLane.DOCUMENTS)
    async with asyncio.timeout(10):
        for _ in range(3):
            job_id = new_id()
            await queue.wake(job_id, 1, JobLane.DOCUMENTS)
            assert await heard.get() == job_id
            while await redis.zcard(queue_name(JobLane.DOCUMENTS)):
                await asyncio.sleep(0.01)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await redis.aclose()


async def test_hints_of_which_no_signal_came_are_found(
    queue: ArqJobQueue, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arq_queue, "IDLE_POLL_SECONDS", 0.05)
    monkeypatch.setattr(arq_queue, "wake_channel", lambda lane: f"nobody hears this {new_id()}")
    heard: asyncio.Queue[UUID] = asyncio.Queue()
    worker = asyncio.create_task(run_worker(redis_url, JobLane.DOCUMENTS, heard.put, 1))
    job_ids = [new_id() for _ in range(3)]
    for job_id in job_ids:
        await queue.wake(job_id, 1, JobLane.DOCUMENTS)
    async with asyncio.timeout(10):
        assert {await heard.get() for _ in job_ids} == set(job_ids)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
