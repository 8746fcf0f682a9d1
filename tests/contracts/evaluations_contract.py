"""What every EvaluationRepository must do; subclass it with fixtures `units` and `place`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from lorebase.core.errors import Conflict, NotFound
from lorebase.core.ids import new_id
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.evaluations import (
    CaseResult,
    EvaluationCase,
    EvaluationMetrics,
    EvaluationRun,
    EvaluationSet,
    Interval,
    Relevance,
)
from lorebase.schemas.jobs import JobKind, JobLane, JobStatus, JobSubjectType, NewJob
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.search import SearchMode

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
SURE = Interval(lower=0.25, upper=0.75)
METRICS = EvaluationMetrics(
    ndcg_at_10=0.5,
    ndcg_at_10_interval=SURE,
    recall_at_100=0.625,
    recall_at_100_interval=SURE,
    mrr_at_10=1 / 3,
    mrr_at_10_interval=SURE,
)


@dataclass(frozen=True)
class Place:
    """Where sets may stand: a workspace, a knowledge base of it, and its index."""

    workspace_id: UUID
    knowledge_base_id: UUID
    index_id: UUID


def a_set(place: Place, name: str = "Questions", age: int = 0) -> EvaluationSet:
    moment = MOMENT - timedelta(days=age)
    return EvaluationSet(
        id=new_id(),
        workspace_id=place.workspace_id,
        knowledge_base_id=place.knowledge_base_id,
        name=name,
        case_count=0,
        created_at=moment,
        updated_at=moment,
    )


def a_case(position: int, query: str = "What flies?") -> EvaluationCase:
    relevant = (Relevance(external_id="b/ä", grade=2), Relevance(external_id="a"))
    return EvaluationCase(id=new_id(), position=position, query=query, relevant=relevant)


def a_result(case: EvaluationCase, score: float = 0.1) -> CaseResult:
    return CaseResult(
        case_id=case.id,
        position=case.position,
        query=case.query,
        ndcg_at_10=score,
        recall_at_100=1.0,
        reciprocal_rank_at_10=1 / 3,
    )


async def add_set(uow: UnitOfWork, place: Place, name: str = "Questions", age: int = 0) -> EvaluationSet:
    made = a_set(place, name, age)
    await uow.evaluations.add_set(made)
    return made


async def add_run(
    uow: UnitOfWork,
    of: EvaluationSet,
    index_id: UUID,
    age: int = 0,
    *,
    kind: JobKind = JobKind.EVALUATE,
) -> EvaluationRun:
    run_id, moment = new_id(), MOMENT - timedelta(days=age)
    job = NewJob(
        id=new_id(),
        kind=kind,
        lane=JobLane.DOCUMENTS,
        subject_type=JobSubjectType.EVALUATION_RUN,
        subject_id=run_id,
        parameters={"knowledge_base_id": str(of.knowledge_base_id)},
    )
    await uow.jobs.add(job)
    run = EvaluationRun(
        id=run_id,
        workspace_id=of.workspace_id,
        set_id=of.id,
        knowledge_base_id=of.knowledge_base_id,
        index_id=index_id,
        job_id=job.id,
        mode=SearchMode.KEYWORD,
        profile="ours@2" if age else None,
        compare_with_run_id=None,
        metrics=None,
        created_at=moment,
        updated_at=moment,
    )
    await uow.evaluations.add_run(run)
    return run


class EvaluationsContract:
    """Sentences about EvaluationRepository."""

    async def test_a_set_is_kept_with_its_questions_in_order(
        self, units: UnitOfWorkFactory, place: Place
    ) -> None:
        cases = [a_case(1), a_case(2, "Was schwimmt?"), a_case(3, "什么会飞？")]
        async with units.for_workspace(place.workspace_id) as uow:
            made = await add_set(uow, place)
            await uow.evaluations.add_cases(made.id, cases[1:])
            filled = await uow.evaluations.add_cases(made.id, cases[:1])
            await uow.commit()
        async with units.for_workspace(place.workspace_id) as uow:
            assert await uow.evaluations.get_set(made.id) == filled
            assert (filled.case_count, filled.created_at) == (3, MOMENT)
            assert await uow.evaluations.cases_after(made.id, 0, 10) == cases
            assert await uow.evaluations.cases_after(made.id, 1, 1) == cases[1:2]
            assert await uow.evaluations.cases_after(made.id, 3, 10) == []

    async def test_a_name_is_taken_once_in_a_knowledge_base(
        self, units: UnitOfWorkFactory, place: Place
    ) -> None:
        async with units.for_workspace(place.workspace_id) as uow:
            await add_set(uow, place)
            with pytest.raises(Conflict) as error:
                await add_set(uow, place)
        assert error.value.field == ["name"]

    async def test_sets_are_listed_newest_first(self, units: UnitOfWorkFactory, place: Place) -> None:
        async with units.for_workspace(place.workspace_id) as uow:
            old, young = await add_set(uow, place, "old", 2), await add_set(uow, place, "young", 1)
            base = place.knowledge_base_id
            first = await uow.evaluations.set_page(base, PageRequest(limit=1))
            rest = await uow.evaluations.set_page(base, PageRequest(limit=5, after=first.positions[0]))
            assert ([*first.items], [*rest.items]) == ([young], [old])
            assert (first.has_next, rest.has_next) == (True, False)
            assert await uow.evaluations.count_sets(base) == 2
            assert await uow.evaluations.count_sets(new_id()) == 0
            assert {held.id for held in await uow.evaluations.get_sets([old.id, new_id()])} == {old.id}

    async def test_a_set_is_removed_with_all_in_it_and_its_open_runs_are_stopped(
        self, units: UnitOfWorkFactory, place: Place
    ) -> None:
        case = a_case(1)
        async with units.for_workspace(place.workspace_id) as uow:
            gone, kept = await add_set(uow, place, "gone"), await add_set(uow, place, "kept")
            await uow.evaluations.add_cases(gone.id, [case])
            run, other = await add_run(uow, gone, place.index_id), await add_run(uow, gone, place.index_id)
            left = await add_run(uow, kept, place.index_id)
            await uow.evaluations.add_results(run.id, [a_result(case)])
            await uow.jobs.request_cancel(other.job_id)
            await uow.commit()
        async with units.for_workspace(place.workspace_id) as uow:
            [stopped] = await uow.evaluations.remove_set(gone.id)
            assert (stopped.id, stopped.status, stopped.cancel_requested) == (
                run.job_id,
                JobStatus.CANCELLED,
                True,
            )
            await uow.commit()
        async with units.for_workspace(place.workspace_id) as uow:
            assert await uow.evaluations.get_sets([gone.id, kept.id]) == [kept]
            assert await uow.evaluations.get_runs([run.id, other.id, left.id]) == [left]
            assert await uow.evaluations.results(run.id) == []
            assert await uow.evaluations.cases_after(gone.id, 0, 10) == []
            assert (await uow.jobs.get(left.job_id)).status is JobStatus.QUEUED
            with pytest.raises(NotFound):
                await uow.evaluations.remove_set(gone.id)
            assert (await add_set(uow, place, "gone")).name == "gone"

    async def test_a_reindex_whose_gate_measures_goes_on_when_its_set_is_removed(
        self, units: UnitOfWorkFactory, place: Place
    ) -> None:
        async with units.for_workspace(place.workspace_id) as uow:
            measured = await add_set(uow, place)
            first = await add_run(uow, measured, place.index_id, kind=JobKind.REINDEX)
            second = first.model_copy(update={"id": new_id(), "compare_with_run_id": first.id})
            await uow.evaluations.add_run(second)
            other = await add_run(uow, measured, place.index_id)
            await uow.commit()
        async with units.for_workspace(place.workspace_id) as uow:
            made = await uow.evaluations.runs_of_jobs([first.job_id])
            assert sorted(run.id for run in made) == sorted([first.id, second.id])
            assert len(await uow.evaluations.runs_of_jobs([first.job_id, other.job_id, new_id()])) == 3
            assert await uow.evaluations.runs_of_jobs([]) == []
            stopped = await uow.evaluations.remove_set(measured.id)
            assert [job.id for job in stopped] == [other.job_id]
            await uow.commit()
        async with units.for_workspace(place.workspace_id) as uow:
            assert await uow.evaluations.runs_of_jobs([first.job_id]) == []
            left = await uow.jobs.get(first.job_id)
            assert (left.status, left.cancel_requested) == (JobStatus.QUEUED, False)

    async def test_of_a_deleted_knowledge_base_nothing_is_shown_and_all_is_removed_in_steps(
        self, units: UnitOfWorkFactory, place: Place
    ) -> None:
        base = place.knowledge_base_id
        async with units.for_workspace(place.workspace_id) as uow:
            one, two = await add_set(uow, place, "one"), await add_set(uow, place, "two")
            runs = [await add_run(uow, held, place.index_id) for held in (one, one, two)]
            await uow.removals.hide(base, None)
            await uow.commit()
        async with units.for_workspace(place.workspace_id) as uow:
            assert await uow.evaluations.get_sets([one.id, two.id]) == []
            assert await uow.evaluations.get_runs([run.id for run in runs]) == []
            assert await uow.evaluations.count_sets(base) == 0
            assert await uow.evaluations.count_runs(knowledge_base_id=base, set_id=None) == 0
            assert (await uow.evaluations.set_page(base, PageRequest(limit=5))).items == ()
            page = await uow.evaluations.run_page(PageRequest(limit=5), knowledge_base_id=base, set_id=one.id)
            assert page.items == ()
            for missing in (
                uow.evaluations.get_set(one.id, lock=True),
                uow.evaluations.get_run(runs[0].id),
                uow.evaluations.complete_run(runs[0].id, METRICS),
                uow.evaluations.remove_set(one.id),
            ):
                with pytest.raises(NotFound):
                    await missing
            removed = [await uow.removals.remove_evaluations(base, 2) for _ in range(4)]
            assert removed == [2, 1, 2, 0]

    async def test_another_workspace_sees_nothing(self, units: UnitOfWorkFactory, place: Place) -> None:
        async with units.for_workspace(place.workspace_id) as uow:
            made = await add_set(uow, place)
            case = a_case(1)
            await uow.evaluations.add_cases(made.id, [case])
            run = await add_run(uow, made, place.index_id)
            await uow.evaluations.add_results(run.id, [a_result(case)])
            await uow.commit()
        async with units.for_workspace(new_id()) as uow:
            assert await uow.evaluations.get_sets([made.id]) == []
            assert await uow.evaluations.get_runs([run.id]) == []
            assert await uow.evaluations.cases_after(made.id, 0, 10) == []
            assert await uow.evaluations.results(run.id) == []
            for missing in (uow.evaluations.get_set(made.id), uow.evaluations.get_run(run.id)):
                with pytest.raises(NotFound):
                    await missing

    async def test_a_run_is_incomplete_until_its_figures_are_kept(
        self, units: UnitOfWorkFactory, place: Place
    ) -> None:
        async with units.for_workspace(place.workspace_id) as uow:
            run = await add_run(uow, await add_set(uow, place), place.index_id)
            assert await uow.evaluations.get_run(run.id) == run
            complete = await uow.evaluations.complete_run(run.id, METRICS)
            assert complete.metrics == METRICS
            assert await uow.evaluations.get_run(run.id) == complete
            with pytest.raises(NotFound):
                await uow.evaluations.complete_run(new_id(), METRICS)

    async def test_a_run_needs_an_index_that_is_there(self, units: UnitOfWorkFactory, place: Place) -> None:
        async with units.for_workspace(place.workspace_id) as uow:
            made = await add_set(uow, place)
            with pytest.raises(NotFound):
                await add_run(uow, made, new_id())

    async def test_history_is_read_by_set_and_by_knowledge_base(
        self, units: UnitOfWorkFactory, place: Place
    ) -> None:
        async with units.for_workspace(place.workspace_id) as uow:
            one, two = await add_set(uow, place, "one"), await add_set(uow, place, "two")
            old, young = await add_run(uow, one, place.index_id, 9), await add_run(uow, two, place.index_id)
            base, request = place.knowledge_base_id, PageRequest(limit=10)
            every = await uow.evaluations.run_page(request, knowledge_base_id=base, set_id=None)
            of_one = await uow.evaluations.run_page(request, knowledge_base_id=base, set_id=one.id)
            assert ([*every.items], [*of_one.items]) == ([young, old], [old])
            assert await uow.evaluations.count_runs(knowledge_base_id=base, set_id=None) == 2
            assert await uow.evaluations.count_runs(knowledge_base_id=base, set_id=two.id) == 1

    async def test_a_result_is_kept_once_and_read_in_the_order_of_the_questions(
        self, units: UnitOfWorkFactory, place: Place
    ) -> None:
        cases = [a_case(position, f"Question {position}") for position in (1, 2, 3)]
        results = [a_result(case, case.position / 10) for case in cases]
        async with units.for_workspace(place.workspace_id) as uow:
            made = await add_set(uow, place)
            await uow.evaluations.add_cases(made.id, cases)
            run = await add_run(uow, made, place.index_id)
            await uow.evaluations.add_results(run.id, results[1:])
            await uow.evaluations.add_results(run.id, [a_result(cases[1], 0.9), results[0]])
            assert await uow.evaluations.results(run.id) == results
            assert await uow.evaluations.results(new_id()) == []
            first = await uow.evaluations.result_page(run.id, PageRequest(limit=2))
            rest = await uow.evaluations.result_page(run.id, PageRequest(limit=2, after=first.positions[1]))
            assert [*first.items, *rest.items] == results
            assert await uow.evaluations.count_results(run.id) == 3
