"""Waking workers."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from lorebase.schemas.jobs import JobLane


class JobQueue(Protocol):
    """A hint that a job is due; PostgreSQL is the truth and the sweeper finds what no hint announced."""

    async def wake(self, job_id: UUID, fence: int, lane: JobLane) -> None:
        """Best effort and quick: never raises, never waits longer than a second for Redis."""
        ...

    async def cancel(self, job_id: UUID) -> None:
        """Best effort: makes the worker that runs the job look at its cancel flag now."""
        ...
