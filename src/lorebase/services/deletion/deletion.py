"""Removing what is stored of a deleted document: vectors first, then the rest, the receipt last."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LeaseLost, Transient, Unavailable
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.jobs import Job, JobError, JobStage, JobSubjectType
from lorebase.schemas.search import PartitionAddress
from lorebase.services.deletion.document_removal import forget
from lorebase.services.deletion.knowledge_base_emptying import KnowledgeBaseEmptying
from lorebase.services.indexes.index_content import remaining_rows, remove_rows
from lorebase.services.indexes.keyword_places import places_of
from lorebase.services.jobs.document_jobs import knowledge_base_of
from lorebase.services.jobs.job_control import JobControl
from lorebase.services.jobs.job_notices import JobNotices


class DeletionHandler:
    """Handles DELETE jobs, of documents and of knowledge bases. Every step may be repeated.

    What is deleted was unfindable before this began.
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
        self._settings = settings
        self._emptying = KnowledgeBaseEmptying(
            units=units, blobs=blobs, index=index, notices=notices, settings=settings
        )

    async def run(self, job: Job, control: JobControl) -> Job:
        """Removes vectors of every embedding version, verifies zero, then postings, text and bytes."""
        if job.subject_type is JobSubjectType.KNOWLEDGE_BASE:
            return await self._emptying.run(job, control)
        async with self._units.for_workspace(job.workspace_id) as uow:
            places = await places_of(uow, knowledge_base_of(job), self._settings)
            blob_keys = await uow.versions.blob_keys(job.subject_id)
            writers = await uow.jobs.get_many(_stopped_jobs(job))
        await control.progress(JobStage.INDEX, 0, 1)
        await self._remove_vectors(job, places)
        if not all(writer.is_terminal for writer in writers):
            # What still runs may write once more; its end is at most a lease away.
            wait = {"retryAfterSeconds": self._settings.job_lease_seconds / 3}
            message = "Another job about the document is still coming to its end."
            raise Unavailable(message, code=ErrorCode.WRONG_STATE, details=wait)
        for done, key in enumerate(blob_keys):
            control.check()
            await self._blobs.delete(key)
            await control.progress(JobStage.INDEX, done, len(blob_keys))
        return await self._finish(job)

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """Nothing to set: the receipt stays open and the tombstone stands."""

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """Nothing to set: deletions are not cancelled."""

    async def _remove_vectors(self, job: Job, places: Sequence[PartitionAddress]) -> None:
        await remove_rows(self._index, places, job.subject_id)
        remaining = await remaining_rows(self._index, places, job.subject_id)
        async with self._units.for_workspace(job.workspace_id) as uow:
            await uow.documents.update_receipt(job.subject_id, remaining, completed=False)
            await uow.commit()
        if remaining:
            message = "The vector store still holds vectors of the document."
            raise Transient(message, code=ErrorCode.VECTOR_STORE_UNAVAILABLE)

    async def _finish(self, job: Job) -> Job:
        async with self._units.for_workspace(job.workspace_id) as uow:
            if not await uow.jobs.start(job.id, job.fence):
                raise LeaseLost("Another worker has the job.")
            await forget(uow, job.subject_id)
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the job.")
            await uow.commit()
        return ended


def _stopped_jobs(job: Job) -> list[UUID]:
    stopped = job.parameters.get("stopped_jobs")
    return [UUID(str(job_id)) for job_id in stopped] if isinstance(stopped, list) else []
