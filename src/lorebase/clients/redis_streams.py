"""Event streams on Redis: the entry id is the sequence, so a cursor needs no look-up."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import TypeAdapter
from redis.exceptions import RedisError

from lorebase.clients.redis_connection import open_redis
from lorebase.clients.redis_wakeups import PROBE_SECONDS, Newest, StreamWakeups, meta_of
from lorebase.core.errors import ErrorCode, LeaseLost, Unavailable
from lorebase.ports.event_stream import EVENTS_AT_ONCE, TakesTurn, Turn
from lorebase.schemas.events import (
    TERMINAL_EVENTS,
    StoredEvent,
    StreamEvent,
    StreamKind,
    StreamName,
    StreamPosition,
)

# A stream (its kind and number), the epoch and the sequence to read after, and how many events at most.
_Place = tuple[str, int, str | None, int, int]

ANSWER_SECONDS = 5.0
EVENT = TypeAdapter[StreamEvent](StreamEvent)

# Mints the sequence, checks the fence and appends in one step. A stream without its `meta` was lost: it
# begins a new epoch after the floor, so that an old cursor is never mistaken for one of the new stream.
APPEND = """
local meta = redis.call('HMGET', KEYS[2], 'epoch', 'sequence', 'fence')
local fence, floor, epoch = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
if meta[3] and tonumber(meta[3]) > fence then return -1 end
local sequence = tonumber(meta[2] or floor)
if meta[1] then epoch = meta[1] elseif ARGV[7] == '1' then return 0 end
for i = 8, #ARGV do
  sequence = sequence + 1
  redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[4], sequence .. '-0', 'e', ARGV[i], 't', ARGV[6])
end
redis.call('HSET', KEYS[2], 'epoch', epoch, 'sequence', sequence)
if fence > 0 then redis.call('HSET', KEYS[2], 'fence', fence) end
if tonumber(ARGV[5]) > 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[5])
  redis.call('EXPIRE', KEYS[2], ARGV[5])
else
  redis.call('PERSIST', KEYS[1])
  redis.call('PERSIST', KEYS[2])
