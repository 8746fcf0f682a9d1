"""Embedding indexes as their owner handles them: a new one is built, one is switched to, one is given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.core.errors import BadInput, Conflict, ErrorCode, NotFound
from lorebase.core.ids import new_id
from lorebase.ports.job_queue import JobQueue
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.embeddings import EmbeddingModel, NewIndex, ReindexKnowledgeBase
from lorebase.schemas.indexes import DeletedIndex, ReindexedKnowledgeBase
from lorebase.schemas.knowledge_bases import KnowledgeBase
from lorebase.schemas.reindex_gates import GateOutcome
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import require
from lorebase.services.idempotency import Replay, kept_id
from lorebase.services.jobs.index_jobs import gate_of, new_reindex_job, retire_index
from lorebase.services.jobs.job_events import JobEvents
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.keywords.analysers import analyser_of
from lorebase.services.reindexing.index_gate import latest_pair

_MODEL = ["embeddingModelId"]
_ANALYSER = ["analyser"]
_GATE_SET = ["gate", "evaluationSetId"]


class IndexService:
    """The use cases around indexes."""

    def __init__(self, *, units: UnitOfWorkFactory, queue: JobQueue, events: JobEvents) -> None:
        self._units = units
        self._notices = JobNotices(queue=queue, events=events)

    async def reindex(self, principal: Principal, command: ReindexKnowledgeBase) -> ReindexedKnowledgeBase:
        """Adds an index of another model or analyser, which every writer keeps from now on, and its job.

        NotFound for the knowledge base, the model or the set of the gate; BadInput for a model that is
        deprecated or reads less than a passage holds, for an analyser that cannot be chosen, when neither is
        named, and for a gate that cannot measure; WRONG_STATE while another index is being built, or when
        there is one of this model and analyser.
        """
        require(principal, ApiScope.ADMIN)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "reindexKnowledgeBase", command.idempotency_key, command)
            if (kept := await replay.earlier()) is not None:
                return await _reindexed(uow, kept_id(kept, "index_id"), kept_id(kept, "job_id"))
            knowledge_base = await uow.knowledge_bases.get(command.id)
            parts = await _parts(uow, knowledge_base, command)
            await _check_gate(uow, command)
            made = await _add_index(uow, knowledge_base, parts, command)
            await replay.keep(index_id=made.index.id, job_id=made.job.id)
            await uow.commit()
        await self._notices.send(added=[made.job])
        return made

    async def gates(self, principal: Principal, job_ids: Sequence[UUID]) -> Mapping[UUID, GateOutcome]:
        """The gates of those reindex jobs that have one, with the newest measurements of each."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            asked = {job.id: gate_of(job) for job in await uow.jobs.get_many(job_ids)}
            gates = {job_id: gate for job_id, gate in asked.items() if gate is not None}
            runs = await uow.evaluations.runs_of_jobs(list(gates)) if gates else []
        found: dict[UUID, GateOutcome] = {}
        for job_id, gate in gates.items():
            pair = latest_pair([run for run in runs if run.job_id == job_id]) or (None, None)
            found[job_id] = GateOutcome(gate=gate, baseline=pair[0], run=pair[1])
        return found

    async def activate(
        self, principal: Principal, index_id: UUID, idempotency_key: str | None = None
    ) -> KnowledgeBase:
        """Lets searches use a complete index from the next one on; the way back is the same.

        NotFound; WRONG_STATE while it is being built.
        """
        require(principal, ApiScope.ADMIN)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "activateIndex", idempotency_key, {"id": str(index_id)})
            repeated = await replay.earlier() is not None
            index = await uow.indexes.get(index_id)
            if not repeated:
                await uow.indexes.activate(index_id)
                await replay.keep(index_id=index_id)
            knowledge_base = await uow.knowledge_bases.get(index.knowledge_base_id)
            await uow.commit()
        return knowledge_base

    async def delete(
        self, principal: Principal, index_id: UUID, idempotency_key: str | None = None
    ) -> DeletedIndex:
        """Gives up an index that searches do not use; it is gone at once, a job removes its vectors.

        NotFound; WRONG_STATE for the active one and for one that is being built: cancel its job instead.
        """
        require(principal, ApiScope.ADMIN)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "deleteEmbeddingIndex", idempotency_key, {"id": str(index_id)})
            if (kept := await replay.earlier()) is not None:
                job = await uow.jobs.get(kept_id(kept, "job_id"))
                return DeletedIndex(index_id=index_id, job=job)
            index = await uow.indexes.get(index_id, change=True)
            await _refuse_under_construction(uow, index.job_id)
            job = await retire_index(uow, index_id, index.knowledge_base_id)
            await replay.keep(job_id=job.id)
            await uow.commit()
        await self._notices.send(added=[job])
        return DeletedIndex(index_id=index_id, job=job)


