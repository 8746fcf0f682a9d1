"""Evaluations through the edge: what is asked of the service, and what is shown."""

from __future__ import annotations

import pytest

from lorebase.core.errors import Conflict, ErrorCode, Forbidden
from lorebase.core.ids import GlobalId, new_id
from lorebase.core.resources import read_operation
from lorebase.schemas.evaluations import (
    AddEvaluationCases,
    CreateEvaluationSet,
    EvaluationRun,
    NewCase,
    Relevance,
    RunEvaluation,
)
from lorebase.schemas.jobs import JobKind, JobSubjectType
from lorebase.schemas.search import SearchMode
from tests.unit.api.edge import Edge
from tests.unit.api.fake_world import make_job
from tests.unit.api.test_edge_queries import dig, ids_of

WORSENED = "query($id: ID!) { node(id: $id) { ... on EvaluationRun { worsened { query before after } } } }"


def run_of(edge: Edge) -> EvaluationRun:
    return next(iter(edge.world.evaluation_runs.values()))


def command(edge: Edge, name: str) -> object:
    ((given,),) = edge.calls.named(name)
    return given


async def mutate(edge: Edge, operation: str, **given: object) -> object:
    (payload,) = (await edge.data(read_operation(operation), {"input": given})).values()
    return payload


async def test_a_set_reaches_the_service_with_its_grades(edge: Edge) -> None:
    base = ids_of(edge.world)["knowledgeBaseId"]
    relevant = [{"externalId": "a"}, {"externalId": "b", "grade": 3}]
    cases = [{"query": "How?", "relevant": relevant}]
    payload = await mutate(
        edge, "create-evaluation-set", knowledgeBaseId=base, name="New", cases=cases, idempotencyKey="k"
    )
    expected = (Relevance(external_id="a", grade=1), Relevance(external_id="b", grade=3))
    assert command(edge, "evaluations.create_set") == CreateEvaluationSet(
        knowledge_base_id=edge.world.knowledge_base.id,
        name="New",
        cases=(NewCase(query="How?", relevant=expected),),
        idempotency_key="k",
    )
    assert dig(payload, "evaluationSet", "name") == "New"


async def test_questions_are_added_to_a_set(edge: Edge) -> None:
    ids = ids_of(edge.world)
    cases = [{"query": "How?", "relevant": [{"externalId": "a"}]}]
    payload = await mutate(edge, "add-evaluation-cases", evaluationSetId=ids["evaluationSetId"], cases=cases)
    given = command(edge, "evaluations.add_cases")
    assert isinstance(given, AddEvaluationCases)
    assert (given.set_id, len(given.cases)) == (run_of(edge).set_id, 1)
    assert dig(payload, "evaluationSet", "caseCount") == 2


async def test_a_set_is_deleted(edge: Edge) -> None:
    given = ids_of(edge.world)["evaluationSetId"]
    payload = await mutate(edge, "delete-evaluation-set", id=given, idempotencyKey="k")
    assert payload == {"deletedId": given, "userErrors": []}
    assert edge.calls.named("evaluations.delete_set") == [(run_of(edge).set_id, "k")]


async def test_a_run_is_asked_for_with_index_mode_and_baseline(edge: Edge) -> None:
    ids, run = ids_of(edge.world), run_of(edge)
    index = str(GlobalId("EmbeddingIndex", edge.world.workspace.id, run.index_id))
    payload = await mutate(
        edge,
        "run-evaluation",
        evaluationSetId=ids["evaluationSetId"],
        indexId=index,
        mode="VECTOR",
        compareWithRunId=ids["evaluationRunId"],
    )
    assert command(edge, "evaluations.run") == RunEvaluation(
        set_id=run.set_id, index_id=run.index_id, mode=SearchMode.VECTOR, compare_with_run_id=run.id
    )
    assert dig(payload, "run", "job", "status") == "RETRYING"


