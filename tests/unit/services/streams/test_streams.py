"""Following jobs and answers: nothing missed, nothing doubled, and always an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta

import pytest

from lorebase.core.errors import ErrorCode, Forbidden, NotFound, Unauthenticated
from lorebase.core.ids import new_id
from lorebase.schemas.answers import (
    AnswerError,
    AnswerStatus,
    FinishReason,
)
from lorebase.schemas.events import (
    AnswerCompletedEvent,
    AnswerDeltaEvent,
    AnswerFailedEvent,
    AnswerStartedEvent,
    JobFailedEvent,
    JobQueuedEvent,
    StoredEvent,
    StreamName,
    StreamPosition,
    StreamResetEvent,
)
from lorebase.schemas.filters import JobFilter, JobStatusFilter
from lorebase.schemas.jobs import JobKind
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.jobs.job_events import JobEvents, stream_of, workspace_stream_of
from lorebase.services.streams.stream_reader import StreamReader
from lorebase.services.streams.stream_subjects import AnswerSubject
from tests.factories import Tenant, make_principal
from tests.fakes.event_stream import FakeEventStream
from tests.fakes.world import World
from tests.unit.services.streams.following import (
    a_job,
    all_of,
    an_answer,
    service,
    some_of,
    stream_for,
    types,
)


async def test_a_job_is_followed_to_its_end(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    following = asyncio.create_task(all_of(service(world).job_events(tenant.principal, job.id, None)))
    await asyncio.sleep(0)
    await world.run_all()
    events = await following
    assert types(events)[:2] == ["JobQueued", "JobStarted"]
    assert types(events)[-1] == "JobSucceeded"
    assert [event.position.sequence for event in events] == list(range(1, len(events) + 1))


async def test_a_finished_job_is_replayed(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    await world.run_all()
    events = await all_of(service(world).job_events(tenant.principal, job.id, None))
    assert [event.event for event in events] == world.events_of(job)


async def test_every_place_resumes_with_exactly_what_followed(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    await world.run_all()
    streams = service(world)
    everything = await all_of(streams.job_events(tenant.principal, job.id, None))
    for number, event in enumerate(everything[:-1], start=1):
        rest = await all_of(streams.job_events(tenant.principal, job.id, event.position))
        assert rest == everything[number:]


async def test_resuming_at_the_end_still_ends(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    await world.run_all()
    everything = await all_of(service(world).job_events(tenant.principal, job.id, None))
    after = await all_of(service(world).job_events(tenant.principal, job.id, everything[-1].position))
    assert types(after) == ["JobSucceeded"]


async def test_a_job_tried_again_is_followed_to_its_last_end(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    await world.jobs.cancel(tenant.principal, job.id)
    await world.jobs.retry(tenant.principal, job.id)
    await world.run_all()
    events = await all_of(service(world).job_events(tenant.principal, job.id, None))
    assert types(events)[:3] == ["JobQueued", "JobFailed", "JobQueued"]
    assert types(events)[-1] == "JobSucceeded"


async def test_a_job_that_waits_to_be_tried_again_is_still_followed(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    await world.jobs.cancel(tenant.principal, job.id)
    await world.jobs.retry(tenant.principal, job.id)
    async with aclosing(service(world).job_events(tenant.principal, job.id, None)) as events:
        assert types(await some_of(events, 3)) == ["JobQueued", "JobFailed", "JobQueued"]
        waiting = asyncio.create_task(some_of(events, 1))
        await asyncio.sleep(0.03)
        assert not waiting.done()
        await world.run_all()
        assert types(await waiting) == ["JobStarted"]


async def test_a_worker_gets_a_moment_to_tell_the_end_itself(world: World, tenant: Tenant) -> None:
    world.streams = FakeEventStream(world.clock, wait_seconds=60)
    job = await a_job(world, tenant)
    await JobEvents(world.streams).announce(job, JobQueuedEvent(job=job))
    async with world.units.for_workspace(job.workspace_id) as uow:
        ended = await uow.jobs.request_cancel(job.id)
        await uow.commit()
    streams = service(world)
    async with aclosing(streams.job_events(tenant.principal, job.id, None)) as events:
        assert types(await some_of(events, 1)) == ["JobQueued"]
        waiting = asyncio.create_task(some_of(events, 1))
        await asyncio.sleep(0.03)
        assert not waiting.done()
        await JobEvents(world.streams).announce(ended, JobFailedEvent(job=ended, error=None))
        [end] = await waiting
    assert end.position == await world.streams.tail(stream_of(job))


async def test_a_finished_job_whose_stream_is_gone_gives_reset_and_end(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    await world.run_all()
    world.streams.lose(stream_of(job))
    events = await all_of(service(world).job_events(tenant.principal, job.id, None))
    assert types(events) == ["StreamReset", "JobSucceeded"]
    assert events[0].event == StreamResetEvent(subject_id=job.id)
    assert events[0].position.sequence < events[1].position.sequence


async def test_an_unknown_place_gives_a_reset_and_goes_on_live(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    foreign = StreamPosition(epoch="another", sequence=3)
    following = asyncio.create_task(all_of(service(world).job_events(tenant.principal, job.id, foreign)))
    await asyncio.sleep(0.02)
    await world.run_all()
    events = await following
    assert types(events)[:2] == ["StreamReset", "JobQueued"]
    assert types(events)[-1] == "JobSucceeded"
    assert types(events).count("StreamReset") == 1


async def test_a_trimmed_stream_gives_a_reset_and_then_its_newest(world: World, tenant: Tenant) -> None:
    world.streams = FakeEventStream(world.clock, max_events=2)
    answer = await an_answer(world, tenant, status=AnswerStatus.COMPLETED, finish_reason=FinishReason.STOP)
    deltas = [AnswerDeltaEvent(text="x", offset=n) for n in range(5)]
    end = AnswerCompletedEvent(answer_id=answer.id, finish_reason=FinishReason.STOP)
    await world.streams.append(stream_for(answer), [*deltas, end])
    events = await all_of(service(world).answer_events(tenant.principal, answer.id, None))
    assert types(events) == ["StreamReset", "AnswerCompleted"]
    assert [event.position.sequence for event in events] == [5, 6]


async def test_a_stream_lost_on_the_way_resets_once_and_goes_on(world: World, tenant: Tenant) -> None:
    answer = await an_answer(world, tenant)
    name = stream_for(answer)
    await world.streams.append(name, [AnswerStartedEvent(answer_id=answer.id)])
    async with aclosing(service(world).answer_events(tenant.principal, answer.id, None)) as events:
        assert types(await some_of(events, 1)) == ["AnswerStarted"]
        world.streams.lose(name)
        assert types(await some_of(events, 1)) == ["StreamReset"]
        await world.streams.append(name, [AnswerDeltaEvent(text="a", offset=0)])
        [delta] = await some_of(events, 1)
        assert delta.event == AnswerDeltaEvent(text="a", offset=0)


async def test_an_end_that_was_never_told_is_found_in_postgres(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    async with world.units.for_system() as uow:
        running = await uow.jobs.claim(job.id, timedelta(seconds=20))
        await uow.commit()
    assert running is not None
    async with world.units.for_workspace(job.workspace_id) as uow:
        await uow.jobs.cancel(job.id, running.fence)
        await uow.commit()
    events = await all_of(service(world).job_events(tenant.principal, job.id, None))
    assert types(events) == ["JobQueued", "JobFailed"]
    assert isinstance(events[1].event, JobFailedEvent)
    assert events[1].event.error is None


async def test_a_working_stream_is_trusted_between_two_looks(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    async with world.units.for_workspace(job.workspace_id) as uow:
        await uow.jobs.request_cancel(job.id)
        await uow.commit()
    patient = service(world, doubt_seconds=5.0).job_events(tenant.principal, job.id, None)
    async with aclosing(patient) as events:
        assert types(await some_of(events, 1)) == ["JobQueued"]
        late = asyncio.create_task(some_of(events, 1))
        done, _ = await asyncio.wait({late}, timeout=0.1)
        assert not done
        world.clock.advance(5)
        assert types(await late) == ["JobFailed"]


async def test_a_subscriber_does_not_hang_while_redis_is_down(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    world.streams.down = True
    following = asyncio.create_task(all_of(service(world).job_events(tenant.principal, job.id, None)))
    await asyncio.sleep(0.02)
    await world.run_all()
    assert types(await following) == ["StreamReset", "JobSucceeded"]


async def test_redis_that_comes_back_continues_where_it_was(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    async with aclosing(service(world).job_events(tenant.principal, job.id, None)) as events:
        assert types(await some_of(events, 1)) == ["JobQueued"]
        world.streams.down = True
        waiting = asyncio.create_task(some_of(events, 1))
        await asyncio.sleep(0.03)
        world.streams.down = False
        await world.run_all()
        assert types(await waiting) == ["JobStarted"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            {"status": AnswerStatus.COMPLETED, "finish_reason": FinishReason.NO_EVIDENCE},
            FinishReason.NO_EVIDENCE,
        ),
        ({"status": AnswerStatus.CANCELLED}, FinishReason.CANCELLED),
    ],
)
async def test_a_finished_answer_ends_from_postgres(
    world: World, tenant: Tenant, state: dict[str, object], expected: FinishReason
) -> None:
    answer = await an_answer(world, tenant, **state)
    events = await all_of(service(world).answer_events(tenant.principal, answer.id, None))
    assert types(events) == ["StreamReset", "AnswerCompleted"]
    assert events[1].event == AnswerCompletedEvent(answer_id=answer.id, finish_reason=expected)


async def test_a_failed_answer_ends_from_postgres_with_its_error(world: World, tenant: Tenant) -> None:
    error = AnswerError(code=ErrorCode.MODEL_REFUSED, message="no", retryable=False)
    answer = await an_answer(world, tenant, status=AnswerStatus.FAILED, error=error)
    events = await all_of(service(world).answer_events(tenant.principal, answer.id, None))
    assert events[1].event == AnswerFailedEvent(answer_id=answer.id, error=error)


async def test_deltas_that_waited_come_as_one(world: World, tenant: Tenant) -> None:
    answer = await an_answer(world, tenant)
    deltas = [AnswerDeltaEvent(text=letter, offset=n) for n, letter in enumerate("abc")]
    end = AnswerCompletedEvent(answer_id=answer.id, finish_reason=FinishReason.STOP)
    await world.streams.append(stream_for(answer), [AnswerStartedEvent(answer_id=answer.id), *deltas, end])
    events = await all_of(service(world).answer_events(tenant.principal, answer.id, None))
    assert events[1].event == AnswerDeltaEvent(text="abc", offset=0, parts=3)
    assert [event.position.sequence for event in events] == [1, 4, 5]


async def test_a_workspace_is_followed_from_now_on(world: World, tenant: Tenant) -> None:
    before = await a_job(world, tenant)
    async with aclosing(service(world).workspace_job_events(tenant.principal, None, None)) as events:
        first = asyncio.create_task(some_of(events, 1))
        await asyncio.sleep(0.02)
        after = await a_job(world, tenant)
        [queued] = await first
    assert queued.event.type == "JobQueued"
    assert queued.event.job.id == after.id != before.id


async def test_a_workspace_filter_hides_other_jobs_but_keeps_places(world: World, tenant: Tenant) -> None:
    start = StreamPosition(epoch="none", sequence=0)
    job = await a_job(world, tenant)
    tail = await world.streams.tail(workspace_stream_of(job))
    assert tail is not None
    start = tail.model_copy(update={"sequence": 0})
    await world.run_all()
    ended = JobFilter(kind=JobKind.INGEST, status=JobStatusFilter(in_=("SUCCEEDED",)))
    async with aclosing(service(world).workspace_job_events(tenant.principal, start, ended)) as events:
        [only] = await some_of(events, 1)
    assert only.event.type == "JobSucceeded"
    assert only.position.sequence > 2


async def test_a_workspace_stream_goes_on_after_the_end_of_a_job(world: World, tenant: Tenant) -> None:
    async with aclosing(service(world).workspace_job_events(tenant.principal, None, None)) as events:
        everything = asyncio.create_task(some_of(events, 20))
        await asyncio.sleep(0.02)
        await a_job(world, tenant)
        await world.run_all()
        await asyncio.sleep(0.05)
        assert not everything.done()
        everything.cancel()
        await asyncio.gather(everything, return_exceptions=True)


async def test_a_workspace_stream_missed_in_an_outage_says_so(world: World, tenant: Tenant) -> None:
    await a_job(world, tenant)
    world.streams.down = True
    async with aclosing(service(world).workspace_job_events(tenant.principal, None, None)) as events:
        waiting = asyncio.create_task(some_of(events, 1))
        await asyncio.sleep(0.03)
        world.streams.down = False
        [reset] = await waiting
    assert reset.event == StreamResetEvent(subject_id=tenant.workspace.id)


async def test_a_key_revoked_on_the_way_ends_the_stream(tenant: Tenant, world: World) -> None:
    job = await a_job(world, tenant)
    async with aclosing(service(world).job_events(tenant.principal, job.id, None)) as events:
        await some_of(events, 1)
        async with world.units.for_workspace(tenant.workspace.id) as uow:
            await uow.workspaces.revoke_key(tenant.key.id)
            await uow.commit()
        world.clock.advance(world.settings.stream_reauthorise_seconds + 1)
        with pytest.raises(Unauthenticated) as ended:
            await some_of(events, 1)
    assert ended.value.details == {"reason": "revoked"}


async def test_an_outage_of_the_database_throws_nobody_out(world: World, tenant: Tenant) -> None:
    job = await a_job(world, tenant)
    async with aclosing(service(world).job_events(tenant.principal, job.id, None)) as events:
        await some_of(events, 1)
        world.database.down = True
        world.clock.advance(world.settings.stream_reauthorise_seconds + 1)
        waiting = asyncio.create_task(some_of(events, 1))
        await asyncio.sleep(0.03)
        assert not waiting.done()
        world.database.down = False
        await world.run_all()
        assert types(await waiting) == ["JobStarted"]


@pytest.mark.parametrize("kind", ["job", "answer"])
async def test_what_does_not_exist_or_belongs_to_others_is_not_found(
    world: World, tenant: Tenant, kind: str
) -> None:
    streams, stranger = service(world), make_principal(new_id())
    job, answer = await a_job(world, tenant), await an_answer(world, tenant)
    for principal, job_id, answer_id in (
        (tenant.principal, new_id(), new_id()),
        (stranger, job.id, answer.id),
    ):
        events: Callable[[], AsyncIterator[StoredEvent]] = {
            "job": lambda: streams.job_events(principal, job_id, None),  # noqa: B023
            "answer": lambda: streams.answer_events(principal, answer_id, None),  # noqa: B023
        }[kind]
        with pytest.raises(NotFound):
            await all_of(events())


async def test_scopes_are_required(world: World, tenant: Tenant) -> None:
    streams = service(world)
    asker, writer = (make_principal(tenant.workspace.id, s) for s in (ApiScope.ASK, ApiScope.WRITE))
    with pytest.raises(Forbidden):
        streams.job_events(asker, new_id(), None)
    with pytest.raises(Forbidden):
        streams.workspace_job_events(asker, None, None)
    with pytest.raises(Forbidden):
        streams.answer_events(writer, new_id(), None)


async def test_a_closed_subscription_leaves_nothing_running(world: World, tenant: Tenant) -> None:
    before = asyncio.all_tasks()
    job = await a_job(world, tenant)
    async with aclosing(service(world).job_events(tenant.principal, job.id, None)) as events:
        await some_of(events, 1)
        reading = asyncio.create_task(anext(events))
        await asyncio.sleep(0.02)
        reading.cancel()
        await asyncio.wait({reading})
    assert asyncio.all_tasks() == before


class BeginsMeanwhile(FakeEventStream):
    """A stream whose first event comes between two questions of its reader."""

    async def tail(self, name: StreamName) -> StreamPosition | None:
        if await super().tail(name) is None:
            await self.append(name, [AnswerStartedEvent(answer_id=name.id)])
        return await super().tail(name)


async def test_who_comes_as_a_stream_begins_is_not_told_that_it_was_lost(world: World) -> None:
    streams = BeginsMeanwhile(world.clock)
    subject = AnswerSubject(world.units, new_id(), new_id())
    reader = StreamReader(subject, streams, world.clock, None)
    assert await reader.read_on() == ()
    assert reader.behind
    assert [event.event.type for event in await reader.read_on()] == ["AnswerStarted"]
    assert not reader.behind
    assert reader.exists
