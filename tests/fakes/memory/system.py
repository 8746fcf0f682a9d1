"""What a transaction across tenants may do, in memory."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from lorebase.ports.jobs import SystemJobRepository
from lorebase.ports.reconciliation import PeriodicTaskRepository
from lorebase.schemas.jobs import Heartbeat, Job, JobLane, JobProgress, JobStatus
from lorebase.schemas.workspaces import ApiKey, Workspace
from tests.fakes.memory.reconciliation import MemoryPeriodicTasks
from tests.fakes.memory.state import State, StoredKey


class MemorySystemJobs:
    """See ports/jobs.py. The time of the transaction is the database's clock."""

    def __init__(self, state: State, now: datetime) -> None:
        self._state = state
        self._now = now

    async def claim(self, job_id: UUID, lease: timedelta) -> Job | None:
        job = self._state.jobs.get(job_id)
        return self._take(job, lease) if job is not None and self._is_due(job) else None

    async def claim_due(self, lane: JobLane, limit: int, lease: timedelta) -> list[Job]:
        return [self._take(job, lease) for job in self._due(lane)[:limit]]

    async def due(self, lane: JobLane, limit: int) -> list[tuple[UUID, int]]:
        return [(job.id, job.fence) for job in self._due(lane)[:limit]]

    async def heartbeat(
        self, job_id: UUID, fence: int, lease: timedelta, progress: JobProgress | None, event_sequence: int
    ) -> Heartbeat:
        job = self._state.jobs.get(job_id)
        if job is None or (job.fence, job.status) != (fence, JobStatus.RUNNING):
            return Heartbeat(holds=False, cancel_requested=False)
        self._state.leases[job_id] = self._now + lease
        noted: dict[str, object] = {"event_sequence": max(job.event_sequence, event_sequence)}
        if progress is not None:
            noted |= {"progress": progress, "updated_at": self._now}
        self._state.jobs[job_id] = job.model_copy(update=noted)
        return Heartbeat(holds=True, cancel_requested=job.cancel_requested)

    def _take(self, job: Job, lease: timedelta) -> Job:
        taken = {
            "status": JobStatus.RUNNING,
            "attempt": job.attempt + 1,
            "fence": job.fence + 1,
            "progress": JobProgress(),
            "started_at": job.started_at or self._now,
            "updated_at": self._now,
        }
        self._state.leases[job.id] = self._now + lease
        self._state.jobs[job.id] = job.model_copy(update=taken)
        return self._state.jobs[job.id]

    def _is_due(self, job: Job) -> bool:
        if job.status is JobStatus.QUEUED:
            return job.run_at <= self._now
        return job.status is JobStatus.RUNNING and self._state.leases[job.id] <= self._now

    def _due(self, lane: JobLane) -> list[Job]:
        """Fairly between workspaces: each one's n-th job stands behind the (n-1)-th of every other."""
        turns: Counter[UUID] = Counter(
            job.workspace_id
            for job in self._state.jobs.values()
            if job.lane is lane and job.status is JobStatus.RUNNING and not self._is_due(job)
        )
        ranked: list[tuple[int, datetime, int, Job]] = []
        waiting = [job for job in self._state.jobs.values() if job.lane is lane and self._is_due(job)]
        for order, job in enumerate(sorted(waiting, key=lambda job: job.run_at)):
            turns[job.workspace_id] += 1
            ranked.append((turns[job.workspace_id], job.run_at, order, job))
        return [job for _, _, _, job in sorted(ranked, key=lambda row: row[:3])]


class MemorySystemUnitOfWork:
    """See ports/unit_of_work.py."""

    def __init__(self, state: State, now: datetime) -> None:
        self._state = state
        self._now = now
        self.jobs: SystemJobRepository = MemorySystemJobs(state, now)
        self.periodic: PeriodicTaskRepository = MemoryPeriodicTasks(state, now)

    async def find_key(self, digest: bytes) -> ApiKey | None:
        return next((held.key for held in self._state.keys.values() if held.digest == digest), None)

    async def touch_key(self, key_id: UUID) -> None:
        held = self._state.keys[key_id]
        touched = held.key.model_copy(update={"last_used_at": self._now})
        self._state.keys[key_id] = StoredKey(touched, held.digest)

    async def workspace_by_slug(self, slug: str) -> Workspace | None:
        return next((held for held in self._state.workspaces.values() if held.slug == slug), None)

    async def count_workspaces(self) -> int:
        return len(self._state.workspaces)

    async def workspaces_after(self, workspace_id: UUID | None, limit: int) -> list[UUID]:
        later = (one for one in self._state.workspaces if workspace_id is None or one > workspace_id)
        return sorted(later)[:limit]
