"""Mutations of indexes: what they ask of the service and what they answer."""

from __future__ import annotations

from lorebase.core.errors import Conflict, ErrorCode
from lorebase.core.ids import new_id
from lorebase.core.resources import read_operation
from lorebase.schemas.embeddings import ReindexKnowledgeBase
from lorebase.schemas.reindex_gates import GateOutcome, ReindexGate
from tests.unit.api.edge import Edge
from tests.unit.api.fake_evaluations import add_evaluation


def ids(edge: Edge) -> tuple[str, str, str]:
    """Global ids of the knowledge base, its index and the model."""
    index = next(iter(edge.world.indexes.values()))
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    return base, edge.world.global_id("EmbeddingIndex", index), model_of(edge)


def model_of(edge: Edge) -> str:
    model = next(iter(edge.world.models.values()))
    return edge.world.global_id("EmbeddingModel", model)


async def test_a_reindex_switches_by_itself_unless_told_otherwise(edge: Edge) -> None:
    base, index, model = ids(edge)
    given = {"id": base, "embeddingModelId": model, "idempotencyKey": "k"}
    data = await edge.data(read_operation("reindex-knowledge-base"), {"input": given})
    assert data["reindexKnowledgeBase"]["index"]["id"] == index
    assert data["reindexKnowledgeBase"]["job"]["id"].startswith("job_")
    await edge.data(
        read_operation("reindex-knowledge-base"), {"input": {**given, "activateOnSuccess": False}}
    )
    first, second = (arguments[0] for arguments in edge.calls.named("indexes.reindex"))
    wanted = ReindexKnowledgeBase(
        id=edge.world.knowledge_base.id,
        embedding_model_id=next(iter(edge.world.models)),
        activate_on_success=True,
        idempotency_key="k",
    )
    assert first == wanted
    assert second == wanted.model_copy(update={"activate_on_success": False})


async def test_a_reindex_may_name_an_analyser_a_model_or_both(edge: Edge) -> None:
    base, _, model = ids(edge)
    for given in ({"analyser": "kw2"}, {"analyser": "kw2", "embeddingModelId": model}):
        await edge.data(read_operation("reindex-knowledge-base"), {"input": {"id": base, **given}})
    first, second = (arguments[0] for arguments in edge.calls.named("indexes.reindex"))
    assert (first.embedding_model_id, first.analyser) == (None, "kw2")
    assert (second.embedding_model_id, second.analyser) == (next(iter(edge.world.models)), "kw2")


async def test_an_index_names_its_analyser(edge: Edge) -> None:
    base, _, _ = ids(edge)
    (index,) = edge.world.indexes.values()
    edge.world.indexes[index.id] = index.model_copy(update={"analyser_version": 2})
    data = await edge.data(read_operation("list-indexes"), {"id": base})
    assert [node["analyser"] for node in data["node"]["indexes"]["nodes"]] == ["kw2"]


async def test_analysers_are_listed_with_the_default_of_new_knowledge_bases(edge: Edge) -> None:
    data = await edge.data(read_operation("list-keyword-analysers"), {})
    listed = {each["name"]: each["isDefault"] for each in data["keywordAnalysers"]}
    assert listed == {"kw1": True, "kw2": False}
    assert [each["description"] for each in data["keywordAnalysers"]] == ["Words."] * 2


async def test_a_gate_reaches_the_service_with_what_may_be_lost(edge: Edge) -> None:
    base, _, model = ids(edge)
    run = add_evaluation(edge.world)
    measured = edge.world.global_id("EvaluationSet", edge.world.evaluation_sets[run.set_id])
    given = {"id": base, "embeddingModelId": model}
    for gate in (
        {"evaluationSetId": measured},
        {"evaluationSetId": measured, "maxNdcgDrop": 0, "maxRecallDrop": 0.5, "maxMrrDrop": 1},
    ):
        await edge.data(read_operation("reindex-knowledge-base"), {"input": {**given, "gate": gate}})
    asked = [arguments[0].gate for arguments in edge.calls.named("indexes.reindex")]
    assert asked == [
        ReindexGate(evaluation_set_id=run.set_id),
        ReindexGate(evaluation_set_id=run.set_id, max_ndcg_drop=0, max_recall_drop=0.5, max_mrr_drop=1),
    ]


