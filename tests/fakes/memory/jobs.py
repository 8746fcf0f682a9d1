"""Jobs of a workspace in memory. Changes of a running job are fenced as in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.schemas.filters import JobFilter
from lorebase.schemas.jobs import (
    Job,
    JobError,
    JobOrder,
    JobOrderField,
    JobProgress,
    JobStatus,
    JobSubjectType,
    NewJob,
)
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.services.jobs.job_filters import matches
from tests.fakes.memory.paging import Place, keyset_page, time_value
from tests.fakes.memory.state import CAP, State, in_any_order

_CAN_RESTART = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


def ask_to_stop(state: State, job: Job, now: datetime) -> Job:
    """A waiting job ends at once, a running one is told."""
    asked: dict[str, object] = {"cancel_requested": True, "updated_at": now}
    if job.status is JobStatus.QUEUED:
        asked |= {"status": JobStatus.CANCELLED, "finished_at": now}
    state.jobs[job.id] = job.model_copy(update=asked)
    return state.jobs[job.id]


class MemoryJobs:
    """See ports/jobs.py."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def add(self, job: NewJob) -> Job:
        added = Job(
            **job.model_dump(),
            workspace_id=self._workspace_id,
            status=JobStatus.QUEUED,
            attempt=0,
            fence=0,
            progress=JobProgress(),
            error=None,
            cancel_requested=False,
            event_sequence=0,
            run_at=self._now,
            started_at=None,
            finished_at=None,
            created_at=self._now,
            updated_at=self._now,
        )
        return self._put(added)

    async def get(self, job_id: UUID, *, lock: bool = False) -> Job:
        for job in self._all():
            if job.id == job_id:
                return job
        raise NotFound("There is no such job.")

    async def get_many(self, ids: Sequence[UUID]) -> list[Job]:
        mine = {job.id: job for job in self._all()}
        return [mine[one] for one in in_any_order(ids) if one in mine]

    async def latest_for(self, subject_type: JobSubjectType, ids: Sequence[UUID]) -> Mapping[UUID, Job]:
        about = [job for job in self._all() if job.subject_type is subject_type and job.subject_id in ids]
        # Added later is newer: rows keep the order in which they were added.
        return {job.subject_id: job for job in about}

    async def page(self, page: PageRequest, order: JobOrder, condition: JobFilter | None) -> Page[Job]:
        def place(job: Job) -> Place:
            by_change = order.field is JobOrderField.UPDATED_AT
            return time_value(job.updated_at if by_change else job.created_at), job.id

        found = [job for job in self._all() if matches(job, condition)]
        return keyset_page(found, place, page, descending=order.descending)

    async def count(self, condition: JobFilter | None) -> int:
        return min(CAP, sum(matches(job, condition) for job in self._all()))

    async def count_open(self) -> int:
        return sum(not job.is_terminal for job in self._all())

    async def request_cancel(self, job_id: UUID) -> Job:
        job = await self.get(job_id)
        return job if job.is_terminal else self._ask_to_stop(job)

    async def cancel_open_for(self, subject_type: JobSubjectType, subject_id: UUID) -> list[UUID]:
        about = [j for j in self._all() if (j.subject_type, j.subject_id) == (subject_type, subject_id)]
        return [self._ask_to_stop(job).id for job in about if not job.is_terminal]

    async def restart(self, job_id: UUID) -> Job:
        job = await self.get(job_id)
        if job.status not in _CAN_RESTART:
            raise Conflict(f"A job that is {job.status} cannot be retried.", code=ErrorCode.WRONG_STATE)
        again = {
            "status": JobStatus.QUEUED,
            "attempt": 0,
            "error": None,
            "cancel_requested": False,
            "progress": JobProgress(),
            "run_at": self._now,
            "started_at": None,
            "finished_at": None,
        }
        return self._change(job, again)

    async def start(self, job_id: UUID, fence: int) -> bool:
        return self._held(job_id, fence) is not None

    async def succeed(self, job_id: UUID, fence: int, progress: JobProgress | None = None) -> Job | None:
        ended = self._end(job_id, fence, JobStatus.SUCCEEDED, None)
        if ended is None:
            return None
        noted = ended.progress
        done = noted.completed if noted.total is None else noted.total
        return self._change(ended, {"progress": progress or noted.model_copy(update={"completed": done})})

    async def fail(self, job_id: UUID, fence: int, error: JobError) -> Job | None:
        return self._end(job_id, fence, JobStatus.FAILED, error)

    async def cancel(self, job_id: UUID, fence: int) -> Job | None:
        return self._end(job_id, fence, JobStatus.CANCELLED, None)

    async def requeue(
        self, job_id: UUID, fence: int, error: JobError, delay: timedelta, *, burn_attempt: bool
    ) -> Job | None:
        job = self._held(job_id, fence)
        if job is None:
            return None
        self._state.leases.pop(job_id, None)
        back = {
            "status": JobStatus.QUEUED,
            "attempt": job.attempt if burn_attempt else max(job.attempt - 1, 0),
            "error": error,
            "progress": JobProgress(),
            "run_at": self._now + delay,
        }
        return self._change(job, back)

    def _end(self, job_id: UUID, fence: int, status: JobStatus, error: JobError | None) -> Job | None:
        job = self._held(job_id, fence)
        if job is None:
            return None
        self._state.leases.pop(job_id, None)
        return self._change(job, {"status": status, "error": error, "finished_at": self._now})

    def _ask_to_stop(self, job: Job) -> Job:
        return ask_to_stop(self._state, job, self._now)

    def _held(self, job_id: UUID, fence: int) -> Job | None:
        for job in self._all():
            if (job.id, job.fence, job.status) == (job_id, fence, JobStatus.RUNNING):
                return job
        return None

    def _all(self) -> list[Job]:
        return [job for job in self._state.jobs.values() if job.workspace_id == self._workspace_id]

    def _change(self, job: Job, update: Mapping[str, object]) -> Job:
        return self._put(job.model_copy(update={**update, "updated_at": self._now}))

    def _put(self, job: Job) -> Job:
        self._state.jobs[job.id] = job
        return job
