"""GraphQL over HTTP: media types, methods, malformed requests, masked failures."""

from __future__ import annotations

import asyncio
import json

import pytest

from lorebase.core.errors import ErrorCode, Unavailable
from tests.unit.api.edge import AUTHORIZATION, Edge, open_edge

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
VIEWER = "{ viewer { scopes } }"
CANCEL = 'mutation { cancelJob(input: {id: "x"}) { job { id } } }'


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, {JSON}", JSON),
        (f"{JSON};q=0.9, {GRAPHQL}", GRAPHQL),
        ("text/html, */*", JSON),
        (f"{GRAPHQL};q=0, */*", JSON),
        ("text/event-stream, application/json", JSON),
    ],
)
async def test_the_answer_comes_in_the_media_type_that_is_wanted(
    edge: Edge, accept: str | None, media_type: str
) -> None:
    headers = {"Accept": accept} if accept else {}
    if accept is None:
        edge.http.headers.pop("accept", None)
    response = await edge.post(VIEWER, None, **headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.headers["vary"] == "Accept"
    assert response.headers["cache-control"] == "no-store"


async def test_a_media_type_that_nobody_speaks_is_not_acceptable(edge: Edge) -> None:
    response = await edge.post(VIEWER, None, Accept="image/png")
    assert response.status_code == 406


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ " + "viewer { scopes } " * 40 + "}", "QUERY_TOO_COMPLEX"),
        ("query($a: Int!) { embeddingModels(first: $a) { nodes { id } } }", "BAD_USER_INPUT"),
    ],
)
async def test_a_request_that_is_not_run_has_no_data_and_the_status_of_its_media_type(
    edge: Edge, query: str, code: str
) -> None:
    for media_type, status in ((GRAPHQL, 400), (JSON, 200)):
        response = await edge.post(query, None, Accept=media_type)
        assert response.status_code == status
        content = response.json()
        assert list(content) == ["errors"]
        extensions = content["errors"][0]["extensions"]
        assert extensions["code"] == code
        assert extensions["traceId"] == response.headers["x-trace-id"]


HOSTILE_BODIES = [
    b"",
    b"null",
    b"1",
    b'"x"',
    b"[]",
    b"[{}]",
    b"{}",
    b"{{",
    b"\xff\xfe\x00",
    b'{"query": 1}',
    b'{"query": null}',
    b'{"query": ""}',
    b'{"query": ["{__typename}"]}',
    b'{"query": "{__typename}", "variables": []}',
    b'{"query": "{__typename}", "variables": "x"}',
    b'{"query": "{__typename}", "operationName": 1}',
    b'{"query": "{__typename}", "extensions": 1}',
    b'{"query": "{__typename}", "variables": {"a": NaN}}',
    b'{"query": "{__typename}", "variables": {"a": Infinity}}',
    b'{"query": "{__typename}", "variables": {"a": 1e999}}',
    b'{"query": "{__typename}", "variables": {"a": ' + b"9" * 10_000 + b"}}",
    b'{"query": "{__typename}", "variables": {"a": "\\ud800"}}',
    b'{"query": "{__typename}", "variables": {"a": ' + b"[" * 100 + b"]" * 100 + b"}}",
    b"[" * 20_000 + b"]" * 20_000,
    b'{"a":' * 20_000,
]


@pytest.mark.parametrize("body", HOSTILE_BODIES, ids=lambda body: repr(body[:50]))
async def test_a_malformed_body_is_the_client_s_fault(edge: Edge, body: bytes) -> None:
    headers = {**AUTHORIZATION, "Content-Type": "application/json"}
    response = await edge.http.post("/graphql", content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


HOSTILE_QUERIES = [
    '{ node(id: "\\ud800") { id } }',
    "{ search(input: {query: 1e999, knowledgeBaseIds: []}) { tookMs } }",
    '{ search(first: 99999999999999999999, input: {query: "x", knowledgeBaseIds: []}) { tookMs } }',
    "query($a: Float = 1e999) { __typename }",
    '{ search(input: {query: "x", knowledgeBaseIds: [], minScore: 1e999}) { tookMs } }',
    "{ __typename @skip }",
    "{ __typename @nope }",
    "{" * 2000,
    "query " + "a" * 100_000 + " { nope }",
    "subscription { __typename }",
    '{ node(id: {a: [1, {b: "c"}]}) { id } }',
    "{ a: __typename a: viewer { scopes } }",
    "query($a: [[[Int]]]) { __typename }",
    "mutation { upsertDocument(input: {knowledgeBaseId: 1, source: {file: 1}}) { created } }",
    "fragment f on Nope { a } { ...f }",
    "\ufeff{ __typename }\x00",
]


@pytest.mark.parametrize("query", HOSTILE_QUERIES, ids=lambda query: repr(query[:60]))
async def test_a_hostile_query_never_breaks_the_server(edge: Edge, query: str) -> None:
    body = json.dumps({"query": query})
    headers = {**AUTHORIZATION, "Content-Type": "application/json", "Accept": GRAPHQL}
    response = await edge.http.post("/graphql", content=body, headers=headers)
    assert response.status_code < 500
    for error in response.json().get("errors", []):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
        assert len(error["message"]) <= 501


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "image/png"])
async def test_a_body_of_another_type_is_not_read(edge: Edge, content_type: str) -> None:
    headers = {**AUTHORIZATION, "Content-Type": content_type}
    response = await edge.http.post("/graphql", content=b'{"query":"{__typename}"}', headers=headers)
    assert response.status_code == 415


