"""Jobs about embedding indexes: one that builds, one that removes."""

from __future__ import annotations

from uuid import UUID

from lorebase.core.errors import NotFound
from lorebase.core.ids import new_id
from lorebase.core.logging import current_trace_id
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.embeddings import ReindexKnowledgeBase
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobSubjectType, NewJob
from lorebase.schemas.reindex_gates import ReindexGate


def new_reindex_job(job_id: UUID, index_id: UUID, command: ReindexKnowledgeBase) -> NewJob:
    """The job that builds an index and, when told, makes it the one that searches use."""
    gate = command.gate.model_dump(mode="json") if command.gate else None
    return NewJob(
        id=job_id,
        kind=JobKind.REINDEX,
        lane=JobLane.INDEXES,
        subject_type=JobSubjectType.EMBEDDING_INDEX,
        subject_id=index_id,
        trace_id=current_trace_id(),
        parameters={
            "knowledge_base_id": str(command.id),
            "activate": command.activate_on_success,
            "gate": gate,
        },
    )


def activates(job: Job) -> bool:
    """Whether a job made by `new_reindex_job` ends with the switch."""
    return job.parameters.get("activate") is True


def gate_of(job: Job) -> ReindexGate | None:
    """The gate of a job made by `new_reindex_job`."""
    gate = job.parameters.get("gate")
    return ReindexGate.model_validate(gate) if gate is not None else None


async def retire_index(uow: UnitOfWork, index_id: UUID, knowledge_base_id: UUID) -> Job:
    """Hides an index and adds the job that removes its vectors. WRONG_STATE for the active one; NotFound."""
    await uow.indexes.retire(index_id)
    return await uow.jobs.add(
        NewJob(
            id=new_id(),
            kind=JobKind.DELETE,
            lane=JobLane.INDEXES,
            subject_type=JobSubjectType.EMBEDDING_INDEX,
            subject_id=index_id,
            trace_id=current_trace_id(),
            parameters={"knowledge_base_id": str(knowledge_base_id)},
        )
    )


async def give_up_index(uow: UnitOfWork, job: Job) -> None:
    """Retires what a stopped reindex has built, unless it came to its end or was given up before."""
    try:
        index = await uow.indexes.get(job.subject_id, change=True)
    except NotFound:
        return
    if not index.is_complete:
        await retire_index(uow, index.id, index.knowledge_base_id)
