"""One subscriber's place in a stream: reads on from it, and starts over where the stream was lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from lorebase.core.errors import Unavailable
from lorebase.ports.clock import Clock
from lorebase.ports.event_stream import EVENTS_AT_ONCE, EventStream, Turn
from lorebase.schemas.events import StoredEvent, StreamEvent, StreamPosition, StreamResetEvent
from lorebase.services.streams.stream_merging import merged
from lorebase.services.streams.stream_subjects import StreamSubject, SubjectEnd

NOWHERE = "none"


class StreamReader:
    """Reads what there is. `exists` and `reachable` say how it went, `behind` whether to read on at once."""

    __slots__ = (
        "_clock",
        "_merge",
        "_streams",
        "_subject",
        "behind",
        "ended",
        "exists",
        "position",
        "reachable",
    )

    def __init__(
        self,
        subject: StreamSubject,
        streams: EventStream,
        clock: Clock,
        after: StreamPosition | None,
        merge: Callable[[Sequence[StoredEvent]], Sequence[StoredEvent]] = merged,
    ) -> None:
        self._merge = merge
        self.position = after
        self.exists = True
        self.reachable = True
        self.ended = False
        self.behind = True
        self._subject = subject
        self._streams = streams
        self._clock = clock

    async def begin(self) -> None:
        """Finds the place of who named none: a subject that never ends is followed from now on."""
        if self.position is not None or self._subject.ends:
            return
        try:
            self.position = await self._streams.tail(self._subject.name)
        except Unavailable:
            # Events are missed until the stream can be reached: no place in it matches this one.
            self.position = StreamPosition(epoch=NOWHERE, sequence=0)

    @property
    def found(self) -> bool:
        """Whether the last reading found the stream."""
        return self.reachable and self.exists

    def take(self, turn: Turn) -> Sequence[StoredEvent]:
        """What the turn brings, when it goes on where the reader stands; else it may be `behind`."""
        if self._continues(turn):
            return self._passed(turn.events)
        self.behind = turn.grown or not self.reachable
        return ()

    def glance(self, turn: Turn) -> Sequence[StoredEvent]:
        """The events of a turn, when they are the next ones, all there are, and do not end the subject."""
        events = turn.events
        if not 0 < len(events) < EVENTS_AT_ONCE or not self._continues(turn):
            return ()
        if self._subject.ends and events[-1].is_terminal:
            return ()
        return self._merge(events)

    def skip(self, event: StoredEvent) -> None:
        """Goes on to behind an event that the subscriber got at a glance."""
        self.position = event.position

    def _continues(self, turn: Turn) -> bool:
        after, place = turn.after, self.position
        return (
            after is not None
            and place is not None
            and self.reachable
            and after.sequence == place.sequence
            and after.epoch == place.epoch
        )

    async def read_on(self) -> Sequence[StoredEvent]:
        """The next events, as many as are read at once; a StreamReset where the place is no longer kept.

        A terminal event followed by others (a job that was tried again) does not end the stream.
        """
        try:
            batch = await self._streams.read(self._subject.name, self.position)
            self.reachable = True
            if batch is None:
                reset = await self._start_over()
                self.behind = self.exists
                return [reset] if reset else ()
        except Unavailable:
            self.reachable = self.behind = False
            return ()
        self.exists = True
        return self._passed(batch)

    def _passed(self, batch: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        # What is appended after this reading wakes its followers again.
        self.behind = len(batch) >= EVENTS_AT_ONCE
        if not batch:
            return batch
        events = self._merge(batch)
        self.position = events[-1].position
        self.ended = self._subject.ends and events[-1].is_terminal
        return events

    def conclude(self, end: SubjectEnd) -> Sequence[StoredEvent]:
        """The end as PostgreSQL knows it: after a StreamReset, unless nothing can be missing before it.

        A stream that lacks its end may lack more: that harms who puts a text together from all its events.
        """
        place = self.position or StreamPosition(epoch=NOWHERE, sequence=end.sequence)
        self.position = place.model_copy(update={"sequence": place.sequence + 1})
        self.ended = True
        last = self._made(self.position, end.event)
        if self.exists and self.reachable and not self._subject.adds_up:
            return [last]
        return [self._made(place, StreamResetEvent(subject_id=self._subject.name.id)), last]

    async def _start_over(self) -> StoredEvent | None:
        lost = self.position
        tail = await self._streams.tail(self._subject.name)
        self.exists = tail is not None
        if tail is not None and lost is None and await self._begins():
            return None
        if tail is None:
            self.position = None
            place = lost and lost.model_copy(update={"epoch": NOWHERE})
        else:
            # The snapshot says all but the newest event: that one may be the end, so it is read once more.
            back = 1 if self._subject.ends else 0
            place = self.position = tail.model_copy(update={"sequence": tail.sequence - back})
        if place is None:
            return None
        return self._made(place, StreamResetEvent(subject_id=self._subject.name.id))

    async def _begins(self) -> bool:
        """Whether it has its first event: then it was not lost, but began since it was read."""
        return await self._streams.read(self._subject.name, None, 1) is not None

    def _made(self, position: StreamPosition, event: StreamEvent) -> StoredEvent:
        now: datetime = self._clock.now()
        return StoredEvent(position=position, occurred_at=now, event=event)
