"""Documents: taking them in, changing what is known about them, deleting them, listing them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import Conflict
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.clock import Clock
from lorebase.ports.job_queue import JobQueue
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.documents import (
    DeletedDocument,
    DeletionReceipt,
    Document,
    DocumentOrder,
    StoredUpload,
    UpdatedDocument,
    UpdateDocument,
    UpsertDocument,
    UpsertedDocument,
)
from lorebase.schemas.filters import DocumentFilter
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import require, require_any
from lorebase.services.deletion.document_removal import remove, removed_before
from lorebase.services.documents.document_acceptance import Acceptance, Intake, save_change
from lorebase.services.documents.document_changes import changed_by_update, checked_upsert
from lorebase.services.documents.document_replays import updated_before, upserted_before
from lorebase.services.documents.uploads import Uploads
from lorebase.services.filters.filter_rules import validate
from lorebase.services.idempotency import Replay
from lorebase.services.jobs.job_events import JobEvents
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.text_rules import refuse_unstorable


class DocumentService:
    """The use cases around documents. What it answers is durable; waking workers is best effort."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        blobs: BlobStore,
        queue: JobQueue,
        events: JobEvents,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._units = units
        self._uploads = Uploads(blobs=blobs, settings=settings)
        self._notices = JobNotices(queue=queue, events=events)
        self._clock = clock
        self._settings = settings

    async def store(
        self,
        principal: Principal,
        chunks: AsyncIterator[bytes],
        file_name: str | None,
        media_type: str | None,
    ) -> StoredUpload:
        """Stores a file durably for `upsert`; `Uploads.store` says what is refused."""
        require(principal, ApiScope.WRITE)
        return await self._uploads.store(principal.workspace_id, chunks, file_name, media_type)

    async def store_text(self, principal: Principal, body: str, media_type: str) -> StoredUpload:
        """Stores inline text durably for `upsert`; `Uploads.store_text` says what is refused."""
        require(principal, ApiScope.WRITE)
        return await self._uploads.store_text(principal.workspace_id, body, media_type)

    async def upsert(self, principal: Principal, command: UpsertDocument) -> UpsertedDocument:
        """Takes in a document or its next version, in one transaction with the job that ingests it.

        No job when the content is that of the latest version and nothing indexed changed. Bytes that no
        version took are removed. NotFound, BadInput, LimitExceeded, Conflict(IDEMPOTENCY_MISMATCH).
        """
        require(principal, ApiScope.WRITE)
        spoken_for = False
        try:
            async with self._units.for_workspace(principal.workspace_id) as uow:
                replay = Replay(uow, principal, "upsertDocument", command.idempotency_key, command)
                if (kept := await replay.earlier()) is not None:
                    return await upserted_before(uow, kept)
                knowledge_base = await uow.knowledge_bases.get(command.knowledge_base_id, hold=True)
                checked = checked_upsert(command, knowledge_base, self._settings)
                accepted = await Intake(
                    uow=uow,
                    command=checked,
                    knowledge_base=knowledge_base,
                    settings=self._settings,
                    now=self._clock.now(),
                ).accept()
                await replay.keep(
                    document_id=accepted.document.id,
                    job_id=accepted.job.id if accepted.job else None,
                    created=accepted.created,
                )
                # From here on the outcome of the commit may be unknown: then the bytes must stay.
                spoken_for = accepted.adopted
                await uow.commit()
        finally:
            if not spoken_for:
                await self._uploads.discard(command.upload.blob_key)
        return await self._answer(accepted)

    async def _answer(self, accepted: Acceptance) -> UpsertedDocument:
        await self._notices.send(added=accepted.added, stopped=accepted.stopped)
        return UpsertedDocument(document=accepted.document, job=accepted.job, created=accepted.created)

    async def update(self, principal: Principal, command: UpdateDocument) -> UpdatedDocument:
        """Changes title, tags or metadata; a job only when something indexed changed.

        NotFound, BadInput, Conflict when the document is not at `expected_version`.
        """
        require(principal, ApiScope.WRITE)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "updateDocument", command.idempotency_key, command)
            if (kept := await replay.earlier()) is not None:
                return await updated_before(uow, kept)
            document = await uow.documents.get(command.id, lock=True)
            _expect(document, command.expected_version)
            knowledge_base = await uow.knowledge_bases.get(document.knowledge_base_id)
            latest = await uow.versions.latest(document.id)
            changed = changed_by_update(
                document, command, knowledge_base, self._settings, latest.file_name if latest else None
            )
            job = None
            if changed != document:
                document, job = await save_change(uow, document, changed, knowledge_base)
            await replay.keep(document_id=document.id, job_id=job.id if job else None)
            await uow.commit()
        await self._notices.send(added=[job] if job else [])
        return UpdatedDocument(document=document, job=job)

    async def delete(
        self,
        principal: Principal,
        document_id: UUID,
        expected_version: int | None = None,
        idempotency_key: str | None = None,
    ) -> DeletedDocument:
        """Makes the document unfindable at once; a job removes what is stored of it, the receipt follows.

        NotFound, also for a document deleted before; Conflict when it is not at `expected_version`.
        """
        require(principal, ApiScope.WRITE)
        asked = {"id": str(document_id), "expected_version": expected_version}
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "deleteDocument", idempotency_key, asked)
            if (kept := await replay.earlier()) is not None:
                return await removed_before(uow, kept)
            document = await uow.documents.get(document_id, lock=True)
            _expect(document, expected_version)
            removed, stopped = await remove(uow, document)
            await replay.keep(document_id=document_id, job_id=removed.job.id, receipt_id=removed.receipt.id)
            await uow.commit()
        await self._notices.send(added=[removed.job], stopped=stopped)
        return removed

    async def get_many(self, principal: Principal, ids: Sequence[UUID]) -> list[Document]:
        """Those that exist, in any order."""
        require_any(principal, ApiScope.READ, ApiScope.ASK)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.documents.get_many(ids)

    async def by_external_id(
        self, principal: Principal, knowledge_base_id: UUID, external_id: str
    ) -> Document | None:
        """One by the caller's own key."""
        require(principal, ApiScope.READ)
        refuse_unstorable(external_id, ["externalId"])
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.documents.by_external_id(knowledge_base_id, external_id)

    async def page(
        self,
        principal: Principal,
        knowledge_base_id: UUID,
        page: PageRequest,
        order: DocumentOrder,
        condition: DocumentFilter | None,
    ) -> Page[Document]:
        """Documents of a knowledge base that match, in order. BadInput for a filter that breaks a rule."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            await self._check_filter(uow, knowledge_base_id, condition)
            return await uow.documents.page(knowledge_base_id, page, order, condition)

    async def count(
        self, principal: Principal, knowledge_base_id: UUID, condition: DocumentFilter | None
    ) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            await self._check_filter(uow, knowledge_base_id, condition)
            return await uow.documents.count(knowledge_base_id, condition)

    async def _check_filter(
        self, uow: UnitOfWork, knowledge_base_id: UUID, condition: DocumentFilter | None
    ) -> None:
        if condition is not None:
            knowledge_base = await uow.knowledge_bases.get(knowledge_base_id)
            validate(condition, knowledge_base.metadata_fields, self._settings)

    async def receipts(self, principal: Principal, ids: Sequence[UUID]) -> list[DeletionReceipt]:
        """Receipts of deletions that exist, in any order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.documents.get_receipts(ids)


def _expect(document: Document, version: int | None) -> None:
    if version is not None and version != document.version:
        raise Conflict(
            f"The document is at version {document.version}, not {version}.",
            field=["expectedVersion"],
            details={"version": document.version},
        )
