"""Jobs of the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, Update, func, insert, null, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.models.jobs import jobs
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.filters import job_condition
from lorebase.repositories.sql.job_rows import (
    ALL_DONE,
    ASK_TO_STOP,
    JOB_COLUMNS,
    NO_PROGRESS,
    OPEN,
    ended,
    fenced,
    job_of,
    progress_columns,
    queued_again,
)
from lorebase.repositories.sql.pagination import TIME, Keyset, read_page
from lorebase.repositories.sql.values import CLOCK, is_one_of
from lorebase.schemas.filters import JobFilter
from lorebase.schemas.jobs import (
    Job,
    JobError,
    JobLane,
    JobOrder,
    JobOrderField,
    JobProgress,
    JobStatus,
    JobSubjectType,
    NewJob,
)
from lorebase.schemas.pagination import Page, PageRequest

_ORDERS = {
    JobOrderField.CREATED_AT: jobs.c.created_at,
    JobOrderField.UPDATED_AT: jobs.c.updated_at,
}


class SqlJobRepository:
    """See ports/jobs.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID, open_jobs_maximum: int) -> None:
        self._database = database
        self._workspace_id = workspace_id
        self._open_jobs_maximum = open_jobs_maximum

    async def add(self, job: NewJob) -> Job:
        """Adds it, due at once."""
        row = {**job.model_dump(mode="json"), "id": job.id, "subject_id": job.subject_id}
        now = {"created_at": CLOCK, "updated_at": CLOCK, "run_at": CLOCK}
        new = insert(jobs).values(workspace_id=self._workspace_id, status=str(JobStatus.QUEUED), **row, **now)
        return _required(await self._one(new.returning(*JOB_COLUMNS)))

    async def get(self, job_id: UUID, *, lock: bool = False) -> Job:
        """One by id, or NotFound."""
        statement = select(*JOB_COLUMNS).where(jobs.c.id == job_id)
        return _required(await self._one(statement.with_for_update(key_share=True) if lock else statement))

    async def get_many(self, ids: Sequence[UUID]) -> list[Job]:
        """Those that exist, in any order."""
        rows = await self._database.rows(select(*JOB_COLUMNS).where(is_one_of(jobs.c.id, ids)))
        return [job_of(row) for row in rows]

    async def latest_for(self, subject_type: JobSubjectType, ids: Sequence[UUID]) -> Mapping[UUID, Job]:
        """The newest job of each subject that has one."""
        newest = (
            select(*JOB_COLUMNS)
            .ext(distinct_on(jobs.c.subject_id))
            .where(jobs.c.subject_type == str(subject_type), is_one_of(jobs.c.subject_id, ids))
            .order_by(jobs.c.subject_id, jobs.c.created_at.desc(), jobs.c.id.desc())
        )
        return {row.subject_id: job_of(row) for row in await self._database.rows(newest)}

    async def page(self, page: PageRequest, order: JobOrder, condition: JobFilter | None) -> Page[Job]:
        """Jobs that match, in order."""
        statement = select(*JOB_COLUMNS)
        if condition is not None:
            statement = statement.where(job_condition(condition))
        keyset = Keyset(_ORDERS[order.field], jobs.c.id, TIME, order.descending)
        return await read_page(self._database, statement, keyset, page, job_of)

    async def count(self, condition: JobFilter | None) -> int:
        """Their number, capped."""
        statement = select(jobs.c.id)
        if condition is not None:
            statement = statement.where(job_condition(condition))
        return await self._database.count(statement)

    async def count_open(self) -> int:
        """Jobs not yet in a terminal state, capped by the setting for open jobs plus one."""
        # State by state and with every lane named, so that the workers' own partial indexes serve it.
        lanes = jobs.c.lane.in_([str(lane) for lane in JobLane])
        queued, running = (
            select(jobs.c.id).where(lanes, text(f"jobs.status = '{status}'"))
            for status in (JobStatus.QUEUED, JobStatus.RUNNING)
        )
        capped = queued.union_all(running).limit(self._open_jobs_maximum + 1).subquery()
        row = await self._database.first(select(func.count()).select_from(capped))
        return int(row[0]) if row else 0

    async def request_cancel(self, job_id: UUID) -> Job:
        """Sets the flag on a running job; a queued one is CANCELLED at once; a terminal one stays."""
        await self._database.change(_ask_to_stop().where(jobs.c.id == job_id))
        return await self.get(job_id)

    async def cancel_open_for(self, subject_type: JobSubjectType, subject_id: UUID) -> list[UUID]:
        """Asks all open jobs of a subject to stop; returns their ids."""
        statement = _ask_to_stop().where(
            jobs.c.subject_type == str(subject_type), jobs.c.subject_id == subject_id
        )
        return [row.id for row in await self._database.rows(statement.returning(jobs.c.id))]

    async def restart(self, job_id: UUID) -> Job:
        """Queues a FAILED or CANCELLED job again with attempt 0. Conflict(WRONG_STATE) for another state."""
        stopped = jobs.c.status.in_([str(JobStatus.FAILED), str(JobStatus.CANCELLED)])
        again = {
            "status": str(JobStatus.QUEUED),
            "attempt": 0,
            "error": null(),
            "cancel_requested": False,
            "run_at": CLOCK,
            "started_at": None,
            "finished_at": None,
            "updated_at": CLOCK,
            **NO_PROGRESS,
        }
        restarted = update(jobs).where(jobs.c.id == job_id, stopped).values(again)
        job = await self._one(restarted.returning(*JOB_COLUMNS))
        if job is not None:
            return job
        state = (await self.get(job_id)).status
        raise Conflict(f"A job that is {state} cannot be retried.", code=ErrorCode.WRONG_STATE)

    async def start(self, job_id: UUID, fence: int) -> bool:
        """Whether the claim still holds (row locked until the transaction ends)."""
        held = select(jobs.c.id).where(
            jobs.c.id == job_id, jobs.c.fence == fence, jobs.c.status == str(JobStatus.RUNNING)
        )
        return await self._database.first(held.with_for_update(key_share=True)) is not None

    async def succeed(self, job_id: UUID, fence: int, progress: JobProgress | None = None) -> Job | None:
        """Ends the job; None when the fence no longer matches: then commit nothing."""
        reached = ALL_DONE if progress is None else progress_columns(progress)
        return await self._end(job_id, fence, {**ended(JobStatus.SUCCEEDED), **reached})

    async def fail(self, job_id: UUID, fence: int, error: JobError) -> Job | None:
        """Ends the job for good; None when the fence no longer matches."""
        return await self._end(job_id, fence, ended(JobStatus.FAILED, error))

    async def cancel(self, job_id: UUID, fence: int) -> Job | None:
        """Ends the job as CANCELLED; None when the fence no longer matches."""
        return await self._end(job_id, fence, ended(JobStatus.CANCELLED))

    async def requeue(
        self, job_id: UUID, fence: int, error: JobError, delay: timedelta, *, burn_attempt: bool
    ) -> Job | None:
        """Gives the job back, due after `delay`; an outage burns no attempt. None when the fence is old."""
        return await self._end(job_id, fence, queued_again(error, delay, burn_attempt=burn_attempt))

    async def _end(self, job_id: UUID, fence: int, values: dict[str, Any]) -> Job | None:
        return await self._one(fenced(job_id, fence).values(values).returning(*JOB_COLUMNS))

    async def _one(self, statement: Executable) -> Job | None:
        row = await self._database.first(statement)
        return None if row is None else job_of(row)


def _ask_to_stop() -> Update:
    return update(jobs).where(OPEN).values(ASK_TO_STOP)


def _required(job: Job | None) -> Job:
    if job is None:
        raise NotFound("There is no such job.")
    return job
