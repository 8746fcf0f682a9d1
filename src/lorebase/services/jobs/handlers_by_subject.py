"""One kind of job about several kinds of objects."""

from __future__ import annotations

from collections.abc import Mapping

from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.jobs import Job, JobError, JobSubjectType
from lorebase.services.jobs.job_control import JobControl, JobHandler


class HandlersBySubject:
    """Hands each job to the handler of what it is about."""

    def __init__(self, handlers: Mapping[JobSubjectType, JobHandler]) -> None:
        self._handlers = handlers

    async def run(self, job: Job, control: JobControl) -> Job:
        """See JobHandler."""
        return await self._handlers[job.subject_type].run(job, control)

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """See JobHandler."""
        await self._handlers[job.subject_type].failed(uow, job, error, final=final)

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """See JobHandler."""
        await self._handlers[job.subject_type].cancelled(uow, job)
