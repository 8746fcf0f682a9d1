"""The stream of one answer as its worker writes it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from lorebase.core.errors import Unavailable
from lorebase.ports.clock import Clock
from lorebase.ports.event_stream import EventStream
from lorebase.schemas.events import AnswerDeltaEvent, StreamEvent, StreamKind, StreamName, StreamResetEvent
from lorebase.schemas.jobs import Job

_log = logging.getLogger(__name__)

BATCH_SECONDS = 0.03

SaveText = Callable[[str], Awaitable[None]]


def answer_stream_name(job: Job) -> StreamName:
    """The stream of the answer that a job works on."""
    return StreamName(kind=StreamKind.ANSWER, workspace_id=job.workspace_id, id=job.subject_id)


class AnswerStream:
    """Appends events under the job's fence.

    An outage of the store loses events but never the answer: once it is back the text so far is saved and
    subscribers are sent to it by a reset, since a later delta would not join what they have.
    """

    def __init__(self, streams: EventStream, job: Job, clock: Clock, save_text: SaveText) -> None:
        self._streams = streams
        self._name = answer_stream_name(job)
        self._fence = job.fence
        self._clock = clock
        self._save_text = save_text
        self._buffer = ""
        self._due = 0.0
        self._gap = False
        self.sequence = 0
        self.text = ""

    async def begin(self, floor: int, *, again: bool) -> None:
        """Sets the floor; a rerun first resets whoever followed the attempt before."""
        self.sequence = floor
        if again:
            await self.send(StreamResetEvent(subject_id=self._name.id))

    async def write(self, text: str) -> None:
        """Adds text; it is sent when a batch of 30 ms is full."""
        self._buffer += text
        if self._buffer and self._clock.monotonic() >= self._due:
            await self.flush()

    async def flush(self) -> None:
        """Sends the text that waits."""
        if self._buffer:
            delta = AnswerDeltaEvent(text=self._buffer, offset=len(self.text))
            self.text += self._buffer
            self._buffer = ""
            self._due = self._clock.monotonic() + BATCH_SECONDS
            await self.send(delta)

    async def send(self, *events: StreamEvent) -> None:
        """Appends events. LeaseLost when another worker has the answer now; an outage is only noted."""
        try:
            if self._gap:
                await self._bridge()
            await self._append(events)
        except Unavailable as error:
            self._gap = True
            _log.warning(
                "answer events not sent", extra={"answer_id": str(self._name.id), "code": error.code}
            )

    async def _append(self, events: Sequence[StreamEvent]) -> None:
        expected = self.sequence + len(events)
        self.sequence = await self._streams.append(self._name, events, fence=self._fence, floor=self.sequence)
        if self.sequence != expected:
            # The store lost the stream meanwhile and began it anew.
            await self._bridge()

    async def _bridge(self) -> None:
        await self._save_text(self.text)
        self._gap = False
        reset = StreamResetEvent(subject_id=self._name.id)
        self.sequence = await self._streams.append(
            self._name, [reset], fence=self._fence, floor=self.sequence
        )
