"""Following jobs and answers: what was missed, then live, and an end even when the stream is gone."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import Unavailable
from lorebase.ports.clock import Clock
from lorebase.ports.event_stream import EventStream, TakesEvent, Turn
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.events import StoredEvent, StreamPosition
from lorebase.schemas.filters import JobFilter
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import AccessService, require
from lorebase.services.jobs.job_filters import matches
from lorebase.services.streams.stream_merging import Merging
from lorebase.services.streams.stream_reader import StreamReader
from lorebase.services.streams.stream_subjects import (
    AnswerSubject,
    JobSubject,
    StreamSubject,
    SubjectEnd,
    WorkspaceSubject,
)

_log = logging.getLogger(__name__)

# A stream that works is trusted: PostgreSQL is asked this often whether its last event was lost.
_DOUBT_SECONDS = 5.0


class StreamService:
    """Streams for subscribers. Dropping one never stops the work; none hangs after its subject ended.

    The access of the key is checked again every `stream_reauthorise_seconds`: then Unauthenticated.
    """

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        streams: EventStream,
        clock: Clock,
        settings: Settings,
        doubt_seconds: float = _DOUBT_SECONDS,
    ) -> None:
        self._units = units
        self._streams = streams
        self._clock = clock
        self._settings = settings
        self._access = AccessService(units=units, clock=clock)
        self._doubt_seconds = doubt_seconds
        self._merge = Merging()

    def job_events(
        self,
        principal: Principal,
        job_id: UUID,
        after: StreamPosition | None,
        take: TakesEvent | None = None,
    ) -> AsyncGenerator[StoredEvent]:
        """Events of a job after the position (from the start when None), then live, to its end. NotFound.

        A position no longer kept gives a StreamReset, then what is live. A job whose stream is gone gives a
        StreamReset and its terminal event. An event that `take` took is not given.
        """
        require(principal, ApiScope.READ)
        subject = JobSubject(self._units, principal.workspace_id, job_id)
        return self._follow(principal, subject, after, take)

    def answer_events(
        self,
        principal: Principal,
        answer_id: UUID,
        after: StreamPosition | None,
        take: TakesEvent | None = None,
    ) -> AsyncGenerator[StoredEvent]:
        """Events of an answer, as `job_events`; deltas that waited together come as one."""
        require(principal, ApiScope.ASK)
        subject = AnswerSubject(self._units, principal.workspace_id, answer_id)
        return self._follow(principal, subject, after, take)

    def workspace_job_events(
        self,
        principal: Principal,
        after: StreamPosition | None,
        condition: JobFilter | None,
        take: TakesEvent | None = None,
    ) -> AsyncGenerator[StoredEvent]:
        """Events of all jobs that match, without end; only new ones when `after` is None."""
        require(principal, ApiScope.READ)
        subject = WorkspaceSubject(principal.workspace_id)
        if condition is None:
            return self._follow(principal, subject, after, take)
        fitting = take and (lambda event: not _fits(event, condition) or take(event))
        return _matching(self._follow(principal, subject, after, fitting), condition)

    async def _follow(
        self,
        principal: Principal,
        subject: StreamSubject,
        after: StreamPosition | None,
        take: TakesEvent | None,
    ) -> AsyncGenerator[StoredEvent]:
        # Whose subject is gone is told so; whose subject ended long ago gets what is kept of it.
        await subject.end()
        reader = StreamReader(subject, self._streams, self._clock, after, self._merge)
        await reader.begin()
        # Each event passes here once for every follower: what is seldom due is asked for only when it is.
        checks = _Checks(self._access, principal, self._clock, self._settings.stream_reauthorise_seconds)
        doubt = _Doubt(subject, self._clock, self._doubt_seconds)
        waiting = _Waiting(reader, checks, doubt, self._clock, take)
        async with aclosing(self._streams.follow(subject.name, waiting.deals_with)) as turns:
            async for turn in turns:
                now = self._clock.monotonic()
                if now >= checks.due:
                    await checks.recheck()
                for event in reader.take(turn):
                    doubt.allay(now)
                    yield event
                while reader.behind:
                    for event in await reader.read_on():
                        doubt.allay(now)
                        yield event
                if reader.ended:
                    return
                silent = not reader.found
                if silent or doubt.is_due(now):
                    end = await doubt.ended(at_once=silent)
                    if end is not None:
                        for event in reader.conclude(end):
                            yield event
                        return


async def _matching(events: AsyncGenerator[StoredEvent], condition: JobFilter) -> AsyncGenerator[StoredEvent]:
    async with aclosing(events):
        async for event in events:
            if _fits(event, condition):
                yield event


def _fits(event: StoredEvent, condition: JobFilter) -> bool:
    job = getattr(event.event, "job", None)
    return job is None or matches(job, condition)


class _Waiting:
    """A subscriber that waits: what it need not be woken for, because nothing else is due."""

    __slots__ = ("_checks", "_clock", "_doubt", "_reader", "_take")

    def __init__(
        self, reader: StreamReader, checks: _Checks, doubt: _Doubt, clock: Clock, take: TakesEvent | None
    ) -> None:
        self._reader = reader
        self._checks = checks
        self._doubt = doubt
        self._clock = clock
        self._take = take

    def deals_with(self, turn: Turn) -> bool:
        """Whether it was given the events of the turn, or has nothing to do at the time."""
        now = self._clock.monotonic()
        if now >= self._checks.due:
            return False
        if not turn.grown:
            return self._reader.found and not self._doubt.is_due(now)
        take, events = self._take, self._reader.glance(turn)
        if take is None or not events:
            return False
        for event in events:
            # Whoever is woken between two of them goes on from there.
            if not take(event):
                return False
            self._reader.skip(event)
        self._doubt.allay(now)
        return True


class _Checks:
    """When the access of a subscriber has to be looked at again."""

    __slots__ = ("_access", "_clock", "_interval", "_principal", "due")

    def __init__(self, access: AccessService, principal: Principal, clock: Clock, interval: float) -> None:
        self._access = access
        self._principal = principal
        self._clock = clock
        self._interval = interval
        self.due = clock.monotonic() + interval

    async def recheck(self) -> None:
        """Unauthenticated when the key ended; an outage of the database is no reason to throw anyone out."""
        self.due = self._clock.monotonic() + self._interval
        try:
            await self._access.recheck(self._principal)
        except Unavailable as error:
            _log.warning("access not rechecked", extra={"code": error.code})


class _Doubt:
    """Whether a silent stream lost its last event. A worker that ends a job needs a moment to say so."""

    __slots__ = ("_clock", "_due", "_interval", "_subject", "_suspected")

    def __init__(self, subject: StreamSubject, clock: Clock, interval: float) -> None:
        self._subject = subject
        self._clock = clock
        self._interval = interval
        self._due = clock.monotonic() + interval
        self._suspected = False

    def allay(self, now: float) -> None:
        """The stream speaks: ask later."""
        self._due = now + self._interval
        self._suspected = False

    def is_due(self, now: float) -> bool:
        """Whether it was silent for long, or an end was suspected."""
        return self._suspected or now >= self._due

    async def ended(self, *, at_once: bool) -> SubjectEnd | None:
        """How the subject ended, when it did and its stream had time to say so (`at_once`: cannot say so)."""
        self._due = self._clock.monotonic() + self._interval
        try:
            end = await self._subject.end()
        except Unavailable as error:
            _log.warning("end of a stream's subject unknown", extra={"code": error.code})
            return None
        if end is None or at_once or self._suspected:
            return end
        self._suspected = True
        return None
