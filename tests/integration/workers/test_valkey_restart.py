"""Valkey restarts while connections to it are idle: nobody notices."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis.asyncio import Redis

from lorebase.clients.arq_queue import ArqJobQueue, queue_name
from lorebase.clients.redis_connection import TRIED_AFTER_SECONDS
from lorebase.clients.redis_streams import RedisEventStream
from lorebase.core.errors import Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.events import AnswerDeltaEvent, StreamKind, StreamName
from lorebase.schemas.jobs import JobLane
from tests.integration.workers.conftest import OwnValkey

DELTA = AnswerDeltaEvent(text="word", offset=0)


def a_stream() -> StreamName:
    return StreamName(kind=StreamKind.ANSWER, workspace_id=new_id(), id=new_id())


def restart(valkey: OwnValkey) -> None:
    """Restarts it until open connections count as idle.

    The loop stands still meanwhile, like that of a process that was busy or frozen: it has not heard of the
    end of its connections when it uses them next.
    """
    began = time.monotonic()
    while time.monotonic() - began <= TRIED_AFTER_SECONDS:
        valkey.kill()
        valkey.start_again()


async def test_the_first_event_after_a_restart_is_appended(valkey: OwnValkey) -> None:
    streams = RedisEventStream(valkey.url, max_events=50, expire_seconds=60)
    name = a_stream()
    # Several connections in the pool, all of them dead afterwards.
    await asyncio.gather(*(streams.append(name, [DELTA]) for _ in range(5)))
    restart(valkey)
    other = a_stream()
    assert sorted(await asyncio.gather(*(streams.append(other, [DELTA]) for _ in range(5)))) == [
        1,
        2,
        3,
        4,
        5,
    ]
    restart(valkey)
    assert await streams.read(a_stream(), None) is None
    restart(valkey)
    await streams.ping()
    await streams.close()


async def test_an_outage_is_still_said(valkey: OwnValkey) -> None:
    streams = RedisEventStream(valkey.url, max_events=50, expire_seconds=60)
    await streams.append(a_stream(), [DELTA])
    valkey.kill()
    with pytest.raises(Unavailable):
        await streams.append(a_stream(), [DELTA])
    valkey.start_again()
    assert await streams.append(a_stream(), [DELTA]) == 1
    await streams.close()


async def test_the_first_hint_after_a_restart_arrives(valkey: OwnValkey) -> None:
    queue = ArqJobQueue(valkey.url)
    await queue.wake(new_id(), 1, JobLane.DOCUMENTS)
    restart(valkey)
    job_id = new_id()
    await queue.wake(job_id, 1, JobLane.DOCUMENTS)
    async with Redis.from_url(valkey.url) as redis:
        assert await redis.zscore(queue_name(JobLane.DOCUMENTS), f"{job_id}:1") is not None
    await queue.close()
