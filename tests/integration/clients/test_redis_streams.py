"""Streams on a real Valkey: gap-free, fenced, resumable, honest about what was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

import pytest
from redis.asyncio import Redis

from lorebase.clients.redis_streams import RedisEventStream
from lorebase.clients.redis_wakeups import Newest, StreamWakeups
from lorebase.core.errors import LeaseLost, Unavailable
from lorebase.core.ids import new_id
from lorebase.ports.event_stream import TakesTurn, Turn
from lorebase.schemas.answers import FinishReason
from lorebase.schemas.events import (
    AnswerCompletedEvent,
    AnswerDeltaEvent,
    AnswerStartedEvent,
    StreamKind,
    StreamName,
    StreamPosition,
)


def a_stream() -> StreamName:
    return StreamName(kind=StreamKind.ANSWER, workspace_id=new_id(), id=new_id())


def delta(offset: int) -> AnswerDeltaEvent:
    return AnswerDeltaEvent(text=f"w{offset} ", offset=offset)


@pytest.fixture
async def streams(redis_url: str) -> AsyncIterator[RedisEventStream]:
    made = RedisEventStream(redis_url, max_events=50, expire_seconds=60)
    yield made
    await made.close()


async def test_sequences_count_from_one_without_gaps(streams: RedisEventStream) -> None:
    name = a_stream()
    assert await streams.append(name, [delta(0), delta(1)]) == 2
    assert await streams.append(name, [delta(2)]) == 3
    events = await streams.read(name, None)
    assert events is not None
    assert [event.position.sequence for event in events] == [1, 2, 3]
    assert [event.event for event in events] == [delta(0), delta(1), delta(2)]


async def test_concurrent_writers_leave_no_gap_and_no_repeat(streams: RedisEventStream) -> None:
    name = a_stream()
    sequences = await asyncio.gather(*(streams.append(name, [delta(i)]) for i in range(40)))
    assert sorted(sequences) == list(range(1, 41))


async def test_reading_goes_on_after_a_position(streams: RedisEventStream) -> None:
    name = a_stream()
    await streams.append(name, [delta(i) for i in range(5)])
    first = await streams.read(name, None, limit=2)
    assert first is not None
    rest = await streams.read(name, first[-1].position)
    assert rest is not None
    assert [event.position.sequence for event in rest] == [3, 4, 5]
    assert await streams.read(name, rest[-1].position) == []


async def test_a_writer_whose_lease_went_to_another_is_refused(streams: RedisEventStream) -> None:
    name = a_stream()
    await streams.append(name, [delta(0)], fence=2)
    with pytest.raises(LeaseLost):
        await streams.append(name, [delta(99)], fence=1)
    events = await streams.read(name, None)
    assert events is not None
    assert [event.event for event in events] == [delta(0)]


async def test_a_position_that_was_trimmed_is_not_answered_with_a_gap(streams: RedisEventStream) -> None:
    name = a_stream()
    await streams.append(name, [delta(i) for i in range(120)])
    tail = await streams.tail(name)
    assert tail is not None
    assert tail.sequence == 120
    assert await streams.read(name, StreamPosition(epoch=tail.epoch, sequence=10)) is None
    assert await streams.read(name, None) is None
    kept = await streams.read(name, StreamPosition(epoch=tail.epoch, sequence=70))
    assert kept is not None
    assert len(kept) == 50


async def test_a_position_of_the_future_or_of_another_stream_is_not_kept(streams: RedisEventStream) -> None:
    name = a_stream()
    await streams.append(name, [delta(0)])
    tail = await streams.tail(name)
    assert tail is not None
    assert await streams.read(name, StreamPosition(epoch=tail.epoch, sequence=2)) is None
    assert await streams.read(name, StreamPosition(epoch="other", sequence=1)) is None
    assert await streams.read(a_stream(), None) is None
    assert await streams.tail(a_stream()) is None


async def test_a_stream_lost_with_redis_begins_a_new_epoch_after_the_floor(
    streams: RedisEventStream, redis_url: str
) -> None:
    name = a_stream()
    await streams.append(name, [delta(i) for i in range(5)])
    before = await streams.tail(name)
    redis = Redis.from_url(redis_url)
    await redis.flushall()
    assert await streams.append(name, [delta(5)], floor=5) == 6
    after = await streams.tail(name)
    assert before is not None
    assert after is not None
    assert before.epoch != after.epoch
    assert await streams.read(name, before) is None
    await redis.aclose()


async def test_a_stream_expires_only_after_its_end(streams: RedisEventStream, redis_url: str) -> None:
    name = a_stream()
    redis = Redis.from_url(redis_url)
    keys = [f"lorebase:stream:{{{name}}}", f"lorebase:stream:{{{name}}}:meta"]
    await streams.append(name, [AnswerStartedEvent(answer_id=name.id)])
    assert [await redis.ttl(key) for key in keys] == [-1, -1]
    await streams.append(name, [AnswerCompletedEvent(answer_id=name.id, finish_reason=FinishReason.STOP)])
    assert all([0 < await redis.ttl(key) <= 60 for key in keys])
    await redis.aclose()


async def test_followers_are_woken_by_growth_over_one_connection(
    streams: RedisEventStream, redis_url: str
) -> None:
    names = [a_stream() for _ in range(20)]
    woken: list[StreamName] = []

    async def follow(name: StreamName) -> None:
        async for _ in streams.follow(name):
            if await streams.read(name, None):
                woken.append(name)
                return

    followers = [asyncio.create_task(follow(name)) for name in names]
    redis = Redis.from_url(redis_url)
    async with asyncio.timeout(20):
        while not any(c["cmd"] == "xread" for c in await redis.client_list()):
            await asyncio.sleep(0.01)
        assert sum(c["cmd"] == "xread" for c in await redis.client_list()) == 1
        for name in names:
            await streams.append(name, [delta(0)])
        await asyncio.gather(*followers)
    assert sorted(woken, key=str) == sorted(names, key=str)
    await redis.aclose()


async def ranges_read(redis: Redis) -> int:
    # A server that has never read a range says nothing of it.
    statistics = await redis.info("commandstats")
    return int(statistics.get("cmdstat_xrange", {"calls": 0})["calls"])


async def test_followers_at_one_place_read_together(streams: RedisEventStream, redis_url: str) -> None:
    name = a_stream()
    await streams.append(name, [delta(0), delta(1)])
    redis = Redis.from_url(redis_url)
    # A server counts a command from its first use.
    first = await streams.read(name, None, limit=1)
    before = await ranges_read(redis)
    assert first is not None
    alike = await asyncio.gather(*(streams.read(name, first[0].position) for _ in range(100)))
    other = await asyncio.gather(streams.read(name, None), streams.read(a_stream(), first[0].position))
    after = await ranges_read(redis)
    assert all(each is alike[0] for each in alike)
    assert [event.event for event in alike[0] or ()] == [delta(1)]
    assert [len(other[0] or ()), other[1]] == [2, None]
    assert after - before == 2 * 3
    await redis.aclose()


async def test_one_reader_that_leaves_takes_nothing_from_the_others(streams: RedisEventStream) -> None:
    name = a_stream()
    await streams.append(name, [delta(0)])
    readings = [asyncio.ensure_future(streams.read(name, None)) for _ in range(3)]
    await asyncio.sleep(0)
    readings[0].cancel()
    gone, *others = await asyncio.gather(*readings, return_exceptions=True)
    assert isinstance(gone, asyncio.CancelledError)
    assert [[event.event for event in found] for found in others] == [[delta(0)]] * 2  # type: ignore[union-attr]


async def test_followers_hear_of_a_stream_that_is_lost_and_of_one_begun_anew_behind_it(
    redis_url: str,
) -> None:
    streams = RedisEventStream(redis_url, max_events=50, expire_seconds=60, probe_seconds=0.05)
    redis, name = Redis.from_url(redis_url), a_stream()
    await streams.append(name, [delta(i) for i in range(5)])
    async with asyncio.timeout(20), aclosing(streams.follow(name)) as turns:
        for expected in (5, None, 1):
            while not (await anext(turns)).grown or (await sequence_of(streams, name)) != expected:
                pass
            if expected == 5:
                await redis.delete(f"lorebase:stream:{{{name}}}", f"lorebase:stream:{{{name}}}:meta")
            else:
                await streams.append(name, [delta(0)])
    await redis.aclose()
    await streams.close()


class Recorded:
    """Reads ahead, and notes from where to where."""

    def __init__(self, streams: RedisEventStream) -> None:
        self.spans: list[tuple[int, int]] = []
        self._streams = streams

    async def read_ahead(self, grown: Mapping[str, Newest]) -> Mapping[str, Turn]:
        turns = await self._streams.read_ahead(grown)
        self.spans += [
            (grown[name].sequence, turn.events[-1].position.sequence) for name, turn in turns.items()
        ]
        return turns


async def test_growth_that_is_found_in_passing_is_read_for_all_like_any_other(
    redis_url: str,
) -> None:
    streams = RedisEventStream(redis_url, max_events=1000, expire_seconds=60)
    name, recorded = a_stream(), Recorded(streams)
    # It looks where the streams stand before each reading, and so often finds that one has grown.
    wakeups = StreamWakeups(redis_url, recorded, probe_seconds=0)
    last = await streams.append(name, [delta(0)])
    async with asyncio.timeout(20), aclosing(wakeups.follow(f"lorebase:stream:{{{name}}}")) as turns:
        await anext(turns)
        await anext(turns)
        for number in range(1, 200):
            last = await streams.append(name, [delta(number)])
            if number % 3 == 0:
                await asyncio.sleep(0.001)
        while not recorded.spans or recorded.spans[-1][1] < last:
            await anext(turns)
    starts, ends = [start for start, _ in recorded.spans], [end for _, end in recorded.spans]
    assert starts[1:] == ends[:-1]
    await wakeups.close()
    await streams.close()


async def sequence_of(streams: RedisEventStream, name: StreamName) -> int | None:
    tail = await streams.tail(name)
    return tail.sequence if tail else None


async def test_an_idle_follower_of_a_stream_that_does_not_exist_asks_nothing(
    streams: RedisEventStream,
) -> None:
    async with asyncio.timeout(20), aclosing(streams.follow(a_stream())) as turns:
        heard = [(await anext(turns)).grown for _ in range(4)]
    # Once at once, perhaps once more when the reader knows the stream, and then the clock alone.
    assert heard[0]
    assert not any(heard[2:])


async def test_without_redis_reading_and_writing_say_so_and_following_goes_on() -> None:
    streams = RedisEventStream("unix:///nonexistent/valkey.sock", max_events=5, expire_seconds=5)
    with pytest.raises(Unavailable):
        await streams.append(a_stream(), [delta(0)])
    with pytest.raises(Unavailable):
        await streams.read(a_stream(), None)
    with pytest.raises(Unavailable):
        await streams.ping()
    turns = 0
    async with asyncio.timeout(20):
        async for _ in streams.follow(a_stream()):
            turns += 1
            if turns == 2:
                break
    assert turns == 2
    await streams.close()


async def test_what_grew_is_read_once_for_all_who_are_woken_by_it(
    streams: RedisEventStream, redis_url: str
) -> None:
    name = a_stream()
    await streams.append(name, [delta(0)])
    start = await streams.tail(name)
    redis, found = Redis.from_url(redis_url), []

    async def follow() -> None:
        async with aclosing(streams.follow(name)) as turns:
            async for turn in turns:
                if turn.events:
                    assert turn.after == start
                    found.append(turn.events)
                    return

    followers = [asyncio.create_task(follow()) for _ in range(50)]
    async with asyncio.timeout(20):
        while not any(client["cmd"] == "xread" for client in await redis.client_list()):
            await asyncio.sleep(0.01)
        before = await ranges_read(redis)
        await streams.append(name, [delta(1)])
        await asyncio.gather(*followers)
    after = await ranges_read(redis)
    assert all(events is found[0] for events in found)
    assert [event.event for event in found[0]] == [delta(1)]
    # One reading of the range, and one of the stream's beginning.
    assert after - before == 2
    await redis.aclose()


async def test_one_goes_ahead_and_all_others_take_at_once_what_it_was_woken_for(
    streams: RedisEventStream, redis_url: str
) -> None:
    name, ahead, taken = a_stream(), [], []
    await streams.append(name, [delta(0)])
    redis = Redis.from_url(redis_url)

    def take(turn: Turn) -> bool:
        # Whoever went ahead has dealt with the turn before anybody else hears of it.
        assert ahead == [turn.events]
        taken.append(turn.events)
        return True

    async def follow() -> None:
        async with aclosing(streams.follow(name, take)) as turns:
            async for turn in turns:
                if turn.events:
                    ahead.append(turn.events)

    followers = [asyncio.create_task(follow()) for _ in range(20)]
    async with asyncio.timeout(20):
        while not any(client["cmd"] == "xread" for client in await redis.client_list()):
            await asyncio.sleep(0.01)
        await streams.append(name, [delta(1)])
        while len(taken) < 19:
            await asyncio.sleep(0.01)
    assert len(ahead) == 1
    assert all(events is ahead[0] for events in taken)
    for follower in followers:
        follower.cancel()
    await asyncio.wait(followers)
    await redis.aclose()


async def test_a_failure_in_taking_at_once_ends_that_follower_and_no_other(
    streams: RedisEventStream, redis_url: str
) -> None:
    name, seen = a_stream(), []
    await streams.append(name, [delta(0)])

    def fail(_turn: Turn) -> bool:
        raise ValueError("a bug")

    async def follow(take: TakesTurn | None) -> None:
        async with aclosing(streams.follow(name, take)) as turns:
            async for turn in turns:
                seen.extend(turn.events)

    broken = [asyncio.create_task(follow(fail)) for _ in range(2)]
    healthy = asyncio.create_task(follow(None))
    async with asyncio.timeout(20):
        while not any(task.done() for task in broken):
            await streams.append(name, [delta(1)])
            await asyncio.sleep(0.01)
        so_far = len(seen)
        while len(seen) == so_far:
            await streams.append(name, [delta(1)])
            await asyncio.sleep(0.01)
    assert not healthy.done()
    assert next(str(task.exception()) for task in broken if task.done()) == "a bug"
    for task in (healthy, *broken):
        task.cancel()
    await asyncio.wait({healthy, *broken})


async def test_who_reads_again_after_a_waking_finds_what_was_appended_since(
    streams: RedisEventStream,
) -> None:
    name = a_stream()
    await streams.append(name, [delta(0)])
    start = await streams.tail(name)
    async with asyncio.timeout(20), aclosing(streams.follow(name)) as turns:
        for number in range(1, 20):
            await streams.append(name, [delta(number)])
            while not (await anext(turns)).grown:
                pass
            await streams.read(name, start)
            await streams.append(name, [delta(number)])
            events = await streams.read(name, start)
            assert events is not None
            assert events[-1].position == await streams.tail(name)


async def test_followers_miss_nothing_and_see_nothing_twice_however_fast_events_come(
    streams: RedisEventStream,
) -> None:
    name, total = a_stream(), 45

    async def follow(pause: bool) -> list[int]:
        seen: list[int] = []
        position: StreamPosition | None = None
        async with aclosing(streams.follow(name)) as turns:
            async for turn in turns:
                for event in (await streams.read(name, position) or ()) if turn.grown else ():
                    position = event.position
                    seen.append(position.sequence)
                    await asyncio.sleep(0.001 if pause else 0)
                if seen and seen[-1] == total:
                    return seen
        return seen

    async with asyncio.timeout(30):
        followers = [asyncio.create_task(follow(bool(number % 2))) for number in range(40)]
        for number in range(total):
            await streams.append(name, [delta(number)])
        assert await asyncio.gather(*followers) == [list(range(1, total + 1))] * len(followers)