end
return sequence
"""


class RedisEventStream:
    """Implements the EventStream port."""

    def __init__(
        self, redis_url: str, *, max_events: int, expire_seconds: int, probe_seconds: float = PROBE_SECONDS
    ) -> None:
        self._redis = open_redis(redis_url, answer_seconds=ANSWER_SECONDS)
        self._max_events = max_events
        self._expire_seconds = expire_seconds
        self._append = self._redis.register_script(APPEND)
        self._wakeups = StreamWakeups(redis_url, self, probe_seconds=probe_seconds)
        self._readings: dict[_Place, asyncio.Task[list[StoredEvent] | None]] = {}

    async def append(
        self,
        name: StreamName,
        events: Sequence[StreamEvent],
        *,
        fence: int = 0,
        floor: int = 0,
        resumes: bool = False,
    ) -> int:
        """Appends events in one step; returns the sequence of the last."""
        # The stream of a workspace never ends; it expires when nothing happened for long.
        ends = name.kind is StreamKind.WORKSPACE_JOBS or any(e.type in TERMINAL_EVENTS for e in events)
        expire = self._expire_seconds if ends else 0
        now = datetime.now(UTC).isoformat()
        epoch = secrets.token_hex(4)
        bodies = [EVENT.dump_json(event) for event in events]
        try:
            sequence = int(
                await self._append(
                    keys=[_stream(name), _meta(name)],
                    args=[fence, floor, epoch, self._max_events, expire, now, int(resumes), *bodies],
                )
            )
        except (RedisError, OSError) as error:
            raise _unavailable() from error
        if sequence < 0:
            raise LeaseLost("Another worker writes to this stream now.")
        return sequence

    async def read(
        self, name: StreamName, after: StreamPosition | None, limit: int = EVENTS_AT_ONCE
    ) -> Sequence[StoredEvent] | None:
        """Events after the position; None when the stream no longer holds what follows it.

        Followers that ask together read together. A reading is joined only until it is sent: so it holds
        whatever was appended before anybody asked.
        """
        place = _place(name, after, limit)
        reading = self._readings.get(place)
        if reading is None:
            reading = self._readings[place] = asyncio.create_task(
                self._read_together(place, _stream(name), after)
            )
        return await asyncio.shield(reading)

    async def read_ahead(self, grown: Mapping[str, Newest]) -> Mapping[str, Turn]:
        """Reads on for all followers who stand where a stream stood, just before they are woken."""
        places = {
            stream: StreamPosition(epoch=at.epoch.decode(), sequence=at.sequence)
            for stream, at in grown.items()
        }
        readings = await asyncio.gather(
            *(self._read(stream, after, EVENTS_AT_ONCE) for stream, after in places.items()),
            return_exceptions=True,
        )
        # Where it failed or the place is lost, each follower reads by itself and meets that.
        return {
            stream: Turn(grown=True, after=after, events=events)
            for (stream, after), events in zip(places.items(), readings, strict=True)
            if isinstance(events, list) and events
        }

    async def _read_together(
        self, place: _Place, stream: str, after: StreamPosition | None
    ) -> list[StoredEvent] | None:
        del self._readings[place]
        return await self._read(stream, after, place[-1])

    async def _read(self, stream: str, after: StreamPosition | None, limit: int) -> list[StoredEvent] | None:
        start = after.sequence if after else 0
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hmget(meta_of(stream), ["epoch", "sequence"])
                pipe.xrange(stream, count=1)
                pipe.xrange(stream, min=f"({start}-0", count=limit)
                (epoch, last), first, entries = await pipe.execute()
        except (RedisError, OSError) as error:
            raise _unavailable() from error
        if epoch is None or not first:
            return None
        oldest, newest = _sequence(first[0][0]), int(last)
        if start > newest or oldest > start + 1 or (after and after.epoch not in ("", epoch.decode())):
            return None
        return [_stored(epoch.decode(), entry) for entry in entries]

    async def tail(self, name: StreamName) -> StreamPosition | None:
        """The position of the newest event."""
        try:
            epoch, sequence = await cast(
                "Awaitable[list[bytes | None]]", self._redis.hmget(_meta(name), ["epoch", "sequence"])
            )
        except (RedisError, OSError) as error:
            raise _unavailable() from error
        if epoch is None or sequence is None:
            return None
        return StreamPosition(epoch=epoch.decode(), sequence=int(sequence))

    def follow(self, name: StreamName, at_once: TakesTurn | None = None) -> AsyncGenerator[Turn]:
        """A turn whenever the stream may have grown."""
        return self._wakeups.follow(_stream(name), at_once)

    async def ping(self) -> None:
        """Raises Unavailable when Redis does not answer."""
        try:
            await cast("Awaitable[bool]", self._redis.ping())
        except (RedisError, OSError) as error:
            raise _unavailable() from error

    async def close(self) -> None:
        """Ends the reader and closes the connections."""
        await self._wakeups.close()
        await self._redis.aclose()


def _stream(name: StreamName) -> str:
    # The braces keep a stream and its meta on one node of a cluster, as the script needs.
    return f"lorebase:stream:{{{name}}}"


def _meta(name: StreamName) -> str:
    return meta_of(_stream(name))


def _place(name: StreamName, after: StreamPosition | None, limit: int) -> _Place:
    # Thousands of followers look it up: numbers and texts are compared without Python code.
    epoch, sequence = (after.epoch, after.sequence) if after else (None, 0)
    return name.kind, name.id.int, epoch, sequence, limit


def _sequence(entry_id: bytes) -> int:
    return int(entry_id.split(b"-")[0])


def _stored(epoch: str, entry: tuple[bytes, dict[bytes, Any]]) -> StoredEvent:
    entry_id, fields = entry
    return StoredEvent(
        position=StreamPosition(epoch=epoch, sequence=_sequence(entry_id)),
        occurred_at=datetime.fromisoformat(fields[b"t"].decode()),
        event=EVENT.validate_json(fields[b"e"]),
    )


def _unavailable() -> Unavailable:
    return Unavailable("Redis does not answer.", code=ErrorCode.STORAGE_UNAVAILABLE)
