"""Evaluations as users see them: sets of questions, runs, and how two runs compare."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, Conflict, ErrorCode
from lorebase.core.ids import new_id
from lorebase.ports.clock import Clock
from lorebase.ports.job_queue import JobQueue
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.evaluations import (
    AddEvaluationCases,
    CaseResult,
    CreateEvaluationSet,
    EvaluationComparison,
    EvaluationRun,
    EvaluationSet,
    RunEvaluation,
)
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import require
from lorebase.services.evaluations.evaluation_acceptance import accept_run
from lorebase.services.evaluations.evaluation_figures import compare
from lorebase.services.evaluations.evaluation_rules import checked_cases, numbered_cases
from lorebase.services.idempotency import Replay, kept_id
from lorebase.services.jobs.job_events import JobEvents
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from lorebase.services.workspaces import checked_name


class EvaluationService:
    """The use cases around evaluations. A run returns at once; a worker measures."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        queue: JobQueue,
        events: JobEvents,
        clock: Clock,
        settings: Settings,
        profiles: RetrievalProfiles | None = None,
    ) -> None:
        """Without `profiles` those built in can be measured."""
        self._units = units
        self._notices = JobNotices(queue=queue, events=events)
        self._clock = clock
        self._settings = settings
        self._profiles = profiles or RetrievalProfiles(settings)

    async def create_set(self, principal: Principal, command: CreateEvaluationSet) -> EvaluationSet:
        """Keeps questions with their relevant documents, which need not exist yet.

        BadInput with the field; NotFound for the knowledge base; Conflict when it has a set of this name.
        """
        require(principal, ApiScope.ADMIN)
        name = checked_name(command.name)
        checked_cases(command.cases, command.knowledge_base_id, self._settings)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "createEvaluationSet", command.idempotency_key, command)
            if (kept := await replay.earlier()) is not None:
                return await uow.evaluations.get_set(kept_id(kept, "set_id"))
            base = await uow.knowledge_bases.get(command.knowledge_base_id, hold=True)
            made = self._new_set(principal, base.id, name)
            await uow.evaluations.add_set(made)
            filled = await uow.evaluations.add_cases(made.id, numbered_cases(command.cases, 0))
            await replay.keep(set_id=made.id)
            await uow.commit()
        return filled

    def _new_set(self, principal: Principal, knowledge_base_id: UUID, name: str) -> EvaluationSet:
        now = self._clock.now()
        return EvaluationSet(
            id=new_id(),
            workspace_id=principal.workspace_id,
            knowledge_base_id=knowledge_base_id,
            name=name,
            case_count=0,
            created_at=now,
            updated_at=now,
        )

    async def add_cases(self, principal: Principal, command: AddEvaluationCases) -> EvaluationSet:
        """Adds questions at the end of a set.

        BadInput with the field; NotFound; LimitExceeded past the size of a set; Conflict(WRONG_STATE) once
        a run was made: its figures would no longer be those of the set.
        """
        require(principal, ApiScope.ADMIN)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "addEvaluationCases", command.idempotency_key, command)
            kept = await replay.earlier()
            held = await uow.evaluations.get_set(command.set_id, lock=True)
            if kept is not None:
                return held
            checked_cases(command.cases, held.knowledge_base_id, self._settings)
            await _refuse_measured(uow, held)
            cases = numbered_cases(command.cases, held.case_count)
            filled = await uow.evaluations.add_cases(held.id, cases)
            await replay.keep(set_id=held.id)
            await uow.commit()
        return filled

    async def delete_set(
        self, principal: Principal, set_id: UUID, idempotency_key: str | None = None
    ) -> None:
        """Removes a set with its questions, runs and results; runs in the making stop. NotFound."""
        require(principal, ApiScope.ADMIN)
        asked = {"id": str(set_id)}
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "deleteEvaluationSet", idempotency_key, asked)
            if await replay.earlier() is not None:
                return
            stopped = await uow.evaluations.remove_set(set_id)
            await replay.keep(set_id=set_id)
            await uow.commit()
        await self._notices.send(stopped=stopped)

    async def run(self, principal: Principal, command: RunEvaluation) -> EvaluationRun:
        """Queues a measurement.

        NotFound for the set, for an index that is not one of its knowledge base, and for a run to compare
        with that is not there; BadInput for a run of another set and for a profile that cannot be used here;
        LimitExceeded with too many open jobs.
        """
        require(principal, ApiScope.ADMIN)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "runEvaluation", command.idempotency_key, command)
            if (kept := await replay.earlier()) is not None:
                return await uow.evaluations.get_run(kept_id(kept, "run_id"))
            run, job = await accept_run(uow, command, self._clock.now(), self._settings, self._profiles)
            await replay.keep(run_id=run.id)
            await uow.commit()
        await self._notices.send(added=[job])
        return run

    async def get_sets(self, principal: Principal, ids: Sequence[UUID]) -> list[EvaluationSet]:
        """Those that exist, in any order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.evaluations.get_sets(ids)

    async def set_page(
        self, principal: Principal, knowledge_base_id: UUID, page: PageRequest
    ) -> Page[EvaluationSet]:
        """Sets of a knowledge base, newest first."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.evaluations.set_page(knowledge_base_id, page)

    async def count_sets(self, principal: Principal, knowledge_base_id: UUID) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.evaluations.count_sets(knowledge_base_id)

    async def get_runs(self, principal: Principal, ids: Sequence[UUID]) -> list[EvaluationRun]:
        """Those that exist, in any order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.evaluations.get_runs(ids)

    async def run_page(
        self, principal: Principal, knowledge_base_id: UUID, set_id: UUID | None, page: PageRequest
    ) -> Page[EvaluationRun]:
        """Runs of a knowledge base, or of one of its sets, newest first."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.evaluations.run_page(page, knowledge_base_id=knowledge_base_id, set_id=set_id)

    async def count_runs(self, principal: Principal, knowledge_base_id: UUID, set_id: UUID | None) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.evaluations.count_runs(knowledge_base_id=knowledge_base_id, set_id=set_id)

    async def result_page(self, principal: Principal, run_id: UUID, page: PageRequest) -> Page[CaseResult]:
        """What each question scored so far, in the order of the questions."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.evaluations.result_page(run_id, page)

    async def count_results(self, principal: Principal, run_id: UUID) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.evaluations.count_results(run_id)

    async def comparison(
        self, principal: Principal, run_id: UUID, baseline_id: UUID
    ) -> EvaluationComparison | None:
        """What changed from one run to another; None while one of them is not complete.

        NotFound for either; BadInput when they measured different sets.
        """
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            run, baseline = await uow.evaluations.get_run(run_id), await uow.evaluations.get_run(baseline_id)
            if run.set_id != baseline.set_id:
                raise BadInput("The two runs measured different sets.", field=["withRunId"])
            if run.metrics is None or baseline.metrics is None:
                return None
            now, before = await uow.evaluations.results(run_id), await uow.evaluations.results(baseline_id)
        return compare(run_id, now, baseline_id, before)


async def _refuse_measured(uow: UnitOfWork, held: EvaluationSet) -> None:
    if await uow.evaluations.count_runs(knowledge_base_id=held.knowledge_base_id, set_id=held.id):
        message = "The set was measured already: make another one for other questions."
        raise Conflict(message, code=ErrorCode.WRONG_STATE)
