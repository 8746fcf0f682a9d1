"""What a key may spend, how much runs at a time, who may connect, and what the schema shows of itself."""

from __future__ import annotations

import asyncio

import pytest
from graphql import get_introspection_query
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from lorebase.api.transports.origins import is_welcome
from lorebase.core.resources import read_operation
from tests.factories import make_settings
from tests.unit.api.edge import AUTHORIZATION, Edge, open_edge
from tests.unit.api.script import job_story
from tests.unit.api.socket_client import SUBPROTOCOL, Closed, SocketClient, connect

PAGE = "{ embeddingModels(first: 9) { nodes { name } } }"
LIMIT = "{ viewer { rateLimit { cost limit remaining resetAt } } }"


async def test_every_response_says_what_it_cost_and_what_is_left(edge: Edge) -> None:
    edge.services.rate_limits.allow(600)
    first, second = await edge.post(PAGE), await edge.post("{ __typename }")
    cost = {"cost": 10, "limit": 600, "remaining": 590, "resetAt": "2026-01-01T12:00:01.000Z"}
    assert first.json()["extensions"] == {"cost": cost}
    assert second.json()["extensions"]["cost"]["cost"] == 1
    assert first.headers["ratelimit-policy"] == '"points";q=600;w=60'
    assert first.headers["ratelimit"] == '"points";r=590'
    assert second.headers["ratelimit"] == '"points";r=589'


async def test_the_viewer_sees_the_same_numbers(edge: Edge) -> None:
    content = (await edge.post(LIMIT)).json()
    assert content["data"]["viewer"]["rateLimit"] == content["extensions"]["cost"]


async def test_without_a_key_there_is_nothing_to_spend(edge: Edge) -> None:
    response = await edge.http.post("/graphql", json={"query": LIMIT})
    assert response.json() == {"data": {"viewer": None}}
    assert "ratelimit" not in response.headers


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_key_that_has_spent_its_points_is_told_when_to_come_back(edge: Edge, accept: str) -> None:
    edge.services.rate_limits.allow(60)
    for _ in range(6):
        assert (await edge.post(PAGE)).status_code == 200
    response = await edge.post(PAGE, None, Accept=accept)
    assert (response.status_code, response.headers["retry-after"]) == (429, "10")
    extensions = response.json()["errors"][0]["extensions"]
    assert (extensions["code"], extensions["retryable"]) == ("RATE_LIMITED", True)
    assert (extensions["limit"], extensions["retryAfterSeconds"]) == (60, 10)
    edge.services.rate_limits.clock.advance(10)
    assert (await edge.post(PAGE)).status_code == 200


async def test_a_request_that_is_refused_for_its_cost_takes_nothing(edge: Edge) -> None:
    edge.services.rate_limits.allow(60)
    await edge.post("{ embeddingModels(first: 49) { nodes { name } } }")
    assert (await edge.post("{ embeddingModels(first: 50) { nodes { name } } }")).status_code == 429
    assert (await edge.post(PAGE)).json()["extensions"]["cost"]["remaining"] == 0


async def test_the_limit_holds_for_sockets_and_streams_too(edge: Edge) -> None:
    edge.services.rate_limits.allow(1)
    edge.services.streams.script = job_story(edge.world)
    follow, job = read_operation("follow-job"), {"jobId": edge.world.global_id("Job", edge.world.job)}
    stream = await edge.post(follow, job, Accept="text/event-stream")
    assert stream.headers["ratelimit"] == '"points";r=0'
    assert (await edge.post(follow, job, Accept="text/event-stream")).status_code == 429
    async with connect(edge) as client:
        await client.initialise()
        for name, query in (("1", "{ __typename }"), ("2", follow)):
            await client.subscribe(name, query, job)
            message = await client.receive()
            assert (message["id"], message["type"]) == (name, "error")
            assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"  # type: ignore[index]
        await client.send({"type": "ping"})
        assert await client.receive() == {"type": "pong"}


