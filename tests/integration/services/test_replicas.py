"""No subscriber hangs, loses or repeats: two API processes, a Valkey that is killed, clients that drop."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from lorebase.clients.redis_streams import RedisEventStream
from lorebase.core.errors import Unavailable
from lorebase.core.ids import GlobalId
from lorebase.schemas.events import JobProgressedEvent, JobSucceededEvent, StreamEvent, StreamName
from lorebase.schemas.jobs import Job, JobProgress, JobStage
from lorebase.services.jobs.job_events import stream_of
from tests.e2e.client import Api
from tests.factories import Tenant
from tests.fakes.world import World
from tests.integration.database import DatabaseUrls
from tests.integration.services.replicas import (
    FOLLOW,
    PATIENCE_SECONDS,
    Event,
    Replicas,
    following,
    start_replicas,
)

pytestmark = pytest.mark.timeout(240)
STEPS = 60


@pytest.fixture(scope="module")
def replicas(module_database: DatabaseUrls) -> Iterator[Replicas]:
    base = Path(tempfile.mkdtemp(prefix="lr-", dir="/tmp"))
    made = start_replicas(base, module_database.login)
    yield made
    made.stop()
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
async def streams(replicas: Replicas) -> AsyncIterator[RedisEventStream]:
    made = RedisEventStream(replicas.redis_url, max_events=5000, expire_seconds=60)
    yield made
    await made.close()


@dataclass
class Work:
    """A job that a worker would report of, and its followers."""

    job: Job
    streams: RedisEventStream
    replicas: Replicas
    secret: str

    @property
    def name(self) -> StreamName:
        return stream_of(self.job)

    @property
    def job_id(self) -> str:
        return str(GlobalId("Job", self.job.workspace_id, self.job.id))

    async def report(self, *steps: int) -> None:
        for step in steps:
            progress = JobProgress(stage=JobStage.EMBED, completed=step, total=STEPS)
            await self.append(JobProgressedEvent(job=self.job, progress=progress))
            await asyncio.sleep(0.005)

    async def finish(self) -> None:
        await self.append(JobSucceededEvent(job=self.job))

    async def append(self, event: StreamEvent) -> None:
        """Tells of an event; a connection that Valkey took along is found out about and made anew."""
        for _ in range(3):
            try:
                await self.streams.append(self.name, [event])
            except Unavailable:
                continue
            return
        raise AssertionError("Valkey does not come back")

    def api(self, number: int) -> Api:
        return Api(self.replicas.url(number), self.secret)

    async def follow(self, number: int, after: str | None = None, *, socket: bool = False) -> list[Event]:
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            self.api(number) as api,
            following(api, self.job_id, after, socket=socket) as events,
        ):
            return [event async for event in events]


@pytest.fixture
async def work(world: World, tenant: Tenant, streams: RedisEventStream, replicas: Replicas) -> Work:
    job = (await world.upsert(tenant, "Bread is baked at dawn.")).job
    assert job is not None
    return Work(job, streams, replicas, tenant.secret)


def sequences(events: list[Event]) -> list[int]:
    return [event["sequence"] for event in events]


async def test_five_drops_across_two_replicas_lose_and_repeat_nothing(work: Work) -> None:
    reporting = asyncio.ensure_future(work.report(*range(STEPS)))
    seen: list[Event] = []
    for drop in range(5):
        after = seen[-1]["cursor"] if seen else None
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            work.api(drop) as api,
            following(api, work.job_id, after, socket=drop % 3 == 1) as events,
        ):
            seen += [await anext(events) for _ in range(7)]
    await reporting
    await work.finish()
    seen += await work.follow(5, seen[-1]["cursor"])
    assert sequences(seen) == list(range(1, STEPS + 2))
    assert seen[-1]["__typename"] == "JobSucceeded"


@pytest.mark.parametrize("socket", [False, True])
async def test_who_comes_late_gets_the_whole_story_and_its_end(work: Work, socket: bool) -> None:
    await work.report(*range(10))
    await work.finish()
    assert sequences(await work.follow(0, socket=socket)) == list(range(1, 12))


async def test_two_hundred_followers_see_the_same_to_the_end(work: Work) -> None:
    followers = [asyncio.ensure_future(fifty(work, number)) for number in range(4)]
    await work.report(*range(20))
    await work.finish()
    async with asyncio.timeout(PATIENCE_SECONDS * 2):
        stories = [story for part in await asyncio.gather(*followers) for story in part]
    assert stories == [list(range(1, 22))] * 200


async def fifty(work: Work, number: int) -> list[list[int]]:
    """Fifty subscriptions on one socket."""
    stories: dict[str, list[int]] = {str(name): [] for name in range(50)}
    running = set(stories)
    async with work.api(number) as api, api.socket() as socket:
        connection = socket._connection
        for name in stories:
            payload = {"query": FOLLOW, "variables": {"id": work.job_id}}
            await connection.send(json.dumps({"id": name, "type": "subscribe", "payload": payload}))
        while running:
            message: dict[str, Any] = json.loads(await connection.recv())
            if message["type"] == "next":
                stories[message["id"]].append(message["payload"]["data"]["jobEvents"]["sequence"])
            elif message["type"] != "ping":
                assert message["type"] == "complete", message
                running.discard(message["id"])
    return list(stories.values())


async def test_a_place_that_was_trimmed_gives_a_reset_and_then_what_is_kept(work: Work) -> None:
    await work.report(*range(10))
    async with work.api(0) as api, following(api, work.job_id, None) as events:
        early = (await anext(events))["cursor"]
    await work.streams._redis.xtrim(f"lorebase:stream:{{{work.name}}}", maxlen=3, approximate=False)
    await work.finish()
    seen = await work.follow(1, early)
    assert [event["__typename"] for event in seen] == ["StreamReset", "JobSucceeded"]


async def test_a_cursor_that_is_garbage_or_of_another_stream_is_refused(work: Work, world: World) -> None:
    await work.report(1)
    async with work.api(0) as api, following(api, work.job_id, None) as events:
        own = (await anext(events))["cursor"]
    for cursor in ("garbage", own[:-4], own[::-1], "é", "A" * 500):
        async with work.api(1) as api:
            content = {"query": FOLLOW, "variables": {"id": work.job_id, "after": cursor}}
            response = await api.http.post(api.url, json=content, headers={"Accept": "text/event-stream"})
            assert '"code":"BAD_USER_INPUT"' in response.text
            assert response.text.endswith("event: complete\ndata:\n\n")


@pytest.mark.parametrize("socket", [False, True])
@pytest.mark.parametrize("empty", [False, True], ids=["kept", "lost"])
async def test_valkey_that_is_killed_in_mid_stream_leaves_nobody_hanging(
    work: Work, socket: bool, empty: bool
) -> None:
    await work.report(*range(5))
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        work.api(0) as api,
        following(api, work.job_id, None, socket=socket) as events,
    ):
        seen = [await anext(events) for _ in range(5)]
        work.replicas.restart_valkey(empty=empty)
        await work.report(*range(5, 8))
        await work.finish()
        seen += [event async for event in events]
    kinds = [event["__typename"] for event in seen]
    assert kinds[-1] == "JobSucceeded"
    if "StreamReset" in kinds:
        seen = seen[: kinds.index("StreamReset")]
    else:
        # What was fsynced a second ago is all that a killed Valkey owes; here it kept everything.
        assert not empty
    assert sequences(seen) == list(range(1, len(seen) + 1))


async def test_a_replica_that_is_told_to_stop_hands_its_clients_over(
    world: World, tenant: Tenant, module_database: DatabaseUrls
) -> None:
    base = Path(tempfile.mkdtemp(prefix="lr-", dir="/tmp"))
    pair = start_replicas(base, module_database.login)
    streams = RedisEventStream(pair.redis_url, max_events=50, expire_seconds=60)
    job = (await world.upsert(tenant, "Bread is baked at dawn.")).job
    assert job is not None
    work = Work(job, streams, pair, tenant.secret)
    try:
        await work.report(1, 2)
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            work.api(0) as api,
            following(api, work.job_id, None, socket=True) as by_socket,
            following(api, work.job_id, None) as by_events,
        ):
            seen = [await anext(by_socket) for _ in range(2)]
            also = [await anext(by_events) for _ in range(2)]
            assert await asyncio.to_thread(pair.apis[0].stop, 15)
            with pytest.raises(ConnectionClosed) as closed:
                await anext(by_socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        await work.report(3)
        await work.finish()
        for story in (seen, also):
            assert sequences(story + await work.follow(1, story[-1]["cursor"])) == [1, 2, 3, 4]
    finally:
        await streams.close()
        pair.stop()
        shutil.rmtree(base, ignore_errors=True)
