"""One blocking reader a process wakes everybody who follows a stream."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import NamedTuple, Protocol

from redis.exceptions import RedisError

from lorebase.clients.redis_connection import open_redis

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
    """Reads what followers will ask for as soon as they are woken."""

    async def read_ahead(self, grown: Mapping[str, Newest]) -> None:
        """Gets the streams that grew, and where each stood before. Its failure is that of the readings."""
        ...

    def forget_ahead(self) -> None:
        """Those who were woken have read."""
        ...


class _Follower:
    """Somebody who waits; a slow one costs a flag, not a queue."""

    __slots__ = ("_grown", "_waiter", "woken")

    def __init__(self) -> None:
        self._grown = self.woken = True
        self._waiter: asyncio.Future[None] | None = None

    def wake(self, *, grown: bool) -> None:
        """Ends the waiting, or the next one when nobody waits just now."""
        self.woken = True
        self._grown = self._grown or grown
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def waking(self) -> asyncio.Future[None]:
        """Done when somebody wakes it."""
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    def turn(self) -> bool:
        """Whether the stream may have grown since the last turn."""
        grown, self._grown, self.woken = self._grown, False, False
        return grown


class StreamWakeups:
    """Watches all followed streams over one connection.

    Every few seconds it also looks where they stand, all at once: a stream that was lost, or lost and begun
    anew with smaller sequences, wakes its followers too. So none of them has to ask by itself.

    Who is woken because a stream grew finds it read already: all at once, in the turn of the loop that wakes.
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

    async def follow(self, stream: str) -> AsyncGenerator[bool]:
        """True at once and whenever the stream may have grown or was lost; False when it is only time."""
        follower = _Follower()
        self._followers.setdefault(stream, set()).add(follower)
        if stream not in self._newest:
            self._changed.set()
        self._start()
        try:
            while True:
                # Growth before the reader knew the stream is found by the reading that follows each True.
                if not follower.woken:
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
                for follower in followers:
                    follower.wake(grown=False)

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
        grown = {key.decode(): int(entries[-1][0].split(b"-")[0]) for key, entries in found}
        before = {stream: self._newest[stream] for stream in grown if stream in self._newest}
        await self._reader.read_ahead(before)
        for stream, sequence in grown.items():
            if stream in self._newest:
                self._newest[stream] = self._newest[stream]._replace(sequence=sequence)
            self._wake(stream)
        # Runs after all who were just woken.
        asyncio.get_running_loop().call_soon(self._reader.forget_ahead)

    async def _look(self, streams: Collection[str]) -> None:
        if not streams:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for stream in streams:
                pipe.hmget(meta_of(stream), ["epoch", "sequence"])
            answers = await pipe.execute()
        for stream, (epoch, sequence) in zip(streams, answers, strict=True):
            newest = Newest(epoch or b"", int(sequence or 0))
            if stream in self._followers and self._newest.get(stream) != newest:
                self._newest[stream] = newest
                self._wake(stream)

    async def _wait_for_growth(self) -> list[tuple[bytes, list[tuple[bytes, object]]]]:
        places = {stream: f"{newest.sequence}-0" for stream, newest in self._newest.items()}
        grown: list[tuple[bytes, list[tuple[bytes, object]]]] = await self._redis.xread(
            dict(places.items()), block=BLOCK_MILLISECONDS
        )
        return grown

    def _wake(self, stream: str) -> None:
        for follower in self._followers.get(stream, ()):
            follower.wake(grown=True)


def meta_of(stream: str) -> str:
    """The key where a stream keeps its epoch and its newest sequence."""
    return f"{stream}:meta"
