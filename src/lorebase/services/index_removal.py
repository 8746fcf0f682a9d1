"""Removing the vectors of a retired index, then the index."""

from __future__ import annotations

from datetime import timedelta

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LeaseLost, Transient, Unavailable
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.embeddings import RetiredIndex
from lorebase.schemas.jobs import Job, JobError
from lorebase.schemas.search import PartitionAddress
from lorebase.services.job_control import JobControl


class IndexRemovalHandler:
    """Handles DELETE jobs about an index. Nobody has begun to use it since; every step may be repeated."""

    def __init__(
        self, *, units: UnitOfWorkFactory, index: ChunkIndex, settings: Settings, clock: Clock
    ) -> None:
        self._units = units
        self._index = index
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, control: JobControl) -> Job:
        """Removes the vectors, verifies zero, then forgets the index."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            retired = await uow.indexes.retired(job.subject_id)
            workspace = await uow.workspaces.get()
        if retired is not None:
            self._wait_for_searches(retired)
            address = PartitionAddress(
                collection=retired.collection, partition=workspace.partition, workspace_id=workspace.id
            )
            await self._remove_vectors(address, retired)
        async with self._units.for_workspace(job.workspace_id) as uow:
            if not await uow.jobs.start(job.id, job.fence):
                raise LeaseLost("Another worker has the job.")
            await uow.indexes.remove(job.subject_id)
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the job.")
            await uow.commit()
        return ended

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """Nothing to set: the index stays retired."""

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """Nothing to set: deletions are not cancelled."""

    def _wait_for_searches(self, retired: RetiredIndex) -> None:
        """A search that began while the index was active may still use it until its time is up."""
        over = retired.retired_at + timedelta(seconds=self._settings.request_timeout_seconds)
        left = (over - self._clock.now()).total_seconds()
        if retired.was_active and left > 0:
            message = "Searches that began before the switch may still use the index."
            raise Unavailable(message, code=ErrorCode.WRONG_STATE, details={"retryAfterSeconds": left})

    async def _remove_vectors(self, address: PartitionAddress, retired: RetiredIndex) -> None:
        await self._index.ensure_partition(address)
        await self._index.delete_all(address, retired.knowledge_base_id)
        if await self._index.count_all(address, retired.knowledge_base_id):
            message = "The vector store still holds vectors of the index."
            raise Transient(message, code=ErrorCode.VECTOR_STORE_UNAVAILABLE)
