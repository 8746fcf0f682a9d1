"""One blocking reader a process wakes everybody who follows a stream."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import NamedTuple, Protocol

from redis.exceptions import RedisError

from lorebase.clients.redis_connection import open_redis
from lorebase.ports.event_stream import GROWN, TIME, TakesTurn, Turn

logger = logging.getLogger(__name__)

BLOCK_MILLISECONDS = 1000
# Longer than a reading that blocks; a connection that hangs must not silence the reader.
SOCKET_SECONDS = 5.0
TURN_SECONDS = 2.0
PROBE_SECONDS = 5.0
OUTAGE_SECONDS = 0.5


class Newest(NamedTuple):
    """Where a stream stands: what its `meta` says, nothing where it has none."""

    epoch: bytes
    sequence: int


class ReadAhead(Protocol):
    """Reads what followers would ask for as soon as they are woken."""

    async def read_ahead(self, grown: Mapping[str, Newest]) -> Mapping[str, Turn]:
        """What wakes the followers of the streams that grew, of which it gets where each stood before."""
        ...


class _Follower:
    """Somebody who waits; a slow one costs a flag, not a queue."""

    __slots__ = ("_at_once", "_waiter", "pending")

    def __init__(self, at_once: TakesTurn | None) -> None:
        self.pending: Turn | None = GROWN
        self._at_once = at_once
        self._waiter: asyncio.Future[None] | None = None

    @property
    def waits(self) -> bool:
        """Whether it has seen to every turn so far."""
        return self._waiter is not None and not self._waiter.done()

    def tell(self, turn: Turn) -> None:
        """Lets it deal with the turn at once, or wakes it."""
        waiter = self._waiter
        if self._at_once is None or waiter is None or waiter.done():
            self.wake(turn)
            return
        try:
            if not self._at_once(turn):
                self.wake(turn)
        except Exception as failure:  # noqa: BLE001 - it is the follower's, who hears of it where it waits
            if not waiter.done():
                waiter.set_exception(failure)

    def wake(self, turn: Turn) -> None:
        """Ends the waiting, or the next one when nobody waits just now."""
        if self.pending is None or not self.pending.grown:
            self.pending = turn
        elif turn.grown:
            # It missed a turn: the events of one do not follow where it stands.
            self.pending = GROWN
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def waking(self) -> asyncio.Future[None]:
        """Done when somebody wakes it."""
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    def turn(self) -> Turn:
        """What has woken it."""
        turn, self.pending = self.pending, None
        return turn or TIME


class StreamWakeups:
    """Watches all followed streams over one connection.

    Every few seconds it also looks where they stand, all at once: a stream that was lost, or lost and begun
    anew with smaller sequences, wakes its followers too. So none of them has to ask by itself.

    Who is woken because a stream grew is handed what was read for all.
    """

    def __init__(self, redis_url: str, reader: ReadAhead, *, probe_seconds: float = PROBE_SECONDS) -> None:
        self._reader = reader
        self._redis = open_redis(redis_url, answer_seconds=SOCKET_SECONDS)
        self._probe_seconds = probe_seconds
        self._probe_due = 0.0
        self._followers: dict[str, set[_Follower]] = {}
        self._newest: dict[str, Newest] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self, stream: str, at_once: TakesTurn | None = None) -> AsyncGenerator[Turn]:
        """A turn at once, whenever the stream may have grown or was lost, and when it is time."""
        follower = _Follower(at_once)
        self._followers.setdefault(stream, set()).add(follower)
        if stream not in self._newest:
            self._changed.set()
        self._start()
        try:
            while True:
                # Growth before the reader knew the stream is found by the reading after the first turn.
                if follower.pending is None:
                    await follower.waking()
                yield follower.turn()
        finally:
            self._forget(stream, follower)

    async def close(self) -> None:
        """Ends the reader."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = {asyncio.create_task(self._read()), asyncio.create_task(self._turn())}
            for task in self._tasks:
                task.add_done_callback(self._tasks.discard)

    def _forget(self, stream: str, follower: _Follower) -> None:
        followers = self._followers.get(stream, set())
        followers.discard(follower)
        if not followers:
            self._followers.pop(stream, None)
            self._newest.pop(stream, None)

    async def _turn(self) -> None:
        """Everybody looks at the clock now and then: one timer for all."""
        while True:
            await asyncio.sleep(TURN_SECONDS)
            for followers in self._followers.values():
                _tell(tuple(followers), None, TIME)

    async def _read(self) -> None:
        while True:
            try:
                await self._read_once()
            except (RedisError, OSError) as error:
                logger.warning("event streams out of reach", extra={"error": type(error).__name__})
                # Each finds out by itself that nothing can be read; who is known again is woken again.
                for stream in tuple(self._newest):
                    self._wake(stream)
                self._newest.clear()
                await asyncio.sleep(OUTAGE_SECONDS)

    async def _read_once(self) -> None:
        self._changed.clear()
        if time.monotonic() >= self._probe_due:
            await self._look(tuple(self._followers))
            self._probe_due = time.monotonic() + self._probe_seconds
        else:
            await self._look(self._followers.keys() - self._newest.keys())
        if not self._newest:
            await self._changed.wait()
            return
        reading = asyncio.create_task(self._wait_for_growth())
        changing = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({reading, changing}, return_when=asyncio.FIRST_COMPLETED)
            # Someone follows a stream that this reading does not cover: leave it for a new one.
            found = reading.result() if reading.done() else []
        finally:
            for task in (reading, changing):
                task.cancel()
            await asyncio.gather(reading, changing, return_exceptions=True)
        await self._go_on({key.decode(): int(entries[-1][0].split(b"-")[0]) for key, entries in found})

    async def _go_on(self, grown: Mapping[str, int]) -> None:
        """Wakes who follows streams that have grown to these sequences, with what was read for all."""
        if not grown:
            return
        before = {stream: self._newest[stream] for stream in grown if stream in self._newest}
        turns = await self._reader.read_ahead(before)
        for stream, sequence in grown.items():
            turn = turns.get(stream, GROWN)
            if stream in self._newest:
                read = turn.events[-1].position.sequence if turn.events else 0
                self._newest[stream] = self._newest[stream]._replace(sequence=max(sequence, read))
            self._wake(stream, turn)

    async def _look(self, streams: Collection[str]) -> None:
        if not streams:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for stream in streams:
                pipe.hmget(meta_of(stream), ["epoch", "sequence"])
            answers = await pipe.execute()
        grown = {}
        for stream, (epoch, sequence) in zip(streams, answers, strict=True):
            newest, known = Newest(epoch or b"", int(sequence or 0)), self._newest.get(stream)
            if stream not in self._followers or newest == known:
                continue
            if known is not None and newest.epoch == known.epoch and newest.sequence > known.sequence:
                grown[stream] = newest.sequence
            else:
                self._newest[stream] = newest
                self._wake(stream)
        await self._go_on(grown)

    async def _wait_for_growth(self) -> list[tuple[bytes, list[tuple[bytes, object]]]]:
        places = {stream: f"{newest.sequence}-0" for stream, newest in self._newest.items()}
        grown: list[tuple[bytes, list[tuple[bytes, object]]]] = await self._redis.xread(
            dict(places.items()), block=BLOCK_MILLISECONDS
        )
        return grown

    def _wake(self, stream: str, turn: Turn = GROWN) -> None:
        followers = tuple(self._followers.get(stream, ()))
        if not turn.events:
            # Each reads by itself.
            for follower in followers:
                follower.wake(turn)
            return
        # One goes ahead: what is made of the events for it is there when the others are told.
        ahead = next((each for each in followers if each.waits), None)
        if ahead is not None:
            ahead.wake(turn)
        asyncio.get_running_loop().call_soon(_tell, followers, ahead, turn)


def _tell(followers: Collection[_Follower], told: _Follower | None, turn: Turn) -> None:
    for follower in followers:
        if follower is not told:
            follower.tell(turn)


def meta_of(stream: str) -> str:
    """The key where a stream keeps its epoch and its newest sequence."""
    return f"{stream}:meta"
