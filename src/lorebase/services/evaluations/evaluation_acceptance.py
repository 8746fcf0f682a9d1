"""Accepting a measurement in one transaction: the run and its job."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, LimitExceeded, NotFound
from lorebase.core.ids import new_id
from lorebase.core.logging import current_trace_id
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.evaluations import EvaluationRun, EvaluationSet, RunEvaluation
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobSubjectType, NewJob
from lorebase.schemas.search import SearchMode, SearchRequest
from lorebase.services.search.retrieval_profiles import RetrievalProfiles


async def accept_run(
    uow: UnitOfWork, command: RunEvaluation, now: datetime, settings: Settings, profiles: RetrievalProfiles
) -> tuple[EvaluationRun, Job]:
    """Adds everything that a worker needs; the caller commits."""
    if await uow.jobs.count_open() >= settings.open_jobs_maximum:
        message = "Too many jobs are waiting; try again later."
        raise LimitExceeded(message, retryable=True, details={"limit": settings.open_jobs_maximum})
    # Locked: questions that are being added would be measured by one run and not by the other.
    measured = await uow.evaluations.get_set(command.set_id, lock=True)
    await _check_baseline(uow, command, measured)
    index_id = await _index(uow, command, measured)
    searched = _searched(command, measured, profiles)
    run_id = new_id()
    job = await uow.jobs.add(_job(run_id, measured.knowledge_base_id))
    command = command.model_copy(update={"mode": searched.mode, "profile": searched.profile})
    run = new_run(command, measured, now, run_id=run_id, index_id=index_id, job_id=job.id)
    await uow.evaluations.add_run(run)
    return run, job


def new_run(
    command: RunEvaluation,
    measured: EvaluationSet,
    now: datetime,
    *,
    run_id: UUID,
    index_id: UUID,
    job_id: UUID,
) -> EvaluationRun:
    """A run without figures, to be measured by the job."""
    return EvaluationRun(
        id=run_id,
        workspace_id=measured.workspace_id,
        set_id=measured.id,
        knowledge_base_id=measured.knowledge_base_id,
        index_id=index_id,
        job_id=job_id,
        mode=command.mode or SearchMode.HYBRID,
        profile=command.profile,
        compare_with_run_id=command.compare_with_run_id,
        metrics=None,
        created_at=now,
        updated_at=now,
    )


async def _check_baseline(uow: UnitOfWork, command: RunEvaluation, measured: EvaluationSet) -> None:
    if command.compare_with_run_id is None:
        return
    field = ["compareWithRunId"]
    found = await uow.evaluations.get_runs([command.compare_with_run_id])
    if not found:
        raise NotFound("There is no such evaluation run.", field=field)
    if found[0].set_id != measured.id:
        raise BadInput("The run to compare with measured another set.", field=field)


async def _index(uow: UnitOfWork, command: RunEvaluation, measured: EvaluationSet) -> UUID:
    if command.index_id is None:
        return (await uow.knowledge_bases.get(measured.knowledge_base_id)).active_index_id
    kept = await uow.embeddings.indexes_of(measured.knowledge_base_id)
    if command.index_id not in {index.id for index in kept}:
        raise NotFound("The knowledge base has no such index.", field=["indexId"])
    return command.index_id


def _searched(command: RunEvaluation, measured: EvaluationSet, profiles: RetrievalProfiles) -> SearchRequest:
    """How each question is searched: by the version of the profile that is the newest now."""
    request = SearchRequest(
        knowledge_base_ids=(measured.knowledge_base_id,), query="", mode=command.mode, profile=command.profile
    )
    profile, applied = profiles.applied(request)
    return applied.model_copy(update={"profile": profile.key if command.profile else None})


def _job(run_id: UUID, knowledge_base_id: UUID) -> NewJob:
    return NewJob(
        id=new_id(),
        kind=JobKind.EVALUATE,
        lane=JobLane.DOCUMENTS,
        subject_type=JobSubjectType.EVALUATION_RUN,
        subject_id=run_id,
        trace_id=current_trace_id(),
        # By this the deletion of a knowledge base finds the jobs to stop.
        parameters={"knowledge_base_id": str(knowledge_base_id)},
    )