async def test_a_set_that_the_caller_cannot_see_is_no_gate(edge: Edge) -> None:
    base, index, model = ids(edge)
    given = {"id": base, "embeddingModelId": model, "gate": {"evaluationSetId": index}}
    data = await edge.data(read_operation("reindex-knowledge-base"), {"input": given})
    assert [error["code"] for error in data["reindexKnowledgeBase"]["userErrors"]] == ["NOT_FOUND"]
    assert edge.calls.named("indexes.reindex") == []


async def test_an_index_shows_what_its_gate_measured(edge: Edge) -> None:
    _, index_id, _ = ids(edge)
    run = add_evaluation(edge.world)
    assert run.metrics is not None
    worse = run.model_copy(
        update={"id": new_id(), "metrics": run.metrics.model_copy(update={"ndcg_at_10": 0.25})}
    )
    edge.world.evaluation_runs[worse.id] = worse
    (index,) = edge.world.indexes.values()
    edge.world.indexes[index.id] = index.model_copy(update={"job_id": edge.world.job.id})
    gate = ReindexGate(evaluation_set_id=run.set_id, max_mrr_drop=0.5)
    edge.world.gates[edge.world.job.id] = GateOutcome(gate=gate, baseline=run, run=worse)
    shown = (await edge.data(read_operation("show-reindex-gate"), {"id": index_id}))["node"]["gate"]
    assert (shown["verdict"], shown["maxNdcgDrop"], shown["maxRecallDrop"]) == ("REFUSED", 0.01, None)
    assert shown["maxMrrDrop"] == 0.5
    assert [shown[each]["metrics"]["ndcgAt10"] for each in ("baseline", "run")] == [0.5, 0.25]
    assert shown["evaluationSet"]["name"] == "Questions"


async def test_a_gate_whose_set_was_deleted_says_only_what_was_accepted(edge: Edge) -> None:
    _, index_id, _ = ids(edge)
    (index,) = edge.world.indexes.values()
    edge.world.indexes[index.id] = index.model_copy(update={"job_id": edge.world.job.id})
    gone = GateOutcome(gate=ReindexGate(evaluation_set_id=new_id()))
    for gate, verdict in ((None, None), (gone, {"verdict": None, "maxNdcgDrop": 0.01, "run": None})):
        if gate is not None:
            edge.world.gates[edge.world.job.id] = gate
        shown = (await edge.data(read_operation("show-reindex-gate"), {"id": index_id}))["node"]["gate"]
        assert (shown and {name: shown[name] for name in verdict or {}}) == verdict


async def test_an_index_is_activated_and_given_up_by_its_id(edge: Edge) -> None:
    base, index, _ = ids(edge)
    switched = await edge.data(read_operation("activate-index"), {"input": {"id": index}})
    assert switched["activateIndex"]["knowledgeBase"]["id"] == base
    given = {"id": index, "idempotencyKey": "k"}
    deleted = await edge.data(read_operation("delete-embedding-index"), {"input": given})
    assert deleted["deleteEmbeddingIndex"]["deletedId"] == index
    (index_id,) = edge.world.indexes
    assert edge.calls.named("indexes.activate") == [(index_id, None)]
    assert edge.calls.named("indexes.delete") == [(index_id, "k")]


async def test_what_the_state_does_not_allow_is_a_user_error(edge: Edge) -> None:
    _, index, _ = ids(edge)
    refusal = Conflict("The index is not complete yet.", code=ErrorCode.WRONG_STATE)
    edge.calls.failures["indexes.activate"] = refusal
    payload = (await edge.data(read_operation("activate-index"), {"input": {"id": index}}))["activateIndex"]
    assert payload["knowledgeBase"] is None
    assert [error["code"] for error in payload["userErrors"]] == ["WRONG_STATE"]


async def test_an_id_of_another_type_is_not_found_and_asks_nothing(edge: Edge) -> None:
    base, index, model = ids(edge)
    for name, given in (
        ("reindex-knowledge-base", {"id": index, "embeddingModelId": model}),
        ("reindex-knowledge-base", {"id": base, "embeddingModelId": base}),
        ("activate-index", {"id": base}),
        ("delete-embedding-index", {"id": model}),
    ):
        (payload,) = (await edge.data(read_operation(name), {"input": given})).values()
        assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"]
    assert not any(edge.calls.named(f"indexes.{name}") for name in ("reindex", "activate", "delete"))