async def test_a_query_may_come_by_get(edge: Edge) -> None:
    parameters = {
        "query": "query A($n: Int) { embeddingModels(first: $n) { nodes { name } } }",
        "variables": '{"n": 1}',
        "operationName": "A",
        "extensions": "{}",
    }
    response = await edge.http.get("/graphql", params=parameters, headers=AUTHORIZATION)
    assert response.json()["data"] == {"embeddingModels": {"nodes": [{"name": "all-MiniLM-L6-v2"}]}}


@pytest.mark.parametrize("headers", [AUTHORIZATION, {}, {"Authorization": "Bearer lb_wrong"}])
async def test_a_mutation_by_get_is_refused_before_anybody_is_asked_who_it_is(
    edge: Edge, headers: dict[str, str]
) -> None:
    response = await edge.http.get("/graphql", params={"query": CANCEL}, headers=headers)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert edge.calls.made == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_not_allowed(edge: Edge, method: str) -> None:
    response = await edge.http.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("parameters", [{}, {"query": ""}, {"query": "{a}", "variables": "{"}])
async def test_a_malformed_get_is_refused(edge: Edge, parameters: dict[str, str]) -> None:
    response = await edge.http.get("/graphql", params=parameters)
    assert response.status_code == 400


async def test_a_browser_gets_the_page(edge: Edge) -> None:
    response = await edge.http.get(
        "/graphql", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    )
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_a_bug_is_masked_with_a_trace_id_and_the_rest_of_the_data_stays(edge: Edge) -> None:
    edge.calls.failures["knowledge_bases.page"] = RuntimeError("the patient's name")
    response = await edge.post(
        '{ viewer { scopes } workspace(slug: "acme") { knowledgeBases { nodes { id } } } }'
    )
    assert response.status_code == 200
    content = response.json()
    assert content["data"] == {
        "viewer": {"scopes": ["ADMIN", "ASK", "READ", "WRITE"]},
        "workspace": None,
    }
    (error,) = content["errors"]
    assert error["path"] == ["workspace", "knowledgeBases"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["traceId"] == response.headers["x-trace-id"]
    assert "patient" not in response.text


async def test_a_bug_outside_of_any_operation_is_masked_too(edge: Edge) -> None:
    edge.calls.failures["access.authenticate"] = RuntimeError("a secret")
    response = await edge.post(VIEWER)
    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "a secret" not in response.text


async def test_an_outage_names_the_part_and_may_be_tried_again(edge: Edge) -> None:
    edge.calls.failures["search.search"] = Unavailable(
        "The vector store does not answer.",
        code=ErrorCode.VECTOR_STORE_UNAVAILABLE,
        details={"retryAfterSeconds": 5},
    )
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    error = await edge.error(
        'query($id: ID!) { search(input: {query: "x", knowledgeBaseIds: [$id]}) { tookMs } }', {"id": base}
    )
    extensions = error["extensions"]
    assert isinstance(extensions, dict)
    assert extensions["code"] == "VECTOR_STORE_UNAVAILABLE"
    assert (extensions["retryable"], extensions["retryAfterSeconds"]) == (True, 5)


async def test_an_operation_that_takes_too_long_is_given_up(edge: Edge) -> None:
    async with open_edge(edge.services, request_timeout_seconds=0.05) as impatient:

        async def never(*_arguments: object) -> object:
            return await asyncio.Event().wait()

        impatient.services.knowledge_bases.page = never  # type: ignore[assignment,method-assign]
        error = await impatient.error('{ workspace(slug: "acme") { knowledgeBases { nodes { id } } } }')
    extensions = error["extensions"]
    assert isinstance(extensions, dict)
    assert (extensions["code"], extensions["retryable"]) == ("OVERLOADED", True)


async def test_a_subscription_needs_a_transport_that_streams(edge: Edge) -> None:
    response = await edge.post('subscription { jobEvents(jobId: "x") { __typename } }')
    assert response.status_code == 406


async def test_a_query_for_a_client_that_reads_streams_only_is_a_stream_of_one(edge: Edge) -> None:
    response = await edge.post("{ __typename }", None, Accept="text/event-stream")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.startswith('event: next\ndata: {"data":{"__typename":"Query"},"extensions":{"cost":')
    assert response.text.endswith("}}}\n\nevent: complete\ndata:\n\n")
