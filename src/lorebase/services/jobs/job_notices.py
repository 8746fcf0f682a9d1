"""What follows a commit: workers are woken, running ones asked to look, subscribers told."""

from __future__ import annotations

from collections.abc import Sequence

from lorebase.ports.job_queue import JobQueue
from lorebase.schemas.jobs import Job
from lorebase.services.jobs.job_events import JobEvents, state_event


class JobNotices:
    """Best effort, after the commit: whatever is lost here the sweeper and the heartbeats find."""

    def __init__(self, *, queue: JobQueue, events: JobEvents) -> None:
        self._queue = queue
        self._events = events

    async def send(self, *, added: Sequence[Job] = (), stopped: Sequence[Job] = ()) -> None:
        """Announces stopped jobs or makes their workers look, then announces and wakes added ones."""
        for job in stopped:
            if job.is_terminal:
                await self._events.announce(job, state_event(job))
            else:
                await self._queue.cancel(job.id)
        for job in added:
            # The event first: a worker's own events would carry a newer fence and shut it out.
            await self._events.announce(job, state_event(job))
            await self._queue.wake(job.id, job.fence, job.lane)
