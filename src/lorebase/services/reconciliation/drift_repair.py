"""Mends disagreements: what misses by jobs, what nobody needs by removal, each looked at once more before."""

from __future__ import annotations

from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.jobs import Job, JobKind
from lorebase.schemas.reconciliation import TOMBSTONES, Drift, DriftKind, StoredDocument
from lorebase.services.jobs.document_jobs import new_job_about
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.reconciliation.drift import is_stuck, orphan_kind
from lorebase.services.reconciliation.vector_audit import picture_of

_BY_JOB = frozenset(
    {
        DriftKind.MISSING_VECTORS,
        DriftKind.SURPLUS_VECTORS,
        DriftKind.WRONG_COUNTS,
        DriftKind.STUCK_DOCUMENTS,
    }
)


def needs_a_job(drift: Drift) -> bool:
    """Whether mending means to add a job."""
    return drift.kind in _BY_JOB


class DriftRepair:
    """Safe beside running jobs and other repairs: whatever changed since the comparison is let alone."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        index: ChunkIndex,
        blobs: BlobStore,
        notices: JobNotices,
        settings: Settings,
    ) -> None:
        self._units = units
        self._index = index
        self._blobs = blobs
        self._notices = notices
        self._settings = settings

    async def add_job(self, workspace_id: UUID, document_id: UUID) -> Job | None:
        """A job that brings the document's vectors or its state in line; None when it needs none any more."""
        async with self._units.for_workspace(workspace_id) as uow:
            document = await uow.reconciliation.lock(document_id)
            kind = _job_for(document) if document is not None else None
            if document is None or kind is None:
                return None
            job = await uow.jobs.add(
                new_job_about(document.id, document.knowledge_base_id, document.generation, kind)
            )
            await uow.commit()
        await self._notices.send(added=[job])
        return job

    async def remove_orphans(self, workspace_id: UUID, drift: Drift) -> bool:
        """Removes vectors of one generation of a document; whether none is left."""
        document_id, generation = drift.document_id, drift.generation
        if document_id is None or generation is None:
            return False
        async with self._units.for_workspace(workspace_id) as uow:
            documents = await uow.reconciliation.documents([document_id])
            picture = await picture_of(uow, documents, self._settings)
        document, collection = picture.documents.get(document_id), str(drift.collection)
        kept = bool(picture.places(document_id, collection))
        if orphan_kind(document, generation, kept=kept) is None:
            return False
        [address] = [one for one in picture.addresses if one.collection == collection]
        await self._index.delete(
            address, document_id, above_generation=generation - 1, below_generation=generation + 1
        )
        return await self._index.count(address, document_id, generation=generation) == 0

    async def remove_blob(self, workspace_id: UUID, key: str) -> bool:
        """Removes bytes that no document took; whether it did."""
        async with self._units.for_workspace(workspace_id) as uow:
            if key in await uow.reconciliation.known_blobs([key]):
                return False
        await self._blobs.delete(key)
        return True


def _job_for(document: StoredDocument) -> JobKind | None:
    if document.busy or document.status is DocumentStatus.DELETED:
        return None
    if is_stuck(document):
        return JobKind.DELETE if document.status in TOMBSTONES else JobKind.INGEST
    return JobKind.SYNC_METADATA if document.live_generation is not None else None
