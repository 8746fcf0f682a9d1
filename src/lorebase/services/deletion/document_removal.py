"""Deleting a document in the transaction that answers: the tombstone, the receipt and the job."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pydantic import JsonValue

from lorebase.core.errors import NotFound
from lorebase.core.ids import new_id
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.documents import DeletedDocument, Document
from lorebase.schemas.jobs import Job, JobKind
from lorebase.services.idempotency import kept_id
from lorebase.services.jobs.document_jobs import new_document_job, stop_open_jobs


async def remove(uow: UnitOfWork, document: Document) -> tuple[DeletedDocument, list[Job]]:
    """Tombstones the locked document; also returns the jobs that were asked to stop.

    The receipt opens with the passages that search could find. Deletions wait behind no quota. The job learns
    which others still write to the index, so that it ends after them.
    """
    stopped = await stop_open_jobs(uow, document.id)
    version_id = document.current_version_id
    vectors = await uow.chunks.count(version_id) if version_id is not None else 0
    tombstone = await uow.documents.mark_deleting(document.id)
    receipt = await uow.documents.add_receipt(new_id(), document.id, vectors)
    still_running: list[JsonValue] = [str(job.id) for job in stopped if not job.is_terminal]
    parameters: dict[str, JsonValue] = {"stopped_jobs": still_running}
    job = await uow.jobs.add(new_document_job(JobKind.DELETE, tombstone, parameters))
    return DeletedDocument(document_id=document.id, job=job, receipt=receipt), stopped


async def forget(uow: UnitOfWork, document_id: UUID) -> None:
    """Removes what is stored of a tombstone whose vectors and bytes are gone; completes its receipt."""
    await uow.keywords.remove(document_id)
    await uow.embeddings.remove_document(document_id)
    await uow.versions.remove_all(document_id)
    await uow.documents.mark_deleted(document_id)
    await uow.documents.update_receipt(document_id, 0, completed=True)


async def removed_before(uow: UnitOfWork, kept: Mapping[str, JsonValue]) -> DeletedDocument:
    """The result of an earlier deletion, with its job and receipt as they are now."""
    jobs = await uow.jobs.get_many([kept_id(kept, "job_id")])
    receipts = await uow.documents.get_receipts([kept_id(kept, "receipt_id")])
    if not jobs or not receipts:
        raise NotFound("There is no such object.")
    return DeletedDocument(document_id=kept_id(kept, "document_id"), job=jobs[0], receipt=receipts[0])