@pytest.mark.parametrize("name", ["evaluationSetId", "indexId", "compareWithRunId"])
async def test_what_the_caller_cannot_see_is_not_found(edge: Edge, name: str) -> None:
    kinds = {
        "evaluationSetId": "EvaluationSet",
        "indexId": "EmbeddingIndex",
        "compareWithRunId": "EvaluationRun",
    }
    given = {"evaluationSetId": ids_of(edge.world)["evaluationSetId"]}
    given[name] = str(GlobalId(kinds[name], new_id(), new_id()))
    payload = await mutate(edge, "run-evaluation", **given)
    assert dig(payload, "run") is None
    assert dig(payload, "userErrors", 0, "code") == "NOT_FOUND"
    assert edge.calls.named("evaluations.run") == []


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Conflict("Measured.", code=ErrorCode.WRONG_STATE), "WRONG_STATE"),
        (Conflict("Taken.", field=["name"]), "CONFLICT"),
        (Forbidden("No."), "FORBIDDEN"),
    ],
)
async def test_expected_failures_are_user_errors(edge: Edge, failure: Exception, code: str) -> None:
    edge.calls.failures["evaluations.run"] = failure
    payload = await mutate(edge, "run-evaluation", evaluationSetId=ids_of(edge.world)["evaluationSetId"])
    assert dig(payload, "run") is None
    assert dig(payload, "userErrors", 0, "code") == code


async def test_a_run_shows_its_figures_and_what_got_worse(edge: Edge) -> None:
    data = await edge.data(
        read_operation("show-evaluation-run"), {"id": ids_of(edge.world)["evaluationRunId"]}
    )
    shown = data["node"]
    assert dig(shown, "metrics", "ndcgAt10") == 0.5
    assert dig(shown, "metrics", "ndcgAt10Interval") == {"lower": 0.25, "upper": 0.75}
    assert dig(shown, "worsened") == [{"query": "How?", "before": 0.75, "after": 0.25}]
    assert dig(shown, "set", "knowledgeBase", "name") == "Handbook"
    assert dig(shown, "index", "model", "name") is not None


async def test_a_run_without_a_baseline_or_with_one_that_is_gone_has_nothing_worse(edge: Edge) -> None:
    run = run_of(edge)
    for baseline in (None, new_id()):
        changed = run.model_copy(update={"compare_with_run_id": baseline})
        edge.world.evaluation_runs[run.id] = changed
        data = await edge.data(WORSENED, {"id": edge.world.global_id("EvaluationRun", run)})
        assert dig(data, "node", "worsened") == []
    assert edge.calls.named("evaluations.comparison") == []


async def test_two_runs_are_compared(edge: Edge) -> None:
    ids = ids_of(edge.world)
    variables = {"runId": ids["evaluationRunId"], "baselineId": ids["evaluationRunId"]}
    data = await edge.data(read_operation("compare-evaluation-runs"), variables)
    found = dig(data, "node", "comparison")
    assert (dig(found, "change"), dig(found, "isWorse"), dig(found, "isBetter")) == (-0.5, True, False)
    assert dig(found, "baseline", "id") == ids["evaluationRunId"]


async def test_the_results_of_a_run_are_paged(edge: Edge) -> None:
    data = await edge.data(
        read_operation("list-evaluation-results"), {"runId": ids_of(edge.world)["evaluationRunId"]}
    )
    results = dig(data, "node", "results")
    assert dig(results, "totalCount") == 1
    assert dig(results, "nodes") == [
        {"position": 1, "query": "How?", "ndcgAt10": 0.25, "recallAt100": 1.0, "reciprocalRankAt10": 0.5}
    ]


async def test_history_is_read_by_knowledge_base_and_by_set(edge: Edge) -> None:
    ids, run = ids_of(edge.world), run_of(edge)
    query = (
        "query($base: ID!, $set: ID!) {"
        " base: node(id: $base) { ... on KnowledgeBase { evaluationRuns(first: 5) { nodes { id } } } }"
        " set: node(id: $set) { ... on EvaluationSet { runs(first: 5) { nodes { id } } } } }"
    )
    await edge.data(query, {"base": ids["knowledgeBaseId"], "set": ids["evaluationSetId"]})
    asked = {arguments[1] for arguments in edge.calls.named("evaluations.run_page")}
    assert asked == {None, run.set_id}


async def test_the_job_of_a_run_leads_to_it(edge: Edge) -> None:
    run = run_of(edge)
    given = {"kind": JobKind.EVALUATE, "subject_type": JobSubjectType.EVALUATION_RUN}
    job = make_job(edge.world, run.id, **given)
    edge.world.jobs[job.id] = job
    query = (
        "query($id: ID!) { node(id: $id) { ... on Job {"
        " kind subject { __typename ... on EvaluationRun { id } } } } }"
    )
    data = await edge.data(query, {"id": edge.world.global_id("Job", job)})
    expected = {"__typename": "EvaluationRun", "id": edge.world.global_id("EvaluationRun", run)}
    assert data["node"] == {"kind": "EVALUATE", "subject": expected}
