"""A fake of the evaluation service, and the set and run that it knows."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.core.ids import new_id
from lorebase.schemas.evaluations import (
    AddEvaluationCases,
    CaseResult,
    CreateEvaluationSet,
    EvaluationComparison,
    EvaluationDelta,
    EvaluationMetrics,
    EvaluationRun,
    EvaluationSet,
    Interval,
    RunEvaluation,
)
from lorebase.schemas.pagination import Page, PageRequest, Position
from lorebase.schemas.search import SearchMode
from lorebase.schemas.workspaces import Principal
from tests.unit.api.fake_calls import Calls, page_of, some
from tests.unit.api.fake_world import TIMES, World

DELTA = EvaluationDelta(query="How?", before=0.75, after=0.25)
RESULT = CaseResult(
    case_id=new_id(),
    position=1,
    query="How?",
    ndcg_at_10=0.25,
    recall_at_100=1.0,
    reciprocal_rank_at_10=0.5,
)


def add_evaluation(world: World) -> EvaluationRun:
    """A set of one question, and a complete run that is compared with itself."""
    base, run_id = world.knowledge_base, new_id()
    measured = EvaluationSet(
        id=new_id(),
        workspace_id=world.workspace.id,
        knowledge_base_id=base.id,
        name="Questions",
        case_count=1,
        **TIMES,
    )
    interval = Interval(lower=0.25, upper=0.75)
    metrics = EvaluationMetrics(
        ndcg_at_10=0.5,
        ndcg_at_10_interval=interval,
        recall_at_100=1.0,
        recall_at_100_interval=Interval(lower=1.0, upper=1.0),
        mrr_at_10=0.5,
        mrr_at_10_interval=interval,
    )
    run = EvaluationRun(
        id=run_id,
        workspace_id=world.workspace.id,
        set_id=measured.id,
        knowledge_base_id=base.id,
        index_id=base.active_index_id,
        job_id=world.job.id,
        mode=SearchMode.HYBRID,
        compare_with_run_id=run_id,
        metrics=metrics,
        **TIMES,
    )
    world.evaluation_sets[measured.id], world.evaluation_runs[run.id] = measured, run
    return run


class FakeEvaluations:
    def __init__(self, world: World, calls: Calls) -> None:
        self.world = world
        self.calls = calls

    async def create_set(self, principal: Principal, command: CreateEvaluationSet, /) -> EvaluationSet:
        self.calls.note("evaluations.create_set", command)
        return self._set.model_copy(update={"id": new_id(), "name": command.name})

    async def add_cases(self, principal: Principal, command: AddEvaluationCases, /) -> EvaluationSet:
        self.calls.note("evaluations.add_cases", command)
        return self.world.evaluation_sets[command.set_id].model_copy(update={"case_count": 2})

    async def delete_set(self, principal: Principal, set_id: UUID, idempotency_key: str | None, /) -> None:
        self.calls.note("evaluations.delete_set", set_id, idempotency_key)

    async def run(self, principal: Principal, command: RunEvaluation, /) -> EvaluationRun:
        self.calls.note("evaluations.run", command)
        run = next(iter(self.world.evaluation_runs.values()))
        return run.model_copy(update={"id": new_id(), "metrics": None})

    async def get_sets(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[EvaluationSet]:
        self.calls.note("evaluations.get_sets", tuple(ids))
        return some(self.world.evaluation_sets, ids)

    async def set_page(
        self, principal: Principal, knowledge_base_id: UUID, page: PageRequest, /
    ) -> Page[EvaluationSet]:
        self.calls.note("evaluations.set_page", knowledge_base_id, page)
        return page_of(list(self.world.evaluation_sets.values()), page)

    async def count_sets(self, principal: Principal, knowledge_base_id: UUID, /) -> int:
        return len(self.world.evaluation_sets)

    async def get_runs(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[EvaluationRun]:
        self.calls.note("evaluations.get_runs", tuple(ids))
        return some(self.world.evaluation_runs, ids)

    async def run_page(
        self, principal: Principal, knowledge_base_id: UUID, set_id: UUID | None, page: PageRequest, /
    ) -> Page[EvaluationRun]:
        self.calls.note("evaluations.run_page", knowledge_base_id, set_id, page)
        return page_of(list(self.world.evaluation_runs.values()), page)

    async def count_runs(self, principal: Principal, knowledge_base_id: UUID, set_id: UUID | None, /) -> int:
        return len(self.world.evaluation_runs)

    async def result_page(self, principal: Principal, run_id: UUID, page: PageRequest, /) -> Page[CaseResult]:
        self.calls.note("evaluations.result_page", run_id, page)
        position = Position(sort_value="1", id=RESULT.case_id)
        return Page(items=(RESULT,), positions=(position,), has_next=False, has_previous=False)

    async def count_results(self, principal: Principal, run_id: UUID, /) -> int:
        return 1

    async def comparison(
        self, principal: Principal, run_id: UUID, baseline_id: UUID, /
    ) -> EvaluationComparison | None:
        self.calls.note("evaluations.comparison", run_id, baseline_id)
        return EvaluationComparison(
            run_id=run_id,
            baseline_id=baseline_id,
            change=-0.5,
            interval=Interval(lower=-0.75, upper=-0.25),
            worsened_count=1,
            improved_count=0,
            worsened=(DELTA,),
        )

    @property
    def _set(self) -> EvaluationSet:
        return next(iter(self.world.evaluation_sets.values()))
