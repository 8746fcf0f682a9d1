"""What a cancelled or restarted job means for the document or answer it works on."""

from __future__ import annotations

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.answers import AnswerStatus, FinishReason
from lorebase.schemas.documents import Document, DocumentStatus
from lorebase.schemas.jobs import Job, JobKind, JobSubjectType
from lorebase.services.jobs.index_jobs import give_up_index

UNFINISHED = frozenset({DocumentStatus.ACCEPTED, DocumentStatus.PROCESSING})
_ENDED_BADLY = frozenset({DocumentStatus.FAILED, DocumentStatus.QUARANTINED})


def refuse_unstoppable(job: Job) -> None:
    """Conflict(WRONG_STATE) for a deletion: what it is about is gone already, its traces must follow."""
    if job.kind is JobKind.DELETE:
        raise Conflict("A deletion cannot be cancelled.", code=ErrorCode.WRONG_STATE)


async def note_cancelled(uow: UnitOfWork, job: Job) -> None:
    """Sets the subject of a job that was cancelled before a worker took it."""
    if job.kind is JobKind.INGEST:
        await uow.documents.set_status(
            job.subject_id, job.generation, DocumentStatus.FAILED, expected=UNFINISHED
        )
    elif job.kind is JobKind.REINDEX:
        await give_up_index(uow, job)
    elif job.kind is JobKind.ANSWER:
        answer = await uow.answers.get(job.subject_id)
        if not answer.is_terminal:
            ended = {"status": AnswerStatus.CANCELLED, "finish_reason": FinishReason.CANCELLED}
            await uow.answers.save(answer.model_copy(update=ended))


async def note_restarted(uow: UnitOfWork, job: Job, document: Document | None) -> None:
    """Sets the subject of a job that is to run again; Conflict(WRONG_STATE) or NotFound when it cannot."""
    if job.kind is JobKind.ANSWER:
        raise Conflict("An answer that ended stays as it is: ask again.", code=ErrorCode.WRONG_STATE)
    if job.kind is JobKind.REINDEX:
        await uow.indexes.get(job.subject_id)
    if job.kind is JobKind.DELETE or job.subject_type is not JobSubjectType.DOCUMENT:
        return
    if document is None:
        raise NotFound("The document was deleted.")
    if job.kind is JobKind.INGEST:
        if document.generation != job.generation:
            raise Conflict("The document has newer content.", code=ErrorCode.WRONG_STATE)
        await uow.documents.set_status(
            document.id, document.generation, DocumentStatus.ACCEPTED, expected=_ENDED_BADLY
        )