async def test_a_process_that_has_enough_to_do_says_so_at_once() -> None:
    async with open_edge(operations_maximum=2) as edge:
        release = asyncio.Event()
        models = edge.services.embeddings.models

        async def wait(*arguments: object) -> object:
            await release.wait()
            return await models(*arguments)  # type: ignore[arg-type]

        edge.services.embeddings.models = wait  # type: ignore[assignment,method-assign]
        running = [asyncio.ensure_future(edge.post(PAGE)) for _ in range(2)]
        while len(edge.calls.named("access.authenticate")) < 2:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        refused = await edge.post(PAGE)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        extensions = refused.json()["errors"][0]["extensions"]
        assert (extensions["code"], extensions["retryable"]) == ("OVERLOADED", True)
        release.set()
        assert [response.status_code for response in await asyncio.gather(*running)] == [200, 200]
        assert (await edge.post(PAGE)).status_code == 200


INTROSPECTION = [
    get_introspection_query(),
    "{ __schema { types { name } } }",
    '{ __type(name: "Job") { name } }',
]


@pytest.mark.parametrize("query", INTROSPECTION, ids=["standard", "schema", "type"])
async def test_where_introspection_is_off_the_schema_stays_closed(query: str) -> None:
    async with open_edge(introspection=False) as edge:
        error = (await edge.post(query)).json()["errors"][0]
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "introspection" in error["message"]
        assert await edge.data("{ __typename viewer { __typename } }")


async def test_names_are_suggested_only_where_the_schema_is_open(edge: Edge) -> None:
    query = "{ viewer { scope } }"
    assert "Did you mean 'scopes'?" in (await edge.post(query)).json()["errors"][0]["message"]
    async with open_edge(introspection=False) as closed:
        message = (await closed.post(query)).json()["errors"][0]["message"]
        assert message == "Cannot query field 'scope' on type 'Viewer'."


WELCOME = [
    ({}, True),
    ({"origin": "http://api.test"}, True),
    ({"origin": "https://docs.example"}, True),
    ({"origin": "https://app.example:8443"}, True),
    ({"origin": "https://evil.example"}, False),
    ({"origin": "https://app.example"}, False),
    ({"origin": "http://api.test.evil.example"}, False),
    ({"origin": "http://docs.example"}, True),
    ({"origin": "null"}, False),
    ({"origin": ""}, False),
    ({"origin": "http://["}, False),
]


@pytest.mark.parametrize(("headers", "welcome"), WELCOME, ids=str)
def test_pages_of_other_origins_open_no_socket_unless_they_are_allowed(
    headers: dict[str, str], welcome: bool
) -> None:
    settings = make_settings(public_url="https://docs.example/x", cors_origins=["https://app.example:8443"])
    assert is_welcome(Headers({"host": "api.test", **headers}), settings) is welcome


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_no_origin_breaks_the_check_and_all_are_welcome_where_all_are_allowed(origin: str) -> None:
    assert not is_welcome(Headers({"origin": origin}), make_settings())
    assert is_welcome(Headers({"origin": origin}), make_settings(cors_origins=["*"]))


async def test_a_page_of_another_site_is_refused_before_the_socket_opens(edge: Edge) -> None:
    client = SocketClient(edge, SUBPROTOCOL, headers={"host": "api.test", "origin": "https://evil.example"})
    with pytest.raises(Closed):
        await client.receive()
    assert not client.accepted
    assert edge.calls.named("access.authenticate") == []
    same = SocketClient(edge, SUBPROTOCOL, headers={"host": "api.test", "origin": "http://api.test"})
    await same.initialise()
    await same.leave()


async def test_the_single_connection_mode_of_event_streams_is_declined(edge: Edge) -> None:
    for method in ("PUT", "DELETE"):
        response = await edge.http.request(
            method, "/graphql", headers={**AUTHORIZATION, "Accept": "text/event-stream"}
        )
        assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
