"""Removing what is stored of a deleted knowledge base, in batches that each may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LeaseLost, Transient, Unavailable
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.jobs import Job, JobStage
from lorebase.schemas.search import PartitionAddress
from lorebase.services.deletion.document_removal import forget
from lorebase.services.indexes.keyword_places import places_of
from lorebase.services.jobs.job_control import JobControl
from lorebase.services.jobs.job_notices import JobNotices

HIDDEN_AT_ONCE = 500
STOPPED_AT_ONCE = 200
EMPTIED_AT_ONCE = 20
# Each has at most ten thousand results.
EVALUATIONS_AT_ONCE = 5


class KnowledgeBaseEmptying:
    """The DELETE job of a knowledge base, which nobody could see any more before this began.

    It begins where an earlier attempt ended: what is done is no longer found. Every batch checks the fence.
    """

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        blobs: BlobStore,
        index: ChunkIndex,
        notices: JobNotices,
        settings: Settings,
    ) -> None:
        self._units = units
        self._blobs = blobs
        self._index = index
        self._notices = notices
        self._settings = settings

    async def run(self, job: Job, control: JobControl) -> Job:
        """Removes vectors of every embedding version and verifies zero, and all that was stored about it."""
        await self._hide_documents(job, control)
        await self._stop_writers(job, control)
        async with self._units.for_workspace(job.workspace_id) as uow:
            places = await places_of(uow, job.subject_id, self._settings)
        for address in places:
            await self._index.ensure_partition(address)
        done = 0
        while batch := await self._next(job):
            await control.progress(JobStage.INDEX, done, None)
            await self._empty(job, control, places, batch)
            done += len(batch)
        await self._remove_evaluations(job, control)
        await self._verify(job, places)
        return await self._finish(job)

    async def _hide_documents(self, job: Job, control: JobControl) -> None:
        """One by one they are locked: whatever was being asked of a document comes to its end before."""
        hidden = HIDDEN_AT_ONCE
        while hidden == HIDDEN_AT_ONCE:
            control.check()
            async with self._units.for_workspace(job.workspace_id) as uow:
                await _hold(uow, job)
                hidden = await uow.removals.tombstone(job.subject_id, HIDDEN_AT_ONCE)
                await uow.commit()

    async def _stop_writers(self, job: Job, control: JobControl) -> None:
        """What still runs may write once more; its end is at most a lease away."""
        asked = STOPPED_AT_ONCE
        while asked == STOPPED_AT_ONCE:
            control.check()
            async with self._units.for_workspace(job.workspace_id) as uow:
                await _hold(uow, job)
                stopped = await uow.removals.stop_jobs(job.subject_id, STOPPED_AT_ONCE)
                writers = await uow.removals.count_writers(job.subject_id)
                await uow.commit()
            await self._notices.send(stopped=stopped)
            asked = len(stopped)
        if writers:
            wait = {"retryAfterSeconds": self._settings.job_lease_seconds / 3}
            message = "Other jobs about its documents are still coming to their end."
            raise Unavailable(message, code=ErrorCode.WRONG_STATE, details=wait)

    async def _next(self, job: Job) -> Sequence[UUID]:
        async with self._units.for_workspace(job.workspace_id) as uow:
            return await uow.removals.to_empty(job.subject_id, EMPTIED_AT_ONCE)

    async def _empty(
        self, job: Job, control: JobControl, places: Sequence[PartitionAddress], batch: Sequence[UUID]
    ) -> None:
        for address in places:
            await self._index.delete_all(address, job.subject_id, batch)
        async with self._units.for_workspace(job.workspace_id) as uow:
            blob_keys = [key for document_id in batch for key in await uow.versions.blob_keys(document_id)]
        for key in blob_keys:
            control.check()
            await self._blobs.delete(key)
        remaining = await self._count(job, places)
        async with self._units.for_workspace(job.workspace_id) as uow:
            await _hold(uow, job)
            for document_id in batch:
                await forget(uow, document_id)
            await uow.removals.note(job.subject_id, remaining)
            await uow.commit()

    async def _remove_evaluations(self, job: Job, control: JobControl) -> None:
        removed = True
        while removed:
            control.check()
            async with self._units.for_workspace(job.workspace_id) as uow:
                await _hold(uow, job)
                removed = await uow.removals.remove_evaluations(job.subject_id, EVALUATIONS_AT_ONCE) > 0
                await uow.commit()

    async def _count(self, job: Job, places: Sequence[PartitionAddress]) -> int:
        return sum([await self._index.count_all(address, job.subject_id) for address in places])

    async def _verify(self, job: Job, places: Sequence[PartitionAddress]) -> None:
        """Rows of documents that nobody knows any more go too; Transient until none is left."""
        remaining = await self._count(job, places)
        if not remaining:
            return
        for address in places:
            await self._index.delete_all(address, job.subject_id)
        remaining = await self._count(job, places)
        async with self._units.for_workspace(job.workspace_id) as uow:
            await uow.removals.note(job.subject_id, remaining)
            await uow.commit()
        if remaining:
            message = "The vector store still holds vectors of the knowledge base."
            raise Transient(message, code=ErrorCode.VECTOR_STORE_UNAVAILABLE)

    async def _finish(self, job: Job) -> Job:
        async with self._units.for_workspace(job.workspace_id) as uow:
            await _hold(uow, job)
            await uow.removals.finish(job.subject_id)
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the job.")
            await uow.commit()
        return ended


async def _hold(uow: UnitOfWork, job: Job) -> None:
    if not await uow.jobs.start(job.id, job.fence):
        raise LeaseLost("Another worker has the job.")
