"""Storage of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from lorebase.schemas.filters import JobFilter
from lorebase.schemas.jobs import (
    Heartbeat,
    Job,
    JobError,
    JobLane,
    JobOrder,
    JobProgress,
    JobSubjectType,
    NewJob,
)
from lorebase.schemas.pagination import Page, PageRequest


class JobRepository(Protocol):
    """Jobs of the workspace of the unit of work. Every change of a running job is fenced."""

    async def add(self, job: NewJob) -> Job:
        """Adds it, due at once."""
        ...

    async def get(self, job_id: UUID, *, lock: bool = False) -> Job:
        """One by id, or NotFound."""
        ...

    async def get_many(self, ids: Sequence[UUID]) -> list[Job]:
        """Those that exist, in any order."""
        ...

    async def latest_for(self, subject_type: JobSubjectType, ids: Sequence[UUID]) -> Mapping[UUID, Job]:
        """The newest job of each subject that has one."""
        ...

    async def page(self, page: PageRequest, order: JobOrder, condition: JobFilter | None) -> Page[Job]:
        """Jobs that match, in order."""
        ...

    async def count(self, condition: JobFilter | None) -> int:
        """Their number, capped."""
        ...

    async def count_open(self) -> int:
        """Jobs not yet in a terminal state, capped by the setting for open jobs plus one."""
        ...

    async def request_cancel(self, job_id: UUID) -> Job:
        """Sets the flag on a running job; a queued one is CANCELLED at once; a terminal one stays."""
        ...

    async def cancel_open_for(self, subject_type: JobSubjectType, subject_id: UUID) -> list[UUID]:
        """Asks all open jobs of a subject to stop; returns their ids."""
        ...

    async def restart(self, job_id: UUID) -> Job:
        """Queues a FAILED or CANCELLED job again with attempt 0. Conflict(WRONG_STATE) for another state."""
        ...

    async def start(self, job_id: UUID, fence: int) -> bool:
        """Whether the claim still holds (row locked until the transaction ends)."""
        ...

    async def succeed(self, job_id: UUID, fence: int, progress: JobProgress | None = None) -> Job | None:
        """Ends the job; None when the fence no longer matches: then commit nothing.

        Its progress is `progress`, or all of what it was last noted to have to do.
        """
        ...

    async def fail(self, job_id: UUID, fence: int, error: JobError) -> Job | None:
        """Ends the job for good; None when the fence no longer matches."""
        ...

    async def cancel(self, job_id: UUID, fence: int) -> Job | None:
        """Ends the job as CANCELLED; None when the fence no longer matches."""
        ...

    async def requeue(
        self, job_id: UUID, fence: int, error: JobError, delay: timedelta, *, burn_attempt: bool
    ) -> Job | None:
        """Gives the job back, due after `delay`; an outage burns no attempt. None when the fence is old."""
        ...


class SystemJobRepository(Protocol):
    """Jobs of all workspaces, for claiming and sweeping; the database's clock decides."""

    async def claim(self, job_id: UUID, lease: timedelta) -> Job | None:
        """Takes one due job (QUEUED and due, or RUNNING with an expired lease), attempt + 1 and fence + 1.

        None when it is not due or another worker has it.
        """
        ...

    async def claim_due(self, lane: JobLane, limit: int, lease: timedelta) -> list[Job]:
        """Takes due jobs, fairly between workspaces: those with fewest running jobs first, then oldest."""
        ...

    async def due(self, lane: JobLane, limit: int) -> list[tuple[UUID, int]]:
        """Ids and fences of due jobs, to be announced again, without taking them."""
        ...

    async def heartbeat(
        self, job_id: UUID, fence: int, lease: timedelta, progress: JobProgress | None, event_sequence: int
    ) -> Heartbeat:
        """Renews the lease while the fence matches, notes progress and the event floor."""
        ...
