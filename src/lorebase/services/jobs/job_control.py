"""The lease of one running job: heartbeats, progress, and the wish to stop."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Protocol

from lorebase.core.config import Settings
from lorebase.core.errors import JobCancelled, LeaseLost, LorebaseError
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.events import JobProgressedEvent
from lorebase.schemas.jobs import Heartbeat, Job, JobError, JobProgress, JobStage
from lorebase.services.jobs.job_events import JobEvents

_log = logging.getLogger(__name__)

_PROGRESS_INTERVAL_SECONDS = 0.25
_SILENCE_AFTER_FAILURE_SECONDS = 5.0


class JobControl:
    """What a handler sees of the job it runs, and what keeps the lease alive meanwhile."""

    def __init__(
        self, job: Job, *, units: UnitOfWorkFactory, events: JobEvents, settings: Settings, clock: Clock
    ) -> None:
        self.job = job
        self.cancel_requested = job.cancel_requested
        self.lease_lost = False
        self.sequence = job.event_sequence
        self._units = units
        self._events = events
        self._clock = clock
        self._lease = settings.job_lease_seconds
        self._progress: JobProgress | None = None
        self._next_announcement = 0.0
        self._hurry = asyncio.Event()

    async def progress(self, stage: JobStage | None, completed: int, total: int | None) -> None:
        """Notes how far the work is; subscribers hear of it at most four times a second. Also checks."""
        self.check()
        changed_stage = self._progress is None or self._progress.stage is not stage
        self._progress = JobProgress(stage=stage, completed=completed, total=total)
        if changed_stage:
            self._hurry.set()
        now = self._clock.monotonic()
        if now < self._next_announcement:
            return
        self._next_announcement = now + _PROGRESS_INTERVAL_SECONDS
        event = JobProgressedEvent(
            job=self.job.model_copy(update={"progress": self._progress}), progress=self._progress
        )
        sequence = await self._events.announce(self.job, event, floor=self.sequence)
        if sequence is None:
            self._next_announcement = self._clock.monotonic() + _SILENCE_AFTER_FAILURE_SECONDS
        else:
            self.sequence = sequence

    def check(self) -> None:
        """Raises LeaseLost or JobCancelled when the work should stop."""
        if self.lease_lost:
            raise LeaseLost("Another worker has the job.")
        if self.cancel_requested:
            raise JobCancelled("The job was asked to stop.")

    def look_now(self) -> None:
        """Makes the next heartbeat happen at once."""
        self._hurry.set()

    async def keep_alive(self) -> None:
        """Renews the lease every third of it; returns once the work has to stop, the flags say why."""
        renewed_at = self._clock.monotonic()
        while not (self.lease_lost or self.cancel_requested):
            await self._pause()
            asked_at = self._clock.monotonic()
            try:
                answer = await self._beat()
            except LorebaseError as error:
                # Without the database the lease holds until it runs out, and not a moment longer.
                self.lease_lost = self._clock.monotonic() - renewed_at >= self._lease
                _log.warning("heartbeat failed", extra={"job_id": str(self.job.id), "code": error.code})
                continue
            renewed_at = asked_at
            self.lease_lost = not answer.holds
            self.cancel_requested = answer.holds and answer.cancel_requested

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._lease / 3):
                await self._hurry.wait()
        except TimeoutError:
            return
        self._hurry.clear()

    async def _beat(self) -> Heartbeat:
        async with self._units.for_system() as uow:
            answer = await uow.jobs.heartbeat(
                self.job.id, self.job.fence, timedelta(seconds=self._lease), self._progress, self.sequence
            )
            await uow.commit()
        return answer


class JobHandler(Protocol):
    """Does the work of one kind of job. It may run twice, and die at any point."""

    async def run(self, job: Job, control: JobControl) -> Job:
        """Does the work and returns the ended job.

        The last unit of work includes `uow.jobs.succeed(job.id, job.fence)` and raises LeaseLost without a
        commit when that gives None. Nothing may be lost when this is cancelled at an await.
        """
        ...

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """Sets the state of the job's subject, in the transaction that requeues the job or ends it."""
        ...

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """Sets the state of the job's subject, in the transaction that ends the job as cancelled."""
        ...
