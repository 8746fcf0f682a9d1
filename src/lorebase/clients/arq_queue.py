"""ARQ: a hint that wakes workers. The only module that imports it; losing every hint loses nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import UUID

import orjson
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.exceptions import RedisError

from lorebase.schemas.jobs import HINTED_LANES, JobLane

logger = logging.getLogger(__name__)

HINT = "run_job"
CANCEL_CHANNEL = "lorebase:cancel"
REDIS_SECONDS = 1.0
POLL_SECONDS = 0.04
HINT_LIFE_MILLISECONDS = 3_600_000


def queue_name(lane: JobLane) -> str:
    """The ARQ queue of a lane."""
    return f"lorebase:queue:{lane.value}"


def _redis_settings(redis_url: str) -> RedisSettings:
    # Whoever connects tries again in a way of its own.
    settings = RedisSettings.from_dsn(redis_url)
    settings.conn_retries = 0
    return settings


def _serialise(value: dict[str, Any]) -> bytes:
    # JSON instead of ARQ's pickle: whoever can write to Redis must not be able to run code here.
    return orjson.dumps(value, default=str)


class ArqJobQueue:
    """Implements the JobQueue port."""

    def __init__(self, redis_url: str) -> None:
        self._settings = _redis_settings(redis_url)
        self._pool: ArqRedis | None = None

    async def wake(self, job_id: UUID, fence: int, lane: JobLane) -> None:
        """Announces a job; a hint is unique by job and fence. Lanes without hints are left to the sweep."""
        if lane not in HINTED_LANES:
            return
        await self._quietly(lambda pool: self._enqueue(pool, job_id, fence, lane))

    async def cancel(self, job_id: UUID) -> None:
        """Tells all workers that a job is to stop."""
        await self._quietly(lambda pool: pool.publish(CANCEL_CHANNEL, str(job_id)))

    async def close(self) -> None:
        """Closes the connections."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    async def _enqueue(self, pool: ArqRedis, job_id: UUID, fence: int, lane: JobLane) -> None:
        await pool.enqueue_job(HINT, str(job_id), _job_id=f"{job_id}:{fence}", _queue_name=queue_name(lane))

    async def _quietly(self, call: Callable[[ArqRedis], Awaitable[object]]) -> None:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                if self._pool is None:
                    self._pool = await create_pool(
                        self._settings, job_serializer=_serialise, expires_extra_ms=HINT_LIFE_MILLISECONDS
                    )
                await call(self._pool)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning(
                "hint not sent, the sweeper will find the job", extra={"error": type(error).__name__}
            )


async def run_worker(
    redis_url: str, lane: JobLane, run: Callable[[UUID], Awaitable[None]], concurrency: int
) -> None:
    """Serves the hints of a lane until cancelled; raises when Redis goes away, to be started again."""

    async def handle(ctx: dict[str, Any], job_id: str) -> None:
        await run(UUID(job_id))

    worker = Worker(
        functions=[func(cast("WorkerCoroutine", handle), name=HINT, keep_result=0, max_tries=1)],
        redis_settings=_redis_settings(redis_url),
        queue_name=queue_name(lane),
        handle_signals=False,
        max_jobs=concurrency,
        # Leases in PostgreSQL bound the work; ARQ's own timeout must never be the one to end it.
        job_timeout=24 * 3600,
        poll_delay=POLL_SECONDS,
        keep_result=0,
        max_tries=1,
        job_serializer=_serialise,
        job_deserializer=orjson.loads,
        expires_extra_ms=HINT_LIFE_MILLISECONDS,
        log_results=False,
    )
    try:
        await worker.main()
    finally:
        for task in worker.tasks.values():
            task.cancel()
        await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
        if worker._pool is not None:
            await worker._pool.aclose(close_connection_pool=True)


async def listen_for_cancels(redis_url: str, notice: Callable[[UUID], None]) -> None:
    """Passes cancel hints on until cancelled; raises when Redis goes away, to be started again."""
    pool = ArqRedis.from_url(redis_url)
    try:
        async with pool.pubsub() as channel:
            await channel.subscribe(CANCEL_CHANNEL)
            async for message in channel.listen():
                if message["type"] == "message" and (job_id := _id_in(message["data"])) is not None:
                    notice(job_id)
    finally:
        await pool.aclose()


def _id_in(content: bytes) -> UUID | None:
    try:
        return UUID(content.decode())
    except ValueError:
        logger.warning("cancel hint not understood", extra={"bytes": len(content)})
        return None


REDIS_ERRORS: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
