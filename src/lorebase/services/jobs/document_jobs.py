"""Jobs about documents: made with what their handlers need, stopped together, read with their document."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pydantic import JsonValue

from lorebase.core.errors import NotFound
from lorebase.core.ids import new_id
from lorebase.core.logging import current_trace_id
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.documents import Document
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobSubjectType, NewJob


def new_document_job(
    kind: JobKind, document: Document, parameters: Mapping[str, JsonValue] | None = None
) -> NewJob:
    """A job about the document as it is now, under the trace of whoever asked."""
    return new_job_about(document.id, document.knowledge_base_id, document.generation, kind, parameters)


def new_job_about(
    document_id: UUID,
    knowledge_base_id: UUID,
    generation: int,
    kind: JobKind,
    parameters: Mapping[str, JsonValue] | None = None,
) -> NewJob:
    """As `new_document_job`, for a document of which only this is known."""
    return NewJob(
        id=new_id(),
        kind=kind,
        lane=JobLane.DOCUMENTS,
        subject_type=JobSubjectType.DOCUMENT,
        subject_id=document_id,
        generation=generation,
        trace_id=current_trace_id(),
        # A tombstone is read by nobody any more, so the job itself says where the vectors are.
        parameters={"knowledge_base_id": str(knowledge_base_id), **(parameters or {})},
    )


def knowledge_base_of(job: Job) -> UUID:
    """The knowledge base of a job made here."""
    return UUID(str(job.parameters["knowledge_base_id"]))


async def stop_open_jobs(uow: UnitOfWork, document_id: UUID) -> list[Job]:
    """Asks all open jobs of the document to stop; returns them as they are now."""
    stopped = await uow.jobs.cancel_open_for(JobSubjectType.DOCUMENT, document_id)
    return await uow.jobs.get_many(stopped) if stopped else []


async def locked_document(uow: UnitOfWork, job: Job) -> Document | None:
    """The document of the job, locked; None when it is gone or the job is about something else.

    Whoever changes a document and its job locks the document first, or two of them wait for each other.
    """
    if job.subject_type is not JobSubjectType.DOCUMENT:
        return None
    try:
        return await uow.documents.get(job.subject_id, lock=True)
    except NotFound:
        return None
