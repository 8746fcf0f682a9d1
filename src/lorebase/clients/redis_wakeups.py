"""One blocking reader a process wakes everybody who follows a stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from redis.exceptions import RedisError

from lorebase.clients.redis_connection import open_redis

logger = logging.getLogger(__name__)

BLOCK_MILLISECONDS = 1000
LONGEST_WAIT_SECONDS = 2.0
OUTAGE_SECONDS = 0.5


class StreamWakeups:
    """Watches all followed streams over one connection; a slow follower costs an event flag, not a queue."""

    def __init__(self, redis_url: str) -> None:
        self._redis = open_redis(redis_url)
        self._followers: dict[str, set[asyncio.Event]] = {}
        self._last: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def follow(self, stream: str) -> AsyncIterator[None]:
        """Yields at once and then whenever the stream may have grown, at the latest every two seconds."""
        flag = asyncio.Event()
        self._followers.setdefault(stream, set()).add(flag)
        self._changed.set()
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        try:
            while True:
                flag.clear()
                yield None
                # Growth before the reader knew the stream is found by the reading that follows each yield.
                await _set_within(flag, LONGEST_WAIT_SECONDS)
        finally:
            self._forget(stream, flag)

    async def close(self) -> None:
        """Ends the reader."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._redis.aclose()

    def _forget(self, stream: str, flag: asyncio.Event) -> None:
        flags = self._followers.get(stream, set())
        flags.discard(flag)
        if not flags:
            self._followers.pop(stream, None)
            self._last.pop(stream, None)

    async def _read(self) -> None:
        while self._followers:
            try:
                await self._read_once()
            except (RedisError, OSError) as error:
                logger.warning("event streams out of reach", extra={"error": type(error).__name__})
                await asyncio.sleep(OUTAGE_SECONDS)

    async def _read_once(self) -> None:
        self._changed.clear()
        for stream in self._followers.keys() - self._last.keys():
            newest = await self._redis.xrevrange(stream, count=1)
            self._last[stream] = newest[0][0].decode() if newest else "0-0"
            self._wake(stream)
        if not self._last:
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
        for key, entries in found:
            name = key.decode()
            if name in self._last:
                self._last[name] = entries[-1][0].decode()
            self._wake(name)

    async def _wait_for_growth(self) -> list[tuple[bytes, list[tuple[bytes, object]]]]:
        grown: list[tuple[bytes, list[tuple[bytes, object]]]] = await self._redis.xread(
            dict(self._last.items()), block=BLOCK_MILLISECONDS
        )
        return grown

    def _wake(self, stream: str) -> None:
        for flag in self._followers.get(stream, ()):
            flag.set()


async def _set_within(flag: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await flag.wait()
    except TimeoutError:
        return
