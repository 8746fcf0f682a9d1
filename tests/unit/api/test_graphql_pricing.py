"""Prices: weights and page sizes, from the same directives that the SDL shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.api.graphql.engine import Engine
from lorebase.api.graphql.errors import RequestErrorCode, RequestRefused
from lorebase.api.graphql.pricing import MODEL_CALL, price
from lorebase.api.graphql.schema import core_schema
from tests.factories import make_settings
from tests.unit.api.edge import the_schema

SCHEMA = the_schema()
CORE = core_schema(SCHEMA)
ENGINE = Engine(SCHEMA, make_settings())


def points(query: str, **variables: object) -> int:
    operation = ENGINE.prepare(query, None)
    return price(CORE, operation.document, operation.node, variables)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ __typename }", 0),
        ("{ viewer { scopes } }", 1),
        ("{ embeddingModels(first: 1) { nodes { name } } }", 1 + 1 * 1),
        ("{ embeddingModels(first: 50) { nodes { name } } }", 1 + 50),
        ("{ embeddingModels(last: 7) { nodes { name } } }", 1 + 7),
        ("{ embeddingModels { nodes { name } } }", 1 + 20),
        ("{ embeddingModels(first: 3) { edges { node { name } } } }", 1 + 3 * 2),
        ('{ search(input: {query: "x", knowledgeBaseIds: []}) { nodes { score } } }', 10 + 10),
        ('{ search(first: 2, input: {query: "x", knowledgeBaseIds: []}) { nodes { score } } }', 10 + 2),
        ("{ ...f } fragment f on Query { viewer { scopes } }", 1),
        ("{ ... on Query { viewer { scopes } } ... { viewer { scopes } } }", 2),
        ("query($n: Int = 5) { embeddingModels(first: $n) { nodes { name } } }", 1 + 5),
    ],
)
def test_a_query_costs_its_weights_times_its_page_sizes(query: str, expected: int) -> None:
    assert points(query) == expected


@given(st.integers(1, 100))
def test_a_page_size_given_by_a_variable_counts(size: int) -> None:
    query = "query($n: Int) { embeddingModels(first: $n) { nodes { name } } }"
    assert points(query, n=size) == 1 + size


def asks_model(name: str) -> bool:
    return name in {"hyde", "rewrite@1"}


def priced(query: str, **variables: object) -> int:
    operation = ENGINE.prepare(query, None)
    return price(CORE, operation.document, operation.node, variables, asks_model)


FOUND = "{ nodes { score } }"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ('{ search(input: {query: "x", knowledgeBaseIds: [], profile: "hyde"}) FOUND }', {}),
        (
            'query($p: String) { search(input: {query: "x", knowledgeBaseIds: [], profile: $p}) FOUND }',
            {"p": "hyde"},
        ),
        (
            'query($p: String = "hyde")'
            ' { search(input: {query: "x", knowledgeBaseIds: [], profile: $p}) FOUND }',
            {},
        ),
        ("query($i: SearchInput!) { search(input: $i) FOUND }", {"i": {"profile": "rewrite@1"}}),
        (
            'query($i: SearchInput! = {query: "x", knowledgeBaseIds: [], profile: "hyde"})'
            " { search(input: $i) FOUND }",
            {},
        ),
        (
            "query($i: SearchInput!, $a: String) { search(input: $i, after: $a) FOUND }",
            {"i": {"profile": "hyde"}, "a": None},
        ),
    ],
)
def test_a_profile_that_asks_a_model_costs_a_call_however_it_is_named(
    query: str, variables: dict[str, object]
) -> None:
    assert priced(query.replace("FOUND", FOUND), **variables) == 10 + MODEL_CALL + 10
    assert points(query.replace("FOUND", FOUND), **variables) == 10 + 10


@pytest.mark.parametrize(
    "given",
    [{}, {"profile": None}, {"profile": "default"}, {"profile": 7}, {"profile": {}}, None, [], "hyde", 7],
)
def test_without_such_a_profile_no_call_is_charged(given: object) -> None:
    query = "query($i: SearchInput!) { search(input: $i) { nodes { score } } }"
    assert priced(query, i=given) == 10 + 10
    assert priced('{ search(input: {query: "hyde", knowledgeBaseIds: []}) { nodes { score } } }') == 10 + 10


def test_a_later_page_costs_no_call() -> None:
    query = "query($i: SearchInput!, $a: String) { search(input: $i, after: $a) { nodes { score } } }"
    assert priced(query, i={"profile": "hyde"}, a="cursor") == 10 + 10


def test_each_search_of_an_operation_pays_its_own_call() -> None:
    wanted = '{query: "x", knowledgeBaseIds: [], profile: "hyde"}'
    search = f"search(first: 1, input: {wanted}) {FOUND}"
    assert priced(f"{{ a: {search} b: {search} ...f }} fragment f on Query {{ c: {search} }}") == 3 * (
        10 + MODEL_CALL + 1
    )


def test_questions_and_measurements_pay_for_the_call_of_their_profile() -> None:
    ask = "mutation($i: AskInput!) { ask(input: $i) { userErrors { code } } }"
    retrieval: dict[str, object] = {"query": "", "knowledgeBaseIds": []}
    assert priced(ask, i={"question": "x", "retrieval": retrieval}) == 1 + 1
    retrieval["profile"] = "hyde"
    assert priced(ask, i={"question": "x", "retrieval": retrieval}) == 1 + MODEL_CALL + 1
    measure = "mutation($i: RunEvaluationInput!) { runEvaluation(input: $i) { userErrors { code } } }"
    assert priced(measure, i={"evaluationSetId": "x"}) == 1 + 1
    assert priced(measure, i={"evaluationSetId": "x", "profile": "hyde"}) == 1 + MODEL_CALL + 1


def test_lists_within_lists_multiply() -> None:
    query = (
        '{ workspace(slug: "x") { knowledgeBases(first: 10) { nodes'
        " { documents(first: 20) { nodes { title } } } } } }"
    )
    assert points(query) == 1 + 1 + 10 * (1 + 1 + 20 * 1)


def test_negative_sizes_buy_nothing() -> None:
    assert points("{ embeddingModels(first: -100) { nodes { name } } }") == 2


def test_what_costs_too_much_is_refused_before_it_runs() -> None:
    query = (
        '{ workspace(slug: "x") { knowledgeBases(first: 100) { nodes'
        " { documents(first: 100) { nodes { latestJob { id } } } } } } }"
    )
    operation = ENGINE.prepare(query, None)
    with pytest.raises(RequestRefused) as refused:
        ENGINE.check_price(operation, {})
    assert refused.value.code is RequestErrorCode.TOO_COMPLEX
    assert "the cost in points is 20202, the limit is 10000" in refused.value.errors[0].message


def test_doubling_fragments_are_priced_without_being_spread_out() -> None:
    chain = "".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }} " for n in range(20))
    query = "{ ...f0 } " + chain + "fragment f20 on Query { viewer { scopes } }"
    assert points(query) == 2**20
