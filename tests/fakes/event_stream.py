"""Event streams in memory that keep every promise of EventStream, also those about losing events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from itertools import count

from lorebase.core.errors import ErrorCode, LeaseLost, Unavailable
from lorebase.ports.event_stream import GROWN, TIME, TakesTurn, Turn
from lorebase.schemas.events import StoredEvent, StreamEvent, StreamName, StreamPosition
from tests.fakes.clock import FakeClock


@dataclass(slots=True)
class _Stream:
    epoch: str
    sequence: int
    fence: int = 0
    events: list[StoredEvent] = field(default_factory=list)


class FakeEventStream:
    """`down` makes every call fail, `lose()` forgets a stream, `wait_seconds` paces followers."""

    def __init__(
        self, clock: FakeClock | None = None, *, max_events: int = 5000, wait_seconds: float = 0.01
    ) -> None:
        self.down = False
        self.reads = 0
        self._clock = clock or FakeClock()
        self._max_events = max_events
        self._wait_seconds = wait_seconds
        self._streams: dict[str, _Stream] = {}
        self._epochs = count(1)
        self._changed = asyncio.Event()
        self._turns: dict[str, Turn] = {}

    async def append(
        self,
        name: StreamName,
        events: Sequence[StreamEvent],
        *,
        fence: int = 0,
        floor: int = 0,
        resumes: bool = False,
    ) -> int:
        await self.before_append(name)
        self._refuse_when_down()
        if resumes and str(name) not in self._streams:
            return 0
        stream = self._streams.get(str(name)) or _Stream(f"epoch-{next(self._epochs)}", floor)
        if fence < stream.fence:
            raise LeaseLost("Another worker writes to this stream now.")
        self._streams[str(name)] = stream
        stream.fence = fence
        before = StreamPosition(epoch=stream.epoch, sequence=stream.sequence)
        for event in events:
            stream.sequence += 1
            position = StreamPosition(epoch=stream.epoch, sequence=stream.sequence)
            stored = StoredEvent(position=position, occurred_at=self._clock.now(), event=event)
            stream.events.append(stored)
        added = tuple(stream.events[-len(events) :])
        self._turns[str(name)] = Turn(grown=True, after=before, events=added)
        del stream.events[: -self._max_events]
        self._wake()
        await self.after_append(name)
        return stream.sequence

    async def before_append(self, name: StreamName) -> None:
        """For subclasses: what a store does, or a network, before it takes events."""

    async def after_append(self, name: StreamName) -> None:
        """For subclasses: what comes between the write and its answer."""

    async def read(
        self, name: StreamName, after: StreamPosition | None, limit: int = 100
    ) -> list[StoredEvent] | None:
        self._refuse_when_down()
        self.reads += 1
        stream = self._streams.get(str(name))
        if stream is None:
            return None
        start = after.sequence if after else 0
        oldest = stream.events[0].position.sequence
        if start > stream.sequence or oldest > start + 1 or (after and after.epoch not in ("", stream.epoch)):
            return None
        return [event for event in stream.events if event.position.sequence > start][:limit]

    async def tail(self, name: StreamName) -> StreamPosition | None:
        self._refuse_when_down()
        stream = self._streams.get(str(name))
        return StreamPosition(epoch=stream.epoch, sequence=stream.sequence) if stream else None

    async def follow(self, name: StreamName, at_once: TakesTurn | None = None) -> AsyncGenerator[Turn]:
        turn, change = GROWN, self._changed
        taken = False
        while True:
            if not taken:
                yield turn
            waits = not change.is_set()
            taken = False
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await change.wait()
                turn, change = self._turns.get(str(name), GROWN), self._changed
            except TimeoutError:
                turn = TIME
            offered = waits and (turn.events or not turn.grown)
            taken = bool(offered and at_once and at_once(turn))

    def lose(self, name: StreamName) -> None:
        """Forgets a stream, as a flush or its expiry does."""
        self._streams.pop(str(name), None)
        self._turns.pop(str(name), None)
        self._wake()

    def of(self, name: StreamName) -> list[StreamEvent]:
        """The events that a stream holds."""
        stream = self._streams.get(str(name))
        return [stored.event for stored in stream.events] if stream else []

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _refuse_when_down(self) -> None:
        if self.down:
            raise Unavailable("Redis does not answer.", code=ErrorCode.STORAGE_UNAVAILABLE)
