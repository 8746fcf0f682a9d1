"""Measuring: over real ingestion and search on fakes, through crashes, stops and slow legs."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest

from lorebase.clients.prompt_templates import FilePromptTemplates
from lorebase.core.errors import BadInput, ErrorCode, Transient
from lorebase.schemas.evaluations import CreateEvaluationSet, EvaluationRun, NewCase, Relevance, RunEvaluation
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobStatus
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.search import SearchMode, SearchPart, SearchRequest, SearchResult
from lorebase.services.evaluations.evaluation_measurement import EvaluationMeasurement
from lorebase.services.evaluations.evaluation_runs import EvaluationHandler
from lorebase.services.evaluations.evaluations import EvaluationService
from lorebase.services.jobs.job_runner import JobRunner
from lorebase.services.search.query_expansion import QueryExpander
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, add_tenant, make_settings
from tests.fakes.chat_model import FakeChatModel
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World

BODIES = {
    "tasks": "A task is cancelled by calling its cancel method.",
    "queues": "A queue holds items until a worker takes them.",
    "locks": "A lock lets one worker in at a time.",
}


class Searches(SearchService):
    """Counts its searches, and answers as a test says."""

    def __init__(self, world: World, chat: FakeChatModel | None = None) -> None:
        templates, settings = FilePromptTemplates(), world.settings
        super().__init__(
            units=world.units,
            embedder=world.embedder,
            index=world.index,
            settings=world.settings,
            clock=world.clock,
            expander=QueryExpander(chat=chat, templates=templates, settings=settings) if chat else None,
        )
        self.queries: list[str] = []
        self.slow = 0

    async def retrieve(
        self,
        workspace_id: UUID,
        request: SearchRequest,
        *,
        index_id: UUID | None = None,
        highlighted: bool = True,
    ) -> SearchResult:
        self.queries.append(request.query)
        found = await super().retrieve(workspace_id, request, index_id=index_id, highlighted=highlighted)
        if self.slow:
            self.slow -= 1
            return found.model_copy(update={"degraded": (SearchPart.KEYWORD,)})
        return found


class Measuring:
    """A tenant with three documents, a set, and workers that measure."""

    def __init__(self, world: World, tenant: Tenant) -> None:
        self.world = world
        self.tenant = tenant
        self.searches = Searches(world)
        self.service = EvaluationService(
            units=world.units,
            queue=world.queue,
            events=world.events,
            clock=world.clock,
            settings=world.settings,
        )

    async def start(
        self, *cases: NewCase, mode: SearchMode = SearchMode.KEYWORD, profile: str | None = None
    ) -> EvaluationRun:
        for title, body in BODIES.items():
            await self.world.upsert(self.tenant, body, title=title, external_id=title)
        await self.world.run_all()
        given = CreateEvaluationSet(
            knowledge_base_id=self.tenant.knowledge_base.id, name="Questions", cases=cases
        )
        made = await self.service.create_set(self.tenant.principal, given)
        return await self.again(made.id, mode=mode, profile=profile)

    async def again(
        self,
        set_id: UUID,
        mode: SearchMode = SearchMode.KEYWORD,
        baseline: UUID | None = None,
        profile: str | None = None,
    ) -> EvaluationRun:
        wish = RunEvaluation(set_id=set_id, mode=mode, compare_with_run_id=baseline, profile=profile)
        return await self.service.run(self.tenant.principal, wish)

    async def work(self, faults: Faults | None = None) -> None:
        units = self.world.units_of(faults or Faults())
        measurement = EvaluationMeasurement(units=units, search=self.searches, settings=self.world.settings)
        handler = EvaluationHandler(units=units, measurement=measurement)
        runner = JobRunner(
            units=units,
            handlers={JobKind.EVALUATE: handler},
            events=self.world.events,
            settings=self.world.settings,
            clock=self.world.clock,
        )
        while await runner.run_due(JobLane.DOCUMENTS):
            continue

    def run(self, run_id: UUID) -> EvaluationRun:
        return self.world.database.state.evaluation_runs[run_id]

    def job(self, run: EvaluationRun) -> Job:
        return self.world.job(run.job_id)

    async def scores(self, run_id: UUID) -> list[float]:
        page = await self.service.result_page(self.tenant.principal, run_id, PageRequest(limit=100))
        return [result.ndcg_at_10 for result in page.items]


@pytest.fixture
def measuring(world: World, tenant: Tenant) -> Measuring:
    return Measuring(world, tenant)


def asking(query: str, *external_ids: str) -> NewCase:
    return NewCase(query=query, relevant=tuple(Relevance(external_id=name) for name in external_ids))


def questions(count: int) -> list[NewCase]:
    """Every third finds its document."""
    texts = ("cancelled method {}", "zebra {}", "giraffe {}")
    return [asking(texts[number % 3].format(number), "tasks") for number in range(count)]


async def test_a_run_scores_each_question_and_keeps_the_means(measuring: Measuring) -> None:
    started = await measuring.start(
        asking("cancelled method", "tasks"),
        asking("queue items", "queues", "never-there"),
        asking("zebra", "locks"),
    )
    await measuring.work()
    run = measuring.run(started.id)
    assert measuring.job(run).status is JobStatus.SUCCEEDED
    first, second, third = await measuring.scores(run.id)
    assert (first, third) == (1.0, 0.0)
    assert second == pytest.approx(1 / (1 + 1 / 1.584962500721156))
    assert run.metrics is not None
    assert run.metrics.ndcg_at_10 == pytest.approx((first + second) / 3)
    assert run.metrics.recall_at_100 == pytest.approx((1 + 0.5) / 3)
    assert run.metrics.mrr_at_10 == pytest.approx(2 / 3)
    assert run.metrics.ndcg_at_10_interval.lower < run.metrics.ndcg_at_10
    assert await measuring.service.count_results(measuring.tenant.principal, run.id) == 3


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_every_way_of_searching_can_be_measured(measuring: Measuring, mode: SearchMode) -> None:
    run = await measuring.start(asking(BODIES["tasks"], "tasks"), mode=mode)
    await measuring.work()
    metrics = measuring.run(run.id).metrics
    assert metrics is not None
    assert metrics.recall_at_100 == 1.0


async def test_subscribers_hear_how_far_it_is(measuring: Measuring) -> None:
    run = await measuring.start(*questions(3))
    await measuring.work()
    told = [event.type for event in measuring.world.events_of(measuring.job(run))]
    assert (told[0], told[-1]) == ("JobQueued", "JobSucceeded")
    assert "JobProgressed" in told


@pytest.mark.parametrize("step", range(2, 24, 2))
async def test_a_run_that_dies_anywhere_is_finished_by_the_next_worker(
    measuring: Measuring, step: int
) -> None:
    run = await measuring.start(*questions(45))
    faults = Faults()
    faults.crash_at(step)
    with suppress(Crash):
        await measuring.work(faults)
    measuring.world.clock.advance(measuring.world.settings.job_lease_seconds + 1)
    await measuring.work()
    assert measuring.job(run).status is JobStatus.SUCCEEDED
    assert await measuring.scores(run.id) == [1.0, 0.0, 0.0] * 15


async def test_what_is_measured_already_is_not_searched_again(measuring: Measuring) -> None:
    run = await measuring.start(*questions(45))
    searches = measuring.searches

    original = searches.retrieve

    async def failing(
        workspace_id: UUID,
        request: SearchRequest,
        *,
        index_id: UUID | None = None,
        highlighted: bool = True,
    ) -> SearchResult:
        if len(searches.queries) >= 25:
            raise RuntimeError("the worker is out of luck")
        return await original(workspace_id, request, index_id=index_id, highlighted=highlighted)

    searches.retrieve = failing  # type: ignore[method-assign]
    await measuring.work()
    assert measuring.job(run).status is JobStatus.FAILED
    assert len(await measuring.scores(run.id)) == 20
    assert measuring.run(run.id).metrics is None
    searches.queries.clear()
    searches.retrieve = original  # type: ignore[method-assign]
    await measuring.world.jobs.retry(measuring.tenant.principal, run.job_id)
    await measuring.work()
    assert len(searches.queries) == 25
    assert await measuring.scores(run.id) == [1.0, 0.0, 0.0] * 15


async def test_a_cancelled_run_has_no_figures(measuring: Measuring) -> None:
    run = await measuring.start(*questions(3))
    await measuring.world.jobs.cancel(measuring.tenant.principal, run.job_id)
    await measuring.work()
    assert measuring.job(run).status is JobStatus.CANCELLED
    assert (measuring.run(run.id).metrics, measuring.searches.queries) == (None, [])


async def test_a_leg_that_was_too_slow_for_once_is_measured_again(measuring: Measuring) -> None:
    run = await measuring.start(*questions(1))
    measuring.searches.slow = 2
    await measuring.work()
    assert measuring.run(run.id).metrics is not None
    assert len(measuring.searches.queries) == 3


async def test_a_leg_that_stays_too_slow_is_never_taken_for_a_bad_index(measuring: Measuring) -> None:
    run = await measuring.start(*questions(1))
    measuring.searches.slow = 10**6
    await measuring.work()
    job = measuring.job(run)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code is ErrorCode.OVERLOADED
    assert await measuring.scores(run.id) == []


async def test_a_run_whose_set_is_gone_ends_for_good(measuring: Measuring) -> None:
    run = await measuring.start(*questions(1))
    del measuring.world.database.state.evaluation_sets[run.set_id]
    await measuring.work()
    job = measuring.job(run)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 1)
    assert job.error is not None
    assert job.error.code is ErrorCode.NOT_FOUND


async def test_two_runs_of_a_set_are_compared_question_by_question(measuring: Measuring) -> None:
    before = await measuring.start(*questions(30))
    await measuring.work()
    for name in BODIES:
        await measuring.world.upsert(measuring.tenant, "Other words.", title=name, external_id=name)
    await measuring.world.run_all()
    after = await measuring.again(before.set_id, baseline=before.id)
    principal = measuring.tenant.principal
    assert await measuring.service.comparison(principal, after.id, before.id) is None
    await measuring.work()
    found = await measuring.service.comparison(principal, after.id, before.id)
    assert found is not None
    assert (found.is_worse, found.worsened_count, found.improved_count) == (True, 10, 0)
    assert {(delta.before, delta.after) for delta in found.worsened} == {(1.0, 0.0)}


async def test_runs_of_different_sets_are_not_compared(measuring: Measuring) -> None:
    one = await measuring.start(asking("cancelled", "tasks"))
    other = CreateEvaluationSet(
        knowledge_base_id=measuring.tenant.knowledge_base.id, name="Other", cases=tuple(questions(1))
    )
    made = await measuring.service.create_set(measuring.tenant.principal, other)
    two = await measuring.again(made.id)
    with pytest.raises(BadInput) as error:
        await measuring.service.comparison(measuring.tenant.principal, one.id, two.id)
    assert error.value.field == ["withRunId"]


async def test_all_pages_of_a_question_are_searched_for_what_the_model_made_once(
    tenant: Tenant,
) -> None:
    measuring = Measuring(World(make_settings(chat_model="any")), tenant)
    measuring.tenant = await add_tenant(measuring.world.database)
    chat = FakeChatModel(measuring.world.clock)
    chat.completions = ['{"query": "ending a task"}', '{"query": "a queue of items"}']
    measuring.searches = Searches(measuring.world, chat)
    started = await measuring.start(asking("worker", "tasks"), asking("lock", "locks"), profile="rewrite")
    measuring.world.settings = make_settings(page_size_maximum=1)
    await measuring.work()
    run = measuring.run(started.id)
    assert (run.profile, measuring.job(run).status) == ("rewrite@1", JobStatus.SUCCEEDED)
    assert len(measuring.searches.queries) > 2
    assert len(chat.rewritten) == 2
    assert (await measuring.scores(run.id))[0] > 0


async def test_a_model_that_failed_for_once_is_asked_again_and_never_measured_as_the_plain_query(
    tenant: Tenant,
) -> None:
    measuring = Measuring(World(make_settings(chat_model="any")), tenant)
    measuring.tenant = await add_tenant(measuring.world.database)
    chat = FakeChatModel(measuring.world.clock)
    chat.completions = [Transient("no"), '{"query": "ending a task"}']
    measuring.searches = Searches(measuring.world, chat)
    started = await measuring.start(asking("cancelled method", "tasks"), profile="rewrite")
    await measuring.work()
    assert measuring.run(started.id).metrics is not None
    assert len(chat.rewritten) == 2
