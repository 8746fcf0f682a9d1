"""Removing what only a retired index uses, its vectors or its words, then the index."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LeaseLost, Transient, Unavailable
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.embeddings import RetiredIndex
from lorebase.schemas.jobs import Job, JobError
from lorebase.schemas.search import PartitionAddress
from lorebase.services.indexes.keyword_places import keyword_collection
from lorebase.services.jobs.job_control import JobControl

_DOCUMENTS_AT_ONCE = 20


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
        """Removes what no other index shares, verifies zero, then forgets the index."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            retired = await uow.indexes.retired(job.subject_id)
        if retired is not None:
            self._wait_for_searches(retired)
        ended: Job | None = None
        while ended is None:
            await self._remove_rows(job, control, retired)
            # Indexes that shared it may have gone meanwhile, and left the rest to this one.
            before, retired = retired, await self._retired(job)
            if retired == before:
                ended = await self._finish(job, before)
        return ended

    async def _retired(self, job: Job) -> RetiredIndex | None:
        async with self._units.for_workspace(job.workspace_id) as uow:
            return await uow.indexes.retired(job.subject_id)

    async def _finish(self, job: Job, removed: RetiredIndex | None) -> Job | None:
        """None when more of it has become its own since."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            await _hold(uow, job)
            if await uow.indexes.retired(job.subject_id, change=True) != removed:
                return None
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

    async def _remove_rows(self, job: Job, control: JobControl, retired: RetiredIndex | None) -> None:
        if retired is None:
            return
        async with self._units.for_workspace(job.workspace_id) as uow:
            workspace = await uow.workspaces.get()
        collections = [retired.collection] if retired.collection is not None else []
        if retired.analyser_version is not None:
            await self._remove_words(job, control, retired.knowledge_base_id, retired.analyser_version)
            if self._settings.keywords_in_milvus:
                collections.append(keyword_collection(retired.analyser_version))
        for collection in collections:
            address = PartitionAddress(
                collection=collection, partition=workspace.partition, workspace_id=workspace.id
            )
            await self._remove_vectors(address, retired)

    async def _remove_words(self, job: Job, control: JobControl, base_id: UUID, version: int) -> None:
        """Nobody writes words of this version any more: whoever makes a document live holds the indexes."""
        after: UUID | None = None
        while True:
            control.check()
            async with self._units.for_workspace(job.workspace_id) as uow:
                await _hold(uow, job)
                after = await uow.keywords.remove_version(base_id, version, after, _DOCUMENTS_AT_ONCE)
                await uow.commit()
            if after is None:
                return

    async def _remove_vectors(self, address: PartitionAddress, retired: RetiredIndex) -> None:
        await self._index.ensure_partition(address)
        await self._index.delete_all(address, retired.knowledge_base_id)
        if await self._index.count_all(address, retired.knowledge_base_id):
            message = "The vector store still holds vectors of the index."
            raise Transient(message, code=ErrorCode.VECTOR_STORE_UNAVAILABLE)


async def _hold(uow: UnitOfWork, job: Job) -> None:
    if not await uow.jobs.start(job.id, job.fence):
        raise LeaseLost("Another worker has the job.")
