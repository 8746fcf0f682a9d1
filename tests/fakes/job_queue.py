"""A queue that only remembers what it was told."""

from __future__ import annotations

from uuid import UUID

from lorebase.schemas.jobs import JobLane


class FakeJobQueue:
    """Implements the JobQueue port."""

    def __init__(self) -> None:
        self.woken: list[tuple[UUID, int, JobLane]] = []
        self.cancelled: list[UUID] = []

    async def wake(self, job_id: UUID, fence: int, lane: JobLane) -> None:
        self.woken.append((job_id, fence, lane))

    async def cancel(self, job_id: UUID) -> None:
        self.cancelled.append(job_id)
