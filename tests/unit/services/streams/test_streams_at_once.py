"""What a subscriber that waits is given without being woken, and when it has to be woken all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial

import pytest

from lorebase.core.errors import Unauthenticated
from lorebase.ports.event_stream import TIME, TakesTurn, Turn
from lorebase.schemas.events import (
    AnswerDeltaEvent,
    AnswerStartedEvent,
    JobProgressedEvent,
    JobQueuedEvent,
    JobSucceededEvent,
    StoredEvent,
    StreamName,
)
from lorebase.schemas.filters import JobFilter, JobStatusFilter
from lorebase.schemas.jobs import Job, JobProgress, JobStatus
from lorebase.services.jobs.job_events import stream_of, workspace_stream_of
from lorebase.services.streams.streams import StreamService
from tests.factories import Tenant
from tests.fakes.event_stream import FakeEventStream
from tests.fakes.world import World
from tests.unit.services.streams.following import DEADLINE_SECONDS, a_job, an_answer, service, stream_for


class Watcher:
    """A subscriber who takes events at once while it `takes`; `seen` is everything, `taken` what came so."""

    def __init__(self) -> None:
        self.takes = True
        self.takes_at_most = 1000
        self.taken: list[StoredEvent] = []
        self.seen: list[StoredEvent] = []

    def take(self, event: StoredEvent) -> bool:
        takes = self.takes and len(self.taken) < self.takes_at_most
        if takes:
            self.taken.append(event)
            self.seen.append(event)
        return takes

    async def read(self, events: AsyncIterator[StoredEvent]) -> None:
        async for event in events:
            self.seen.append(event)

    async def has(self, number: int) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.seen) < number:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def watching(
    opened: Callable[[Callable[[StoredEvent], bool]], AsyncGenerator[StoredEvent]],
) -> AsyncIterator[tuple[Watcher, asyncio.Task[None]]]:
    watcher = Watcher()
    async with aclosing(opened(watcher.take)) as events:
        reading = asyncio.create_task(watcher.read(events))
        yield watcher, reading
        reading.cancel()
        await asyncio.wait({reading})


def sequences(events: list[StoredEvent]) -> list[int]:
    return [event.position.sequence for event in events]


async def test_what_is_taken_at_once_is_not_given_again_and_nothing_is_missed(
    world: World, tenant: Tenant
) -> None:
    job = await a_job(world, tenant)
    opened = partial(service(world).job_events, tenant.principal, job.id, None)
    async with watching(opened) as (watcher, reading):
        await watcher.has(1)
        for number in range(2, 12):
            watcher.takes = number % 3 > 0
            progress = JobProgressedEvent(job=job, progress=JobProgress(completed=number, total=20))
            await world.streams.append(stream_of(job), [progress])
            await watcher.has(number)
        watcher.takes = True
        await world.run_all()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await reading
    assert sequences(watcher.seen) == list(range(1, len(watcher.seen) + 1))
    assert len(watcher.taken) > 3
    # The last event ends the stream, which nobody but its reader can do.
    assert watcher.seen[-1].is_terminal
    assert not any(event.is_terminal for event in watcher.taken)


async def test_nothing_is_taken_at_once_when_the_key_is_due_to_be_looked_at(
    world: World, tenant: Tenant
) -> None:
    job = await a_job(world, tenant)
    opened = partial(service(world).job_events, tenant.principal, job.id, None)
    async with watching(opened) as (watcher, reading):
        await watcher.has(1)
        async with world.units.for_workspace(tenant.workspace.id) as uow:
            await uow.workspaces.revoke_key(tenant.key.id)
            await uow.commit()
        world.clock.advance(world.settings.stream_reauthorise_seconds + 1)
        await world.streams.append(stream_of(job), [JobQueuedEvent(job=job)])
        with pytest.raises(Unauthenticated):
            await reading
    assert sequences(watcher.seen) == [1]


async def test_what_a_filter_hides_is_neither_taken_nor_given(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    ended = JobFilter(status=JobStatusFilter(in_=("SUCCEEDED",)))
    opened = partial(service(world).workspace_job_events, tenant.principal, None, ended)
    stream = workspace_stream_of(job)
    done = job.model_copy(update={"status": JobStatus.SUCCEEDED})
    async with watching(opened) as (watcher, _):
        await asyncio.sleep(0.02)
        for number in range(1, 5):
            watcher.takes = number % 2 > 0
            await world.streams.append(stream, [JobQueuedEvent(job=job)])
            await world.streams.append(stream, [JobSucceededEvent(job=done)])
            await watcher.has(number)
    assert {event.event.type for event in watcher.seen} == {"JobSucceeded"}
    assert sequences(watcher.seen) == sorted(set(sequences(watcher.seen)))


class Offering(FakeEventStream):
    """A stream whose followers can be offered any turn."""

    def follow(self, name: StreamName, at_once: TakesTurn | None = None) -> AsyncGenerator[Turn]:
        assert at_once is not None
        self.offer = at_once
        return super().follow(name, at_once)


@asynccontextmanager
async def waiting_on(world: World, tenant: Tenant) -> AsyncIterator[tuple[Offering, Job, Watcher]]:
    """A watcher who has seen the first event of a job, on a stream of which no time is told."""
    streams, job = Offering(wait_seconds=DEADLINE_SECONDS), await a_job(world, tenant)
    await streams.append(stream_of(job), [JobQueuedEvent(job=job)])
    follows = StreamService(
        units=world.units, streams=streams, clock=world.clock, settings=world.settings, doubt_seconds=5
    )
    async with watching(partial(follows.job_events, tenant.principal, job.id, None)) as (watcher, _):
        await watcher.has(1)
        yield streams, job, watcher


async def test_who_waits_has_nothing_to_do_at_a_time_at_which_nothing_is_due(
    world: World, tenant: Tenant
) -> None:
    async with waiting_on(world, tenant) as (streams, _, _):
        assert streams.offer(TIME)
        world.clock.advance(6)
        assert not streams.offer(TIME)


async def test_who_has_lost_the_stream_is_woken_at_every_time(world: World, tenant: Tenant) -> None:
    async with waiting_on(world, tenant) as (streams, job, watcher):
        streams.lose(stream_of(job))
        await watcher.has(2)
        assert watcher.seen[-1].event.type == "StreamReset"
        assert not streams.offer(TIME)


@pytest.mark.parametrize("taken", range(6))
async def test_of_several_events_as_many_are_taken_as_can_be_and_the_rest_is_given(
    world: World, tenant: Tenant, taken: int
) -> None:
    job = await a_job(world, tenant)
    opened = partial(service(world).job_events, tenant.principal, job.id, None)
    async with watching(opened) as (watcher, _):
        await watcher.has(1)
        watcher.takes_at_most = taken
        progress = JobProgressedEvent(job=job, progress=JobProgress(completed=1, total=20))
        await world.streams.append(stream_of(job), [progress] * 5)
        await watcher.has(6)
    assert sequences(watcher.seen) == list(range(1, 7))
    assert len(watcher.taken) == taken


async def test_pieces_that_waited_are_one_object_for_all_who_follow_the_answer(
    world: World, tenant: Tenant
) -> None:
    answer, streams = await an_answer(world, tenant), service(world)
    opened = partial(streams.answer_events, tenant.principal, answer.id, None)
    await world.streams.append(stream_for(answer), [AnswerStartedEvent(answer_id=answer.id)])
    async with watching(opened) as (one, _), watching(opened) as (another, _):
        await one.has(1)
        await another.has(1)
        another.takes = False
        pieces = [AnswerDeltaEvent(text="ab", offset=2 * number) for number in range(3)]
        await world.streams.append(stream_for(answer), pieces)
        await one.has(2)
        await another.has(2)
    assert one.taken == one.seen[1:]
    assert one.seen[1] is another.seen[1]
    assert one.seen[1].event == AnswerDeltaEvent(text="ababab", offset=0, parts=3)
