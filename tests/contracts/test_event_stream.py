"""What every EventStream promises. A subclass of the contract with a fixture `streams` tests an adapter."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from lorebase.core.errors import LeaseLost
from lorebase.core.ids import new_id
from lorebase.ports.event_stream import EventStream, Turn
from lorebase.schemas.answers import FinishReason
from lorebase.schemas.events import (
    AnswerCompletedEvent,
    AnswerDeltaEvent,
    StoredEvent,
    StreamKind,
    StreamName,
    StreamPosition,
)
from tests.fakes.event_stream import FakeEventStream

DEADLINE_SECONDS = 30


def a_stream() -> StreamName:
    return StreamName(kind=StreamKind.ANSWER, workspace_id=new_id(), id=new_id())


def delta(offset: int) -> AnswerDeltaEvent:
    return AnswerDeltaEvent(text="x", offset=offset)


async def read(streams: EventStream, name: StreamName, after: StreamPosition | None) -> list[StoredEvent]:
    events = await streams.read(name, after)
    assert events is not None
    return events


class Taker:
    """A follower who takes every so many turns at once, and reads after the others."""

    def __init__(self, streams: EventStream, name: StreamName, *, takes_every: int) -> None:
        self.seen: list[int] = []
        self.taken = 0
        self._streams = streams
        self._name = name
        self._takes_every = takes_every
        self._offered = 0
        self._position: StreamPosition | None = None

    async def follow(self) -> None:
        async with aclosing(self._streams.follow(self._name, self._take)) as turns:
            async for turn in turns:
                if turn.grown:
                    for event in await self._streams.read(self._name, self._position) or ():
                        self._see(event)

    def _take(self, turn: Turn) -> bool:
        self._offered += 1
        if turn.after != self._position or self._offered % self._takes_every:
            return False
        self.taken += 1
        for event in turn.events:
            self._see(event)
        return True

    def _see(self, event: StoredEvent) -> None:
        self._position = event.position
        self.seen.append(event.position.sequence)


class EventStreamContract:
    """The adapter under test keeps at least 50 events a stream."""

    async def test_sequences_count_from_one_without_gaps(self, streams: EventStream) -> None:
        name = a_stream()
        assert await streams.append(name, [delta(0)]) == 1
        assert await streams.append(name, [delta(1), delta(2)]) == 3
        events = await read(streams, name, None)
        assert [event.position.sequence for event in events] == [1, 2, 3]
        assert [event.event for event in events] == [delta(0), delta(1), delta(2)]

    async def test_reading_goes_on_after_a_position(self, streams: EventStream) -> None:
        name = a_stream()
        await streams.append(name, [delta(offset) for offset in range(10)])
        first = await streams.read(name, None, limit=4)
        assert first is not None
        assert [event.position.sequence for event in first] == [1, 2, 3, 4]
        rest = await read(streams, name, first[-1].position)
        assert [event.position.sequence for event in rest] == [5, 6, 7, 8, 9, 10]
        assert await read(streams, name, rest[-1].position) == []

    async def test_a_stream_that_was_never_made_reads_as_none(self, streams: EventStream) -> None:
        assert await streams.read(a_stream(), None) is None
        assert await streams.tail(a_stream()) is None

    async def test_the_tail_is_the_position_of_the_newest_event(self, streams: EventStream) -> None:
        name = a_stream()
        await streams.append(name, [delta(0), delta(1)])
        tail = await streams.tail(name)
        assert tail == (await read(streams, name, None))[-1].position

    async def test_a_position_of_another_epoch_reads_as_none(self, streams: EventStream) -> None:
        name = a_stream()
        await streams.append(name, [delta(0), delta(1)])
        assert await streams.read(name, StreamPosition(epoch="of-another-life", sequence=1)) is None

    async def test_a_position_ahead_of_the_stream_reads_as_none(self, streams: EventStream) -> None:
        name = a_stream()
        await streams.append(name, [delta(0)])
        tail = await streams.tail(name)
        assert tail is not None
        assert await streams.read(name, tail.model_copy(update={"sequence": 99})) is None

    async def test_an_older_fence_is_refused_and_appends_nothing(self, streams: EventStream) -> None:
        name = a_stream()
        await streams.append(name, [delta(0)], fence=2)
        with pytest.raises(LeaseLost):
            await streams.append(name, [delta(1)], fence=1)
        await streams.append(name, [delta(2)], fence=2)
        await streams.append(name, [delta(3)], fence=3)
        assert [event.event for event in await read(streams, name, None)] == [delta(0), delta(2), delta(3)]

    async def test_a_new_stream_begins_after_the_floor_in_an_epoch_of_its_own(
        self, streams: EventStream
    ) -> None:
        first, second = a_stream(), a_stream()
        assert await streams.append(first, [delta(0)], floor=41) == 42
        await streams.append(second, [delta(0)])
        tails = [await streams.tail(first), await streams.tail(second)]
        assert tails[0] is not None
        assert tails[1] is not None
        assert tails[0].epoch != tails[1].epoch

    async def test_what_only_resumes_a_stream_that_was_lost_is_not_appended(
        self, streams: EventStream
    ) -> None:
        name = a_stream()
        assert await streams.append(name, [delta(0)], floor=3, resumes=True) == 0
        assert await streams.tail(name) is None
        await streams.append(name, [delta(0)])
        assert await streams.append(name, [delta(1)], resumes=True) == 2

    async def test_the_floor_of_a_stream_that_exists_is_ignored(self, streams: EventStream) -> None:
        name = a_stream()
        await streams.append(name, [delta(0)])
        assert await streams.append(name, [delta(1)], floor=41) == 2

    async def test_what_precedes_the_floor_is_not_kept(self, streams: EventStream) -> None:
        name = a_stream()
        await streams.append(name, [delta(0)], floor=41)
        assert await streams.read(name, None) is None
        tail = await streams.tail(name)
        assert tail is not None
        before = tail.model_copy(update={"sequence": 41})
        assert [event.event for event in await read(streams, name, before)] == [delta(0)]

    async def test_a_stream_goes_on_after_a_terminal_event(self, streams: EventStream) -> None:
        name = a_stream()
        end = AnswerCompletedEvent(answer_id=name.id, finish_reason=FinishReason.STOP)
        await streams.append(name, [delta(0), end])
        assert await streams.append(name, [delta(1)]) == 3
        assert [event.is_terminal for event in await read(streams, name, None)] == [False, True, False]

    async def test_concurrent_appends_leave_neither_gaps_nor_doubles(self, streams: EventStream) -> None:
        name = a_stream()
        ends = await asyncio.gather(*(streams.append(name, [delta(n)]) for n in range(40)))
        assert sorted(ends) == list(range(1, 41))
        events = await read(streams, name, None)
        assert [event.position.sequence for event in events] == list(range(1, 41))

    async def test_streams_do_not_mix(self, streams: EventStream) -> None:
        mine, other = a_stream(), a_stream()
        await streams.append(mine, [delta(0)])
        await streams.append(other, [delta(7)])
        assert [event.event for event in await read(streams, mine, None)] == [delta(0)]

    async def test_a_follower_is_woken_at_once_and_when_the_stream_grows(self, streams: EventStream) -> None:
        name = a_stream()
        seen: list[int] = []

        async def follow() -> None:
            position: StreamPosition | None = None
            async for _ in streams.follow(name):
                for event in await streams.read(name, position) or []:
                    position = event.position
                    seen.append(position.sequence)
                if len(seen) == 3:
                    return

        async with asyncio.timeout(DEADLINE_SECONDS):
            follower = asyncio.create_task(follow())
            for number in range(3):
                await streams.append(name, [delta(number)])
                await asyncio.sleep(0)
            await follower
        assert seen == [1, 2, 3]

    async def test_a_follower_may_look_at_the_clock_while_nothing_happens(self, streams: EventStream) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), aclosing(streams.follow(a_stream())) as turns:
            assert (await anext(turns)).grown
            while (await anext(turns)).grown:
                pass

    async def test_who_looks_at_the_clock_at_once_is_woken_only_when_something_happens(
        self, streams: EventStream
    ) -> None:
        name, times, woken = a_stream(), list[Turn](), list[Turn]()

        def look(turn: Turn) -> bool:
            times.extend([] if turn.grown else [turn])
            return not turn.grown

        async def follow() -> None:
            async with aclosing(streams.follow(name, look)) as turns:
                async for turn in turns:
                    woken.append(turn)

        following = asyncio.create_task(follow())
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(times) < 2:
                await asyncio.sleep(0.005)
            before = len(woken)
            await streams.append(name, [delta(0)])
            while len(woken) == before:
                await asyncio.sleep(0.005)
        following.cancel()
        await asyncio.wait({following})
        assert all(turn.grown for turn in woken)

    async def test_growth_while_a_follower_is_busy_is_told_when_it_comes_back(
        self, streams: EventStream
    ) -> None:
        name = a_stream()
        async with asyncio.timeout(DEADLINE_SECONDS), aclosing(streams.follow(name)) as turns:
            assert (await anext(turns)).grown
            while (await anext(turns)).grown:
                pass
            await streams.append(name, [delta(0)])
            while not (await anext(turns)).grown:
                pass

    async def test_what_a_turn_brings_is_what_comes_after_its_position(self, streams: EventStream) -> None:
        name, brought = a_stream(), 0
        await streams.append(name, [delta(0)])
        async with asyncio.timeout(DEADLINE_SECONDS), aclosing(streams.follow(name)) as turns:
            while brought < 5:
                await streams.append(name, [delta(1), delta(2)])
                turn = await anext(turns)
                if turn.events:
                    after = await read(streams, name, turn.after)
                    assert list(turn.events) == after[: len(turn.events)]
                    brought += 1

    async def test_who_takes_some_turns_at_once_still_sees_everything_once_and_in_order(
        self, streams: EventStream
    ) -> None:
        name, total = a_stream(), 0
        followers = [Taker(streams, name, takes_every=every) for every in (1, 2, 3)]
        following = [asyncio.create_task(each.follow()) for each in followers]
        async with asyncio.timeout(DEADLINE_SECONDS):
            # Who is offered something has to wait for it: that needs its time.
            while total < 40 or not any(each.taken for each in followers):
                total += 1
                await streams.append(name, [delta(total)])
                await asyncio.sleep(0.005 if total % 4 else 0)
            while not all(len(each.seen) >= total for each in followers):
                await asyncio.sleep(0.005)
        for task in following:
            task.cancel()
        await asyncio.wait(following)
        for each in followers:
            assert each.seen == list(range(1, total + 1))

    async def test_a_turn_is_only_offered_to_who_waits_for_one(self, streams: EventStream) -> None:
        name, offered = a_stream(), []
        await streams.append(name, [delta(0)])

        def take(turn: Turn) -> bool:
            offered.append(turn)
            return True

        async with asyncio.timeout(DEADLINE_SECONDS), aclosing(streams.follow(name, take)) as busy:
            other = Taker(streams, name, takes_every=1)
            following = asyncio.create_task(other.follow())
            await anext(busy)
            for number in range(1, 10):
                await streams.append(name, [delta(number)])
                await asyncio.sleep(0.005)
            while len(other.seen) < 10:
                await asyncio.sleep(0.005)
            following.cancel()
            assert offered == []
            assert (await anext(busy)).grown

    async def test_what_was_appended_before_a_reading_is_in_it_whoever_else_reads(
        self, streams: EventStream
    ) -> None:
        name = a_stream()
        await streams.append(name, [delta(0)])
        for number in range(1, 20):
            running = [asyncio.ensure_future(read(streams, name, None)) for _ in range(3)]
            for _ in range(number % 4):
                await asyncio.sleep(0)
            await streams.append(name, [delta(number)])
            assert len(await read(streams, name, None)) == number + 1
            await asyncio.gather(*running)


class TestFakeEventStream(EventStreamContract):
    @pytest.fixture
    async def streams(self) -> FakeEventStream:
        return FakeEventStream()
