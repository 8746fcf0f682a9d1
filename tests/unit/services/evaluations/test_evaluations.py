"""Evaluation sets and runs: what is accepted, what is refused, what is kept; and reading it back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lorebase.core.errors import (
    BadInput,
    Conflict,
    ErrorCode,
    Forbidden,
    LimitExceeded,
    LorebaseError,
    NotFound,
)
from lorebase.core.ids import new_id
from lorebase.schemas.evaluations import (
    AddEvaluationCases,
    CreateEvaluationSet,
    EvaluationRun,
    EvaluationSet,
    NewCase,
    Relevance,
    RunEvaluation,
)
from lorebase.schemas.jobs import JobKind, JobLane, JobStatus, JobSubjectType
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.retrieval_profiles import RetrievalProfile
from lorebase.schemas.search import SearchMode
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.evaluations.evaluations import EvaluationService
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from tests.factories import Tenant, add_tenant, make_principal, make_settings
from tests.fakes.world import World

PAGE = PageRequest(limit=10)


@pytest.fixture
def service(world: World) -> EvaluationService:
    return make_service(world)


def make_service(world: World, **settings: object) -> EvaluationService:
    return EvaluationService(
        units=world.units,
        queue=world.queue,
        events=world.events,
        clock=world.clock,
        settings=make_settings(**settings),
    )


def case(query: str = "How is a task cancelled?", *external_ids: str) -> NewCase:
    wanted = external_ids or ("tasks",)
    return NewCase(query=query, relevant=tuple(Relevance(external_id=name) for name in wanted))


def creating(tenant: Tenant, *cases: NewCase, **given: object) -> CreateEvaluationSet:
    fields = {"knowledge_base_id": tenant.knowledge_base.id, "name": "Questions", "cases": cases or (case(),)}
    return CreateEvaluationSet.model_validate({**fields, **given})


async def add_set(service: EvaluationService, tenant: Tenant, name: str = "Questions") -> EvaluationSet:
    return await service.create_set(tenant.principal, creating(tenant, name=name))


async def start(service: EvaluationService, tenant: Tenant, of: EvaluationSet) -> EvaluationRun:
    return await service.run(tenant.principal, RunEvaluation(set_id=of.id))


def rows(world: World) -> tuple[int, ...]:
    state = world.database.state
    cases = sum(map(len, state.evaluation_cases.values()))
    return len(state.evaluation_sets), cases, len(state.evaluation_runs), len(state.jobs)


async def test_a_set_is_kept_with_its_questions(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    given = creating(tenant, case("One?"), case("Two?", "a", "b"), name="  What people\task ")
    made = await service.create_set(tenant.principal, given)
    assert (made.name, made.case_count) == ("What people ask", 2)
    kept = world.database.state.evaluation_cases[made.id]
    assert [(each.position, each.query) for each in kept] == [(1, "One?"), (2, "Two?")]
    assert await service.get_sets(tenant.principal, [made.id]) == [made]
    assert (await service.set_page(tenant.principal, tenant.knowledge_base.id, PAGE)).items == (made,)
    assert await service.count_sets(tenant.principal, tenant.knowledge_base.id) == 1


REFUSED: list[tuple[NewCase, ErrorCode, list[str]]] = [
    (case("  "), ErrorCode.BAD_USER_INPUT, ["cases", "1", "query"]),
    (case("x" * 2001), ErrorCode.BAD_USER_INPUT, ["cases", "1", "query"]),
    (case("a\0b"), ErrorCode.INVALID_TEXT, ["cases", "1", "query"]),
    (NewCase(query="What?", relevant=()), ErrorCode.BAD_USER_INPUT, ["cases", "1", "relevant"]),
    (case("What?", "a", "a"), ErrorCode.BAD_USER_INPUT, ["cases", "1", "relevant"]),
    (case("What?", " "), ErrorCode.BAD_USER_INPUT, ["cases", "1", "externalId"]),
    (
        NewCase(query="What?", relevant=(Relevance(external_id="a", grade=0),)),
        ErrorCode.BAD_USER_INPUT,
        ["cases", "1", "relevant", "0", "grade"],
    ),
]


@pytest.mark.parametrize("refused", REFUSED, ids=range(len(REFUSED)))
async def test_a_question_that_no_run_could_measure_is_refused_by_its_place(
    world: World,
    tenant: Tenant,
    service: EvaluationService,
    refused: tuple[NewCase, ErrorCode, list[str]],
) -> None:
    bad, code, field = refused
    with pytest.raises(BadInput) as error:
        await service.create_set(tenant.principal, creating(tenant, case(), bad))
    assert (error.value.code, error.value.field) == (code, field)
    assert rows(world) == (0, 0, 0, 0)


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_request_holds_one_to_a_thousand_questions(
    tenant: Tenant, service: EvaluationService, count: int
) -> None:
    given = creating(tenant).model_copy(update={"cases": (case(),) * count})
    with pytest.raises(BadInput) as error:
        await service.create_set(tenant.principal, given)
    assert error.value.field == ["cases"]


async def test_more_questions_are_added_at_the_end(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    made = await add_set(service, tenant)
    more = AddEvaluationCases(set_id=made.id, cases=(case("Two?"), case("Three?")), idempotency_key="k")
    filled = await service.add_cases(tenant.principal, more)
    assert (await service.add_cases(tenant.principal, more), filled.case_count) == (filled, 3)
    kept = world.database.state.evaluation_cases[made.id]
    assert [(each.position, each.query) for each in kept[1:]] == [(2, "Two?"), (3, "Three?")]


async def test_a_set_has_an_end(world: World, tenant: Tenant, service: EvaluationService) -> None:
    made = await add_set(service, tenant)
    state = world.database.state
    state.evaluation_sets[made.id] = made.model_copy(update={"case_count": 10_000})
    with pytest.raises(LimitExceeded) as error:
        await service.add_cases(tenant.principal, AddEvaluationCases(set_id=made.id, cases=(case(),)))
    assert error.value.details == {"limit": 10_000}
    assert len(state.evaluation_cases[made.id]) == 1


async def test_a_set_that_was_measured_stays_as_it_is(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    made = await add_set(service, tenant)
    await start(service, tenant, made)
    with pytest.raises(Conflict) as error:
        await service.add_cases(tenant.principal, AddEvaluationCases(set_id=made.id, cases=(case(),)))
    assert error.value.code is ErrorCode.WRONG_STATE
    assert rows(world) == (1, 1, 1, 1)


async def test_a_run_measures_the_active_index_unless_another_is_named(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    made = await add_set(service, tenant)
    run = await start(service, tenant, made)
    named = RunEvaluation(
        set_id=made.id, index_id=tenant.knowledge_base.active_index_id, mode=SearchMode.VECTOR
    )
    second = await service.run(tenant.principal, named)
    assert (run.index_id, run.mode, run.metrics) == (second.index_id, SearchMode.HYBRID, None)
    assert second.mode is SearchMode.VECTOR
    job = world.job(run.job_id)
    assert (job.kind, job.lane, job.status) == (JobKind.EVALUATE, JobLane.DOCUMENTS, JobStatus.QUEUED)
    assert (job.subject_type, job.subject_id) == (JobSubjectType.EVALUATION_RUN, run.id)
    assert [woken for woken, _, _ in world.queue.woken] == [run.job_id, second.job_id]
    page = await service.run_page(tenant.principal, tenant.knowledge_base.id, made.id, PAGE)
    assert {each.id for each in page.items} == {run.id, second.id}
    assert await service.count_runs(tenant.principal, tenant.knowledge_base.id, None) == 2


async def test_what_a_run_names_must_belong_to_its_set(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    made, other = await add_set(service, tenant), await add_set(service, tenant, "Others")
    foreign = await start(service, tenant, other)
    before = rows(world)
    refused: list[tuple[dict[str, object], type[LorebaseError], list[str]]] = [
        ({"index_id": new_id()}, NotFound, ["indexId"]),
        ({"compare_with_run_id": new_id()}, NotFound, ["compareWithRunId"]),
        ({"compare_with_run_id": foreign.id}, BadInput, ["compareWithRunId"]),
    ]
    for given, kind, field in refused:
        with pytest.raises(kind) as error:
            await service.run(tenant.principal, RunEvaluation.model_validate({"set_id": made.id, **given}))
        assert error.value.field == field
    assert rows(world) == before


async def test_too_many_open_jobs_refuse_a_run(world: World, tenant: Tenant) -> None:
    service = make_service(world, open_jobs_maximum=1)
    made = await add_set(service, tenant)
    await start(service, tenant, made)
    with pytest.raises(LimitExceeded):
        await start(service, tenant, made)
    assert rows(world) == (1, 1, 1, 1)


async def test_a_repeated_mutation_gives_the_first_result(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    given = creating(tenant, idempotency_key="s")
    made = await service.create_set(tenant.principal, given)
    assert await service.create_set(tenant.principal, given) == made
    wish = RunEvaluation(set_id=made.id, idempotency_key="r")
    run = await service.run(tenant.principal, wish)
    assert await service.run(tenant.principal, wish) == run
    assert rows(world) == (1, 1, 1, 1)


async def test_only_administrators_measure_and_readers_read(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    made = await add_set(service, tenant)
    editor = make_principal(tenant.workspace.id, ApiScope.WRITE, ApiScope.READ)
    asker = make_principal(tenant.workspace.id, ApiScope.ASK)
    for refused in (
        service.create_set(editor, creating(tenant, name="x")),
        service.add_cases(editor, AddEvaluationCases(set_id=made.id, cases=(case(),))),
        service.run(editor, RunEvaluation(set_id=made.id)),
        service.get_sets(asker, [made.id]),
        service.run_page(asker, tenant.knowledge_base.id, None, PAGE),
        service.result_page(asker, new_id(), PAGE),
    ):
        with pytest.raises(Forbidden):
            await refused
    assert await service.get_sets(editor, [made.id]) == [made]
    assert rows(world) == (1, 1, 0, 0)


async def test_another_workspace_finds_neither_set_nor_run(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    made = await add_set(service, tenant)
    run = await start(service, tenant, made)
    stranger = (await add_tenant(world.database, name="Stranger")).principal
    assert await service.get_sets(stranger, [made.id]) == []
    assert await service.get_runs(stranger, [run.id]) == []
    for refused in (
        service.run(stranger, RunEvaluation(set_id=made.id)),
        service.create_set(stranger, creating(tenant, name="x")),
        service.comparison(stranger, run.id, run.id),
    ):
        with pytest.raises(NotFound):
            await refused


async def test_a_deleted_set_takes_its_runs_along_and_stops_their_jobs(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    gone, kept = await add_set(service, tenant), await add_set(service, tenant, "Kept")
    run, left = await start(service, tenant, gone), await start(service, tenant, kept)
    await service.delete_set(tenant.principal, gone.id, "key")
    await service.delete_set(tenant.principal, gone.id, "key")
    assert rows(world) == (1, 1, 1, 2)
    assert world.job(run.job_id).status is JobStatus.CANCELLED
    assert world.job(left.job_id).status is JobStatus.QUEUED
    with pytest.raises(NotFound):
        await service.delete_set(tenant.principal, gone.id)


async def test_a_running_evaluation_is_told_that_its_set_is_deleted(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    run = await start(service, tenant, gone := await add_set(service, tenant))
    async with world.units.for_system() as uow:
        await uow.jobs.claim(run.job_id, timedelta(seconds=20))
        await uow.commit()
    await service.delete_set(tenant.principal, gone.id)
    assert world.queue.cancelled == [run.job_id]


async def test_whoever_may_not_administer_deletes_no_set(
    world: World, tenant: Tenant, service: EvaluationService
) -> None:
    kept = await add_set(service, tenant)
    principal = make_principal(tenant.workspace.id, ApiScope.READ, ApiScope.ASK)
    with pytest.raises(Forbidden):
        await service.delete_set(principal, kept.id)
    assert rows(world) == (1, 1, 0, 0)


async def test_a_run_keeps_the_version_of_its_profile_and_the_mode_it_sets(
    world: World, tenant: Tenant
) -> None:
    declared = [
        RetrievalProfile(name="ours", version=n, description="Ours.", mode=SearchMode.KEYWORD) for n in (1, 2)
    ]
    service = EvaluationService(
        units=world.units,
        queue=world.queue,
        events=world.events,
        clock=world.clock,
        settings=world.settings,
        profiles=RetrievalProfiles(world.settings, declared),
    )
    made = await add_set(service, tenant)
    for given, kept in (({"profile": "ours"}, "ours@2"), ({"profile": "ours@1"}, "ours@1"), ({}, None)):
        run = await service.run(tenant.principal, RunEvaluation(set_id=made.id, **given))
        assert (run.profile, run.mode) == (kept, SearchMode.KEYWORD if kept else SearchMode.HYBRID)


@pytest.mark.parametrize("profile", ["hyde", "unknown"])
async def test_a_profile_that_cannot_be_used_is_not_measured(
    world: World, tenant: Tenant, service: EvaluationService, profile: str
) -> None:
    made = await add_set(service, tenant)
    before = rows(world)
    with pytest.raises(BadInput) as error:
        await service.run(tenant.principal, RunEvaluation(set_id=made.id, profile=profile))
    assert error.value.field == ["profile"]
    assert rows(world) == before
