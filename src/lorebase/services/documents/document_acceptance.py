"""Taking a document in: which row, which version and which jobs an upsert makes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import Conflict, LimitExceeded
from lorebase.core.ids import new_id
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.base import Value
from lorebase.schemas.documents import Document, DocumentStatus, DocumentVersion, UpsertDocument
from lorebase.schemas.jobs import Job, JobKind, JobStatus, JobSubjectType
from lorebase.schemas.knowledge_bases import KnowledgeBase
from lorebase.services.documents.document_changes import changed_by_upsert
from lorebase.services.documents.metadata_rules import checked_metadata
from lorebase.services.indexes.indexed_fields import indexed_fields
from lorebase.services.jobs.document_jobs import new_document_job, stop_open_jobs

_TRIES_BETWEEN_DELETIONS = 5
_REFUSED = frozenset({DocumentStatus.FAILED, DocumentStatus.QUARANTINED})


class Acceptance(Value):
    """What one upsert did; `adopted` says whether the uploaded bytes became a version."""

    document: Document
    created: bool = False
    adopted: bool = False
    job: Job | None = None
    added: tuple[Job, ...] = ()
    stopped: tuple[Job, ...] = ()


class Intake:
    """One upsert within its unit of work. `command` was checked before."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        command: UpsertDocument,
        knowledge_base: KnowledgeBase,
        settings: Settings,
        now: datetime,
    ) -> None:
        self._uow = uow
        self._command = command
        self._knowledge_base = knowledge_base
        self._settings = settings
        self._now = now

    async def accept(self) -> Acceptance:
        """Adds the document or its next version, or only updates it when the content is the same.

        LimitExceeded when the workspace has too many open jobs.
        """
        for _ in range(_TRIES_BETWEEN_DELETIONS):
            existing = await self._existing()
            if existing is not None:
                return await self._revise(existing)
            document = self._new_document()
            if await self._uow.documents.add(document):
                return await self._ingest(document, number=1)
        raise Conflict("The document is being changed by others; try again.", retryable=True)

    async def _existing(self) -> Document | None:
        command = self._command
        if command.external_id is None:
            return None
        return await self._uow.documents.by_external_id(
            command.knowledge_base_id, command.external_id, lock=True
        )

    async def _revise(self, existing: Document) -> Acceptance:
        changed = changed_by_upsert(existing, self._command)
        latest = await self._uow.versions.latest(existing.id)
        if latest is not None and await self._is_the_same(existing, latest):
            if changed == existing:
                return Acceptance(document=existing)
            document, job = await save_change(self._uow, existing, changed, self._knowledge_base)
            return Acceptance(document=document, job=job, added=(job,) if job else ())
        stopped = await stop_open_jobs(self._uow, existing.id)
        next_generation = {
            "generation": existing.generation + 1,
            "status": DocumentStatus.ACCEPTED,
            "media_type": self._command.upload.media_type,
        }
        saved = await self._uow.documents.save(changed.model_copy(update=next_generation))
        accepted = await self._ingest(saved, number=latest.number + 1 if latest else 1)
        added = [*accepted.added, *await self._keep_in_step(existing, saved, stopped)]
        return accepted.model_copy(update={"stopped": tuple(stopped), "added": tuple(added)})

    async def _keep_in_step(self, before: Document, after: Document, stopped: list[Job]) -> list[Job]:
        """The older version stays searchable until the new one is ready: its mirrored fields must follow."""
        if before.live_generation is None:
            return []
        synced = any(job.kind is JobKind.SYNC_METADATA for job in stopped)
        moved = indexed_fields(before, self._knowledge_base) != indexed_fields(after, self._knowledge_base)
        if not (synced or moved):
            return []
        return [await self._uow.jobs.add(new_document_job(JobKind.SYNC_METADATA, after))]

    async def _is_the_same(self, document: Document, latest: DocumentVersion) -> bool:
        if document.status in _REFUSED:
            return False
        newest = await self._uow.jobs.latest_for(JobSubjectType.DOCUMENT, [document.id])
        job = newest.get(document.id)
        if document.status is not DocumentStatus.READY and job is not None and job.cancel_requested:
            return False
        upload = self._command.upload
        return (latest.content_hash, latest.media_type) == (upload.content_hash, upload.media_type)

    async def _ingest(self, document: Document, number: int) -> Acceptance:
        limit = self._settings.open_jobs_maximum
        if await self._uow.jobs.count_open() >= limit:
            message = "Too many jobs are waiting; try again later."
            raise LimitExceeded(message, retryable=True, details={"limit": limit})
        await self._uow.versions.add(self._version(document, number))
        job = await self._uow.jobs.add(new_document_job(JobKind.INGEST, document))
        return Acceptance(document=document, created=number == 1, adopted=True, job=job, added=(job,))

    def _version(self, document: Document, number: int) -> DocumentVersion:
        upload = self._command.upload
        return DocumentVersion(
            id=UUID(upload.blob_key.rpartition("/")[2]),
            workspace_id=document.workspace_id,
            document_id=document.id,
            number=number,
            generation=document.generation,
            blob_key=upload.blob_key,
            file_name=upload.file_name,
            media_type=upload.media_type,
            byte_size=upload.byte_size,
            content_hash=upload.content_hash,
            created_at=self._now,
            updated_at=self._now,
        )

    def _new_document(self) -> Document:
        command = self._command
        metadata = checked_metadata(command.metadata, self._knowledge_base.metadata_fields, self._settings)
        return Document(
            id=new_id(),
            workspace_id=self._uow.workspace_id,
            knowledge_base_id=command.knowledge_base_id,
            external_id=command.external_id,
            title=command.title or "",
            language=command.language,
            tags=command.tags,
            metadata=metadata,
            media_type=command.upload.media_type,
            status=DocumentStatus.ACCEPTED,
            generation=1,
            live_generation=None,
            current_version_id=None,
            version=1,
            created_at=self._now,
            updated_at=self._now,
        )


async def save_change(
    uow: UnitOfWork, before: Document, after: Document, knowledge_base: KnowledgeBase
) -> tuple[Document, Job | None]:
    """Saves a changed document that is locked; the job that updates its indexes, when one is needed.

    A synchronisation that still waits reads the newest state anyway and is used again.
    """
    saved = await uow.documents.save(after)
    if saved.live_generation is None:
        return saved, None
    if indexed_fields(before, knowledge_base) == indexed_fields(saved, knowledge_base):
        return saved, None
    latest = (await uow.jobs.latest_for(JobSubjectType.DOCUMENT, [saved.id])).get(saved.id)
    if latest is not None and _still_to_come(latest):
        return saved, latest
    return saved, await uow.jobs.add(new_document_job(JobKind.SYNC_METADATA, saved))


def _still_to_come(job: Job) -> bool:
    return job.kind is JobKind.SYNC_METADATA and job.status is JobStatus.QUEUED and not job.cancel_requested
