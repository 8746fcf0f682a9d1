"""Deleting a knowledge base in the transaction that answers: hidden at once, a receipt, a job to empty it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pydantic import JsonValue

from lorebase.core.errors import NotFound
from lorebase.core.ids import new_id
from lorebase.core.logging import current_trace_id
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.documents import DeletedKnowledgeBase
from lorebase.schemas.jobs import JobKind, JobLane, JobSubjectType, NewJob
from lorebase.services.idempotency import kept_id


async def remove_knowledge_base(
    uow: UnitOfWork, knowledge_base_id: UUID, expected_version: int | None
) -> DeletedKnowledgeBase:
    """Hides it and all in it, whatever its size. Deletions wait behind no quota. NotFound, Conflict."""
    await uow.removals.hide(knowledge_base_id, expected_version)
    receipt = await uow.removals.open_receipt(new_id(), knowledge_base_id)
    job = await uow.jobs.add(
        NewJob(
            id=new_id(),
            kind=JobKind.DELETE,
            lane=JobLane.DOCUMENTS,
            subject_type=JobSubjectType.KNOWLEDGE_BASE,
            subject_id=knowledge_base_id,
            trace_id=current_trace_id(),
            parameters={"knowledge_base_id": str(knowledge_base_id)},
        )
    )
    return DeletedKnowledgeBase(knowledge_base_id=knowledge_base_id, job=job, receipt=receipt)


async def removed_knowledge_base_before(
    uow: UnitOfWork, kept: Mapping[str, JsonValue]
) -> DeletedKnowledgeBase:
    """The result of an earlier deletion, with its job and receipt as they are now."""
    jobs = await uow.jobs.get_many([kept_id(kept, "job_id")])
    receipts = await uow.documents.get_receipts([kept_id(kept, "receipt_id")])
    if not jobs or not receipts:
        raise NotFound("There is no such object.")
    knowledge_base_id = kept_id(kept, "knowledge_base_id")
    return DeletedKnowledgeBase(knowledge_base_id=knowledge_base_id, job=jobs[0], receipt=receipts[0])
