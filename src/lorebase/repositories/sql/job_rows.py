"""How jobs are written to and read from their table, and the changes that a fence guards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Update, case, func, null, update

from lorebase.models.jobs import jobs
from lorebase.repositories.sql.values import CLOCK, build, columns_of
from lorebase.schemas.jobs import Job, JobError, JobProgress, JobStatus

JOB_COLUMNS = (
    *columns_of(jobs, Job),
    jobs.c.progress_stage,
    jobs.c.progress_completed,
    jobs.c.progress_total,
)

OPEN = jobs.c.status.in_([str(JobStatus.QUEUED), str(JobStatus.RUNNING)])

_QUEUED = jobs.c.status == str(JobStatus.QUEUED)

# One statement for both states, so that no worker can claim the job between looking and asking: a queued job
# ends at once, a running one is told.
ASK_TO_STOP: dict[str, Any] = {
    "status": case((_QUEUED, str(JobStatus.CANCELLED)), else_=jobs.c.status),
    "finished_at": case((_QUEUED, CLOCK), else_=null()),
    "cancel_requested": True,
    "updated_at": CLOCK,
}

# A start and a retry leave no progress of an earlier step behind.
NO_PROGRESS: dict[str, Any] = {"progress_stage": None, "progress_completed": 0, "progress_total": None}

# What succeeded has done all of its last step; the last heartbeat came before the end.
ALL_DONE: dict[str, Any] = {
    "progress_completed": func.coalesce(jobs.c.progress_total, jobs.c.progress_completed)
}


def job_of(row: Row[Any]) -> Job:
    """The job of a row."""
    progress = JobProgress(
        stage=row.progress_stage, completed=row.progress_completed, total=row.progress_total
    )
    return build(Job, row, progress=progress)


def progress_columns(progress: JobProgress) -> dict[str, Any]:
    """Progress as columns."""
    return {
        "progress_stage": None if progress.stage is None else str(progress.stage),
        "progress_completed": progress.completed,
        "progress_total": progress.total,
    }


def fenced(job_id: UUID, fence: int) -> Update:
    """A change of a running job by the worker whose claim has this fence; nobody else's touches a row."""
    return update(jobs).where(
        jobs.c.id == job_id, jobs.c.fence == fence, jobs.c.status == str(JobStatus.RUNNING)
    )


def ended(status: JobStatus, error: JobError | None = None) -> dict[str, Any]:
    """The columns of a job that has come to its end."""
    return {
        "status": str(status),
        "error": null() if error is None else error.model_dump(mode="json"),
        "lease_expires_at": None,
        "finished_at": CLOCK,
        "updated_at": CLOCK,
    }


def queued_again(error: JobError, delay: timedelta, *, burn_attempt: bool) -> dict[str, Any]:
    """The columns of a job given back."""
    attempt = jobs.c.attempt if burn_attempt else func.greatest(jobs.c.attempt - 1, 0)
    return {
        "status": str(JobStatus.QUEUED),
        "attempt": attempt,
        "error": error.model_dump(mode="json"),
        "lease_expires_at": None,
        "run_at": after(delay),
        "updated_at": CLOCK,
        **NO_PROGRESS,
    }


def after(delay: timedelta) -> ColumnElement[Any]:
    """A moment from now, by the database's clock."""
    return CLOCK + delay
