"""Retrieval profiles through HTTP: the list, the choice of one, and cursors that remember."""

from __future__ import annotations

import pytest

from lorebase.api.graphql.pricing import MODEL_CALL
from lorebase.core.resources import read_operation
from lorebase.schemas.answers import Ask
from lorebase.schemas.evaluations import RunEvaluation
from lorebase.schemas.search import Expansion, SearchMode, SearchRequest
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from tests.factories import make_settings
from tests.unit.api.edge import Edge
from tests.unit.services.search.test_retrieval_profiles import generative, profile

SEARCH = """query ($input: SearchInput!, $first: Int! = 1, $after: String) {
  search(input: $input, first: $first, after: $after) {
    profile queries { kind text }
    nodes { explanation { profile degraded queries { kind text } } }
    pageInfo { endCursor }
  }
}"""
ASK = "mutation ($input: AskInput!) { ask(input: $input) { userErrors { code field message } } }"
MEASURE = "mutation ($input: RunEvaluationInput!) { runEvaluation(input: $input) { run { profile mode } } }"


@pytest.fixture
def expanding(edge: Edge) -> Edge:
    """An installation with a generative model and a profile of its own in two versions."""
    declared = [profile(), profile(version=2)]
    edge.services.profiles = RetrievalProfiles(generative(), declared)
    return edge


def wanted(edge: Edge, **changes: object) -> dict[str, object]:
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    return {"query": "cancel", "knowledgeBaseIds": [base], **changes}


def requests(edge: Edge) -> list[SearchRequest]:
    return [request for (request,) in edge.calls.named("search.search") if isinstance(request, SearchRequest)]


async def test_profiles_are_listed_with_what_they_do_and_lack(edge: Edge) -> None:
    listed = (await edge.data(read_operation("list-retrieval-profiles"), {}))["retrievalProfiles"]
    by_key = {each["key"]: each for each in listed}  # type: ignore[attr-defined]
    assert list(by_key) == ["default@1", "hyde@1", "multi-query@1", "rewrite@1"]
    default, several = by_key["default@1"], by_key["multi-query@1"]
    assert (default["isAvailable"], default["unavailableReason"]) == (True, None)
    assert (default["expansion"], default["variants"], default["mode"]) == ("NONE", None, "HYBRID")
    assert (several["isAvailable"], several["expansion"], several["variants"]) == (False, "MULTI_QUERY", 3)
    assert "LOREBASE_CHAT_MODEL" in several["unavailableReason"]


async def test_the_chosen_profile_reaches_the_search_with_its_version(expanding: Edge) -> None:
    found = (await expanding.data(SEARCH, {"input": wanted(expanding, profile="ours")}))["search"]
    assert found["profile"] == "ours@2"  # type: ignore[index]
    assert found["queries"] == [{"kind": "ORIGINAL", "text": "cancel"}]  # type: ignore[index]
    assert [request.profile for request in requests(expanding)] == ["ours@2"]


async def test_without_a_profile_the_request_names_none(expanding: Edge) -> None:
    found = (await expanding.data(SEARCH, {"input": wanted(expanding)}))["search"]
    assert found["profile"] == "default@1"  # type: ignore[index]
    [hit] = found["nodes"]  # type: ignore[index]
    assert hit["explanation"] == {"profile": "default@1", "degraded": [], "queries": []}
    [request] = requests(expanding)
    assert (request.profile, "profile" in request.model_fields_set) == (None, False)


@pytest.mark.parametrize(
    ("given", "mode", "collapses"),
    [
        ({}, None, None),
        ({"mode": None, "collapseCopies": None}, None, None),
        ({"mode": "HYBRID", "collapseCopies": False}, SearchMode.HYBRID, False),
        ({"mode": "VECTOR", "collapseCopies": True}, SearchMode.VECTOR, True),
    ],
)
async def test_what_is_said_is_told_from_what_is_left_to_the_profile(
    expanding: Edge, given: dict[str, object], mode: SearchMode | None, collapses: bool | None
) -> None:
    await expanding.data(SEARCH, {"input": wanted(expanding, profile="ours", **given)})
    [request] = requests(expanding)
    assert (request.mode, request.collapse_copies) == (mode, collapses)


