"""Evaluations in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from lorebase.core.errors import Conflict, NotFound
from lorebase.schemas.evaluations import (
    CaseResult,
    EvaluationCase,
    EvaluationMetrics,
    EvaluationRun,
    EvaluationSet,
)
from lorebase.schemas.jobs import Job, JobKind
from lorebase.schemas.pagination import Page, PageRequest
from tests.fakes.memory.jobs import ask_to_stop
from tests.fakes.memory.paging import Place, keyset_page, number_value, time_value
from tests.fakes.memory.state import CAP, State, in_any_order


class MemoryEvaluations:
    """See ports/evaluations.py."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def add_set(self, evaluation_set: EvaluationSet) -> None:
        self._own(evaluation_set.workspace_id)
        if evaluation_set.name in {held.name for held in self._sets(evaluation_set.knowledge_base_id)}:
            raise Conflict("The knowledge base has an evaluation set of this name already.", field=["name"])
        held = evaluation_set.model_copy(update={"case_count": 0})
        self._state.evaluation_sets[held.id] = held

    async def get_set(self, set_id: UUID, *, lock: bool = False) -> EvaluationSet:
        found = await self.get_sets([set_id])
        if not found:
            raise NotFound("There is no such evaluation set.")
        return found[0]

    async def get_sets(self, ids: Sequence[UUID]) -> list[EvaluationSet]:
        mine = {held.id: held for held in self._sets(None)}
        return [mine[one] for one in in_any_order(ids) if one in mine]

    async def set_page(self, knowledge_base_id: UUID, page: PageRequest) -> Page[EvaluationSet]:
        return keyset_page(self._sets(knowledge_base_id), _by_age, page, descending=True)

    async def count_sets(self, knowledge_base_id: UUID) -> int:
        return min(CAP, len(self._sets(knowledge_base_id)))

    async def remove_set(self, set_id: UUID) -> list[Job]:
        await self.get_set(set_id)
        jobs = []
        for run in self._runs(set_id=set_id):
            jobs.append(self._state.jobs[run.job_id])
            del self._state.evaluation_runs[run.id]
            self._state.evaluation_results.pop(run.id, None)
        del self._state.evaluation_sets[set_id]
        self._state.evaluation_cases.pop(set_id, None)
        jobs = [job for job in jobs if job.kind is JobKind.EVALUATE and not job.is_terminal]
        return [ask_to_stop(self._state, job, self._now) for job in jobs]

    async def add_cases(self, set_id: UUID, cases: Sequence[EvaluationCase]) -> EvaluationSet:
        held = await self.get_set(set_id)
        there = self._state.evaluation_cases.get(set_id, ())
        if {case.position for case in there} & {case.position for case in cases}:
            raise Conflict("There is one with the same value already.")
        kept = sorted((*there, *cases), key=lambda case: case.position)
        self._state.evaluation_cases[set_id] = tuple(kept)
        counted = held.model_copy(update={"case_count": len(kept), "updated_at": self._now})
        self._state.evaluation_sets[set_id] = counted
        return counted

    async def cases_after(self, set_id: UUID, position: int, limit: int) -> list[EvaluationCase]:
        if not await self.get_sets([set_id]):
            return []
        kept = self._state.evaluation_cases.get(set_id, ())
        return [case for case in kept if case.position > position][:limit]

    async def add_run(self, run: EvaluationRun) -> None:
        self._own(run.workspace_id)
        held = await self.get_set(run.set_id)
        index = self._state.indexes.get(run.index_id)
        known = index is not None and index.knowledge_base_id == held.knowledge_base_id
        if not known or run.job_id not in self._state.jobs:
            raise NotFound("There is no such object.")
        self._state.evaluation_runs[run.id] = run

    async def get_run(self, run_id: UUID) -> EvaluationRun:
        found = await self.get_runs([run_id])
        if not found:
            raise NotFound("There is no such evaluation run.")
        return found[0]

    async def get_runs(self, ids: Sequence[UUID]) -> list[EvaluationRun]:
        mine = {run.id: run for run in self._runs()}
        return [mine[one] for one in in_any_order(ids) if one in mine]

    async def runs_of_jobs(self, job_ids: Sequence[UUID]) -> list[EvaluationRun]:
        return [run for run in self._runs() if run.job_id in set(job_ids)]

    async def run_page(
        self, page: PageRequest, *, knowledge_base_id: UUID, set_id: UUID | None
    ) -> Page[EvaluationRun]:
        return keyset_page(self._runs(knowledge_base_id, set_id), _by_age, page, descending=True)

    async def count_runs(self, *, knowledge_base_id: UUID, set_id: UUID | None) -> int:
        return min(CAP, len(self._runs(knowledge_base_id, set_id)))

    async def complete_run(self, run_id: UUID, metrics: EvaluationMetrics) -> EvaluationRun:
        run = await self.get_run(run_id)
        complete = run.model_copy(update={"metrics": metrics, "updated_at": self._now})
        self._state.evaluation_runs[run_id] = complete
        return complete

    async def add_results(self, run_id: UUID, results: Sequence[CaseResult]) -> None:
        run = await self.get_run(run_id)
        queries = {case.id: case.query for case in self._state.evaluation_cases.get(run.set_id, ())}
        held = {result.position: result for result in self._state.evaluation_results.get(run_id, ())}
        for result in results:
            held.setdefault(result.position, result.model_copy(update={"query": queries[result.case_id]}))
        self._state.evaluation_results[run_id] = tuple(held[place] for place in sorted(held))

    async def results(self, run_id: UUID) -> list[CaseResult]:
        there = await self.get_runs([run_id])
        return list(self._state.evaluation_results.get(run_id, ())) if there else []

    async def result_page(self, run_id: UUID, page: PageRequest) -> Page[CaseResult]:
        def place(result: CaseResult) -> Place:
            return number_value(result.position), result.case_id

        return keyset_page(await self.results(run_id), place, page)

    async def count_results(self, run_id: UUID) -> int:
        return min(CAP, len(await self.results(run_id)))

    def _own(self, workspace_id: UUID) -> None:
        if workspace_id != self._workspace_id:
            raise AssertionError("row-level security: a row of another workspace")

    def _sets(self, knowledge_base_id: UUID | None) -> list[EvaluationSet]:
        return [
            held
            for held in self._state.evaluation_sets.values()
            if held.workspace_id == self._workspace_id
            and held.knowledge_base_id not in self._state.deleted_bases
            and knowledge_base_id in (None, held.knowledge_base_id)
        ]

    def _runs(self, knowledge_base_id: UUID | None = None, set_id: UUID | None = None) -> list[EvaluationRun]:
        return [
            run
            for run in self._state.evaluation_runs.values()
            if run.workspace_id == self._workspace_id
            and run.knowledge_base_id not in self._state.deleted_bases
            and knowledge_base_id in (None, run.knowledge_base_id)
            and set_id in (None, run.set_id)
        ]


def _by_age(item: EvaluationSet | EvaluationRun) -> Place:
    return time_value(item.created_at), item.id
