"""Jobs as users see them: listed, cancelled, tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.ports.job_queue import JobQueue
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.filters import JobFilter
from lorebase.schemas.jobs import Job, JobOrder, JobSubjectType
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import require
from lorebase.services.idempotency import Replay
from lorebase.services.jobs.document_jobs import locked_document
from lorebase.services.jobs.job_events import JobEvents
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.jobs.job_subjects import (
    note_cancelled,
    note_restarted,
    refuse_unstoppable,
)


class JobService:
    """The use cases around jobs. A stop is a wish: a running job ends within a third of its lease."""

    def __init__(self, *, units: UnitOfWorkFactory, queue: JobQueue, events: JobEvents) -> None:
        self._units = units
        self._notices = JobNotices(queue=queue, events=events)

    async def get_many(self, principal: Principal, ids: Sequence[UUID]) -> list[Job]:
        """Those that exist, in any order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.jobs.get_many(ids)

    async def latest_for(
        self, principal: Principal, subject_type: JobSubjectType, ids: Sequence[UUID]
    ) -> Mapping[UUID, Job]:
        """The newest job of each subject that has one."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.jobs.latest_for(subject_type, ids)

    async def page(
        self, principal: Principal, page: PageRequest, order: JobOrder, condition: JobFilter | None
    ) -> Page[Job]:
        """Jobs that match, in order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.jobs.page(page, order, condition)

    async def count(self, principal: Principal, condition: JobFilter | None) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.jobs.count(condition)

    async def cancel(self, principal: Principal, job_id: UUID, idempotency_key: str | None = None) -> Job:
        """Asks a job to stop; a waiting one is CANCELLED at once, one that ended stays as it is.

        NotFound; Conflict(WRONG_STATE) for a deletion, which nothing takes back.
        """
        require(principal, ApiScope.WRITE)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "cancelJob", idempotency_key, {"id": str(job_id)})
            repeated = await replay.earlier() is not None
            job = await uow.jobs.get(job_id)
            if repeated or job.is_terminal:
                return job
            refuse_unstoppable(job)
            await locked_document(uow, job)
            job = await uow.jobs.request_cancel(job_id)
            if job.is_terminal:
                await note_cancelled(uow, job)
            await replay.keep(job_id=job_id)
            await uow.commit()
        await self._notices.send(stopped=[job])
        return job

    async def retry(self, principal: Principal, job_id: UUID, idempotency_key: str | None = None) -> Job:
        """Queues a FAILED or CANCELLED job again, with all its attempts.

        NotFound, also when the document was deleted; Conflict(WRONG_STATE) for another state, for a document
        with newer content and for answers.
        """
        require(principal, ApiScope.WRITE)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "retryJob", idempotency_key, {"id": str(job_id)})
            repeated = await replay.earlier() is not None
            job = await uow.jobs.get(job_id)
            if repeated:
                return job
            document = await locked_document(uow, job)
            job = await uow.jobs.restart(job_id)
            await note_restarted(uow, job, document)
            await replay.keep(job_id=job_id)
            await uow.commit()
        await self._notices.send(added=[job])
        return job