async def test_the_call_of_a_model_is_charged_to_the_first_page_only(expanding: Edge) -> None:
    async def paid(**given: object) -> tuple[int, str]:
        answer = (await expanding.post(SEARCH, given)).json()
        return answer["extensions"]["cost"]["cost"], answer["data"]["search"]["pageInfo"]["endCursor"]

    plain, _ = await paid(input=wanted(expanding))
    first, cursor = await paid(input=wanted(expanding, profile="hyde"))
    later, _ = await paid(input=wanted(expanding, profile="hyde"), after=cursor)
    assert (first, later) == (plain + MODEL_CALL, plain)


async def test_an_unknown_profile_is_refused_at_its_field(expanding: Edge) -> None:
    error = await expanding.error(SEARCH, {"input": wanted(expanding, profile="ours@3")})
    assert error["extensions"]["field"] == ["input", "profile"]  # type: ignore[index]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"  # type: ignore[index]
    assert requests(expanding) == []


async def test_the_next_page_gets_what_the_model_made_for_the_first(expanding: Edge) -> None:
    given = {"input": wanted(expanding, profile="hyde")}
    first = (await expanding.data(SEARCH, given))["search"]
    cursor = first["pageInfo"]["endCursor"]  # type: ignore[index]
    await expanding.data(SEARCH, {**given, "after": cursor})
    assert [request.expansion for request in requests(expanding)] == [None, Expansion(texts=("Made once.",))]
    assert [request.offset for request in requests(expanding)] == [0, 1]


async def test_a_cursor_is_of_no_use_for_another_profile_version_or_settings(expanding: Edge) -> None:
    first = (await expanding.data(SEARCH, {"input": wanted(expanding, profile="ours@1")}))["search"]
    after = first["pageInfo"]["endCursor"]  # type: ignore[index]
    for other in ({}, {"profile": "ours@2"}, {"profile": "hyde"}):
        error = await expanding.error(SEARCH, {"input": wanted(expanding, **other), "after": after})
        assert error["extensions"]["field"] == ["after"]  # type: ignore[index]
    changed = [profile(collapse_copies=True), profile(version=2)]
    expanding.services.profiles = RetrievalProfiles(make_settings(), changed)
    error = await expanding.error(SEARCH, {"input": wanted(expanding, profile="ours@1"), "after": after})
    assert error["extensions"]["field"] == ["after"]  # type: ignore[index]


async def test_a_question_is_asked_with_the_version_that_is_the_newest_now(expanding: Edge) -> None:
    workspace = expanding.world.global_id("Workspace", expanding.world.workspace)
    given = {"question": "Why?", "workspaceId": workspace, "retrieval": wanted(expanding, profile="ours")}
    assert (await expanding.data(ASK, {"input": given}))["ask"] == {"userErrors": []}
    [(command,)] = expanding.calls.named("answers.ask")
    assert isinstance(command, Ask)
    assert command.retrieval is not None
    assert command.retrieval.profile == "ours@2"
    unknown = {**given, "retrieval": wanted(expanding, profile="none")}
    [refused] = (await expanding.data(ASK, {"input": unknown}))["ask"]["userErrors"]  # type: ignore[index]
    assert refused["field"] == ["input", "retrieval", "profile"]


async def test_a_measurement_names_a_profile(expanding: Edge) -> None:
    measured = next(iter(expanding.world.evaluation_sets.values()))
    given = {"evaluationSetId": expanding.world.global_id("EvaluationSet", measured), "profile": "ours"}
    run = (await expanding.data(MEASURE, {"input": given}))["runEvaluation"]["run"]  # type: ignore[index]
    assert run["profile"] == "default@1"
    [(command,)] = expanding.calls.named("evaluations.run")
    assert isinstance(command, RunEvaluation)
    assert command.profile == "ours"
