"""The stream of one answer as its worker writes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.core.tasks import uninterrupted
from lorebase.ports.clock import Clock
from lorebase.ports.event_stream import EventStream
from lorebase.schemas.events import TERMINAL_EVENTS, AnswerDeltaEvent, StreamEvent, StreamResetEvent
from lorebase.schemas.jobs import Job
from lorebase.services.jobs.job_events import answer_stream_of

_log = logging.getLogger(__name__)

BATCH_SECONDS = 0.03
SAVE_SECONDS = 2.0
PATIENCE_SECONDS = 2.0
SILENCE_SECONDS = 1.0

Save = Callable[[], Awaitable[None]]


class AnswerStream:
    """Appends events under the job's fence.

    An outage of the store loses events but never the answer: once it is back, the text so far is saved and
    subscribers are sent to it by a reset, since a later delta would not join what they have. `save` puts
    `text` into PostgreSQL; it is called every two seconds, and before each delta while the stream does not
    hold the whole answer, for whoever starts in its middle.
    """

    def __init__(
        self,
        streams: EventStream,
        job: Job,
        clock: Clock,
        save: Save,
        *,
        max_events: int,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._streams = streams
        self._name = answer_stream_of(job)
        self._fence = job.fence
        self._clock = clock
        self._save = save
        self._max_events = max_events
        self._patience_seconds = patience_seconds
        self._buffer = ""
        self._flush_due = 0.0
        self._save_due = clock.monotonic() + SAVE_SECONDS
        self._silent_until = 0.0
        self._joined = False
        self._gap = False
        self._headless = False
        self.sequence = 0
        self.text = ""

    async def begin(self, floor: int, *, again: bool) -> None:
        """Sets the floor; a rerun first resets whoever followed the attempt before."""
        self.sequence = floor
        if again:
            await self.send(StreamResetEvent(subject_id=self._name.id))
            self._headless = self._headless or await self._lacks_head()

    async def write(self, text: str) -> None:
        """Adds text; it is sent when a batch of 30 ms is full."""
        self._buffer += text
        if self._buffer and self._clock.monotonic() >= self._flush_due:
            await self.flush()

    async def flush(self) -> None:
        """Sends the text that waits. A cancel waits for it, or nobody would know whether it was sent."""
        if self._buffer:
            await uninterrupted(self._send_waiting())

    async def _send_waiting(self) -> None:
        delta = AnswerDeltaEvent(text=self._buffer, offset=len(self.text))
        self.text += self._buffer
        self._buffer = ""
        now = self._clock.monotonic()
        self._flush_due = now + BATCH_SECONDS
        if self._headless or self.sequence >= self._max_events or now >= self._save_due:
            await self._save_quietly()
        await self.send(delta)

    async def mend(self) -> None:
        """When events were lost, sends readers to the text that was saved; another outage loses that too."""
        if self._gap:
            self._silent_until = 0.0
            await self.send(StreamResetEvent(subject_id=self._name.id))

    async def send(self, *events: StreamEvent) -> None:
        """Appends events. LeaseLost when another worker has the answer now; an outage is only noted."""
        ends = any(event.type in TERMINAL_EVENTS for event in events)
        if not events or (self._gap and not ends and self._clock.monotonic() < self._silent_until):
            return
        try:
            if self._gap:
                await self._bridge()
            if await self._append(events, resumes=self._joined and not ends) and not ends:
                await self._bridge(*events)
        except Unavailable as error:
            self._gap = True
            self._silent_until = self._clock.monotonic() + SILENCE_SECONDS
            facts = {"answer_id": str(self._name.id), "code": error.code}
            _log.warning("answer events not sent", extra=facts)

    async def _append(self, events: Sequence[StreamEvent], *, resumes: bool = False) -> bool:
        """Whether the store had lost the stream. Then it began it anew, or left it when this only `resumes`.

        The floor is one too high on purpose: a stream that begins anew betrays itself by the number left out.
        """
        floor = self.sequence + 1 if self._joined else self.sequence
        expected = self.sequence + len(events)
        try:
            async with asyncio.timeout(self._patience_seconds):
                sequence = await self._streams.append(
                    self._name, events, fence=self._fence, floor=floor, resumes=resumes
                )
        except TimeoutError:
            message = "The store of events does not answer."
            raise Unavailable(message, code=ErrorCode.STORAGE_UNAVAILABLE) from None
        lost = self._joined and sequence != expected
        begun_late = not self._joined and floor > 0 and sequence == expected
        self._headless = self._headless or lost or begun_late
        self.sequence, self._joined = sequence or self.sequence, True
        return lost

    async def _lacks_head(self) -> bool:
        """Whether the stream was lost in an attempt before this one, or may have been."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await self._streams.read(self._name, None, 1) is None
        except (Unavailable, TimeoutError):
            return True

    async def _bridge(self, *events: StreamEvent) -> None:
        """Readers are sent to the text so far before they see what follows, which would not join theirs."""
        await self._save()
        await self._append([StreamResetEvent(subject_id=self._name.id), *events])
        self._gap = False

    async def _save_quietly(self) -> None:
        self._save_due = self._clock.monotonic() + SAVE_SECONDS
        try:
            await self._save()
        except Unavailable as error:
            facts = {"answer_id": str(self._name.id), "code": error.code}
            _log.warning("text so far not saved", extra=facts)