async def _parts(
    uow: UnitOfWork, knowledge_base: KnowledgeBase, command: ReindexKnowledgeBase
) -> tuple[UUID, int]:
    """Model and analyser of the new index: those that are named, for the rest those of the active one."""
    if command.embedding_model_id is None and command.analyser is None:
        raise BadInput("Name an embedding model, an analyser, or both.", field=_MODEL)
    active = await uow.indexes.get(knowledge_base.active_index_id)
    model_id, version = active.model.id, active.analyser_version
    if command.embedding_model_id is not None:
        model_id = (await _usable_model(uow, command.embedding_model_id, knowledge_base)).id
    if command.analyser is not None:
        version = await usable_analyser(uow, command.analyser)
    return model_id, version


async def _add_index(
    uow: UnitOfWork, knowledge_base: KnowledgeBase, parts: tuple[UUID, int], command: ReindexKnowledgeBase
) -> ReindexedKnowledgeBase:
    # The lock comes first, or two requests would each see no other; then what is there decides.
    await uow.indexes.get(knowledge_base.active_index_id, change=True)
    for index in await uow.embeddings.indexes_of(knowledge_base.id):
        if (index.model.id, index.analyser_version) == parts:
            message = "The knowledge base has an index of this kind already: activate or delete that."
            field = _MODEL if command.embedding_model_id is not None else _ANALYSER
            raise Conflict(message, code=ErrorCode.WRONG_STATE, field=field)
        if not index.is_complete:
            message = "Another index is being built: wait for its job, or cancel it."
            raise Conflict(message, code=ErrorCode.WRONG_STATE)
    index_id, job_id = new_id(), new_id()
    index = await uow.indexes.add(
        NewIndex(
            id=index_id,
            knowledge_base_id=knowledge_base.id,
            model_id=parts[0],
            analyser_version=parts[1],
            job_id=job_id,
        )
    )
    job = await uow.jobs.add(new_reindex_job(job_id, index_id, command))
    return ReindexedKnowledgeBase(index=index, job=job)


async def _check_gate(uow: UnitOfWork, command: ReindexKnowledgeBase) -> None:
    if (gate := command.gate) is None:
        return
    falls = {
        "maxNdcgDrop": gate.max_ndcg_drop,
        "maxRecallDrop": gate.max_recall_drop,
        "maxMrrDrop": gate.max_mrr_drop,
    }
    for name, fall in falls.items():
        if fall is not None and not 0 <= fall <= 1:
            raise BadInput("A fall is from 0 to 1.", field=["gate", name])
    found = await uow.evaluations.get_sets([gate.evaluation_set_id])
    if not found:
        raise NotFound("There is no such evaluation set.", field=_GATE_SET)
    if found[0].knowledge_base_id != command.id:
        raise BadInput("The evaluation set is about another knowledge base.", field=_GATE_SET)
    if found[0].case_count == 0:
        raise BadInput("The evaluation set has no questions.", field=_GATE_SET)


async def usable_analyser(uow: UnitOfWork, name: str) -> int:
    """The version of this name. BadInput unless an operator added it and it may still be chosen."""
    for known in await uow.analysers.all():
        if known.name == name and known.deprecated_at is None:
            analyser_of(known.version)
            return known.version
    raise BadInput("No analyser of this name can be chosen.", field=_ANALYSER)


async def _usable_model(uow: UnitOfWork, model_id: UUID, knowledge_base: KnowledgeBase) -> EmbeddingModel:
    found = await uow.embeddings.get_models([model_id])
    if not found:
        raise NotFound("There is no such object.", field=_MODEL)
    model, longest = found[0], knowledge_base.chunking.max_tokens
    if model.deprecated_at is not None:
        raise BadInput("The embedding model is deprecated.", field=_MODEL)
    if model.max_input_tokens < longest:
        message = f"Passages have up to {longest} tokens; this model reads {model.max_input_tokens} only."
        raise BadInput(message, field=_MODEL)
    return model


async def _refuse_under_construction(uow: UnitOfWork, job_id: UUID | None) -> None:
    jobs = await uow.jobs.get_many([job_id]) if job_id is not None else []
    if not all(job.is_terminal for job in jobs):
        raise Conflict("The index is being built: cancel its job.", code=ErrorCode.WRONG_STATE)


async def _reindexed(uow: UnitOfWork, index_id: UUID, job_id: UUID) -> ReindexedKnowledgeBase:
    return ReindexedKnowledgeBase(index=await uow.indexes.get(index_id), job=await uow.jobs.get(job_id))
