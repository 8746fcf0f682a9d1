"""GraphQL over WebSocket: the protocol, its refusals, and streams that end with their clients."""

from __future__ import annotations

import asyncio

import pytest

from lorebase.api.transports import connection
from lorebase.core.errors import ErrorCode, Unauthenticated, Unavailable
from lorebase.core.resources import read_operation
from lorebase.schemas.events import JobQueuedEvent
from tests.unit.api.edge import Edge, open_edge
from tests.unit.api.fake_services import SECRET
from tests.unit.api.script import answer_story, stored
from tests.unit.api.socket_client import SUBPROTOCOL, Closed, SocketClient, connect

FOLLOW = "subscription($id: ID!) { jobEvents(jobId: $id) { __typename } }"


def job(edge: Edge) -> dict[str, str]:
    return {"id": edge.world.global_id("Job", edge.world.job)}


async def until(client: SocketClient, kind: str) -> dict[str, object]:
    """The next message of a type; pings are read over."""
    while True:
        message = await client.receive()
        if message["type"] == kind:
            return message


async def test_an_answer_is_streamed_to_its_end(edge: Edge) -> None:
    edge.services.streams.script = answer_story(edge.world)
    async with connect(edge) as client:
        await client.initialise()
        variables = {"answerId": edge.world.global_id("Answer", edge.world.answer)}
        await client.subscribe("1", read_operation("follow-answer"), variables)
        names = []
        while (message := await client.receive())["type"] == "next":
            assert message["id"] == "1"
            names.append(message["payload"]["data"]["answerEvents"]["__typename"])  # type: ignore[index]
        assert message == {"id": "1", "type": "complete"}
    assert names[0] == "AnswerStarted"
    assert names[-1] == "AnswerCompleted"
    assert len(names) == 8
    assert client.subprotocol == SUBPROTOCOL


async def test_queries_and_mutations_run_too(edge: Edge) -> None:
    async with connect(edge) as client:
        await client.initialise()
        await client.subscribe("q", "{ viewer { scopes } }")
        message = await client.receive()
        assert message["payload"]["data"] == {"viewer": {"scopes": ["ADMIN", "ASK", "READ", "WRITE"]}}  # type: ignore[index]
        assert await client.receive() == {"id": "q", "type": "complete"}


async def test_an_id_may_be_used_again_after_its_end(edge: Edge) -> None:
    async with connect(edge) as client:
        await client.initialise()
        for _ in range(3):
            await client.subscribe("1", "{ __typename }")
            assert (await client.receive())["type"] == "next"
            assert (await client.receive())["type"] == "complete"


async def test_without_credentials_one_may_connect_but_see_nothing(edge: Edge) -> None:
    async with connect(edge) as client:
        await client.send({"type": "connection_init"})
        assert (await client.receive())["type"] == "connection_ack"
        await client.subscribe("1", "{ viewer { scopes } }")
        assert (await client.receive())["payload"] == {"data": {"viewer": None}}
        await client.receive()
        await client.subscribe("2", FOLLOW, job(edge))
        message = await client.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"  # type: ignore[index]
        await client.subscribe("3", "{ __typename }")
        assert (await client.receive())["type"] == "next"


@pytest.mark.parametrize(
    "payload",
    [
        {"authorization": "Bearer lb_wrong"},
        {"Authorization": "Bearer lb_wrong"},
        {"authorization": SECRET},
        {"authorization": 1},
        {"authorization": "Bearer " + "x" * 100_000},
    ],
)
async def test_credentials_that_are_not_valid_close_the_connection(edge: Edge, payload: object) -> None:
    async with connect(edge) as client:
        await client.send({"type": "connection_init", "payload": payload})
        assert (await client.closed()).code == 4403


async def test_credentials_that_cannot_be_checked_ask_to_come_back(edge: Edge) -> None:
    edge.calls.failures["access.authenticate"] = Unavailable("Down.", code=ErrorCode.DATABASE_UNAVAILABLE)
    async with connect(edge) as client:
        await client.send({"type": "connection_init", "payload": {"authorization": f"Bearer {SECRET}"}})
        assert (await client.closed()).code == 1013


async def test_the_header_may_be_named_in_any_case(edge: Edge) -> None:
    async with connect(edge) as client:
        await client.initialise({"Authorization": f"Bearer {SECRET}"})


async def test_a_subprotocol_that_nobody_speaks_is_refused(edge: Edge) -> None:
    async with connect(edge, "graphql-ws", "bogus") as client:
        assert (await client.closed()).code == 4406


async def test_subscribing_before_the_greeting_is_refused(edge: Edge) -> None:
    async with connect(edge) as client:
        await client.subscribe("1", "{ __typename }")
        assert (await client.closed()).code == 4401


async def test_greeting_twice_is_refused(edge: Edge) -> None:
    async with connect(edge) as client:
        await client.initialise()
        await client.send({"type": "connection_init"})
        assert (await client.closed()).code == 4429


async def test_a_client_that_never_greets_is_sent_away(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "INITIALISATION_SECONDS", 0.01)
    async with connect(edge) as client:
        closed = await client.closed()
    assert (closed.code, closed.reason) == (4408, "Connection initialisation timeout")


async def test_two_operations_cannot_have_the_same_id_at_once(edge: Edge) -> None:
    edge.services.streams.endless = True
    async with connect(edge) as client:
        await client.initialise()
        await client.subscribe("same", FOLLOW, job(edge))
        await client.subscribe("same", FOLLOW, job(edge))
        closed = await client.closed()
    assert (closed.code, closed.reason) == (4409, "Subscriber for same already exists")
    assert edge.services.streams.open == 0


@pytest.mark.parametrize(
    "message",
    [
        [],
        None,
        1,
        "x",
        {},
        {"type": 1},
        {"type": "nope"},
        {"type": "subscribe"},
        {"type": "subscribe", "id": ""},
        {"type": "subscribe", "id": {}, "payload": {"query": "{ __typename }"}},
        {"type": "subscribe", "id": "1"},
        {"type": "subscribe", "id": "1", "payload": None},
        {"type": "subscribe", "id": "1", "payload": "x"},
        {"type": "subscribe", "id": "1", "payload": {}},
        {"type": "subscribe", "id": "1", "payload": {"query": 5}},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": []}},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "operationName": 5}},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "extensions": 5}},
        {"type": "complete"},
        {"type": "complete", "id": 5},
    ],
    ids=repr,
)
async def test_a_malformed_message_closes_the_connection(edge: Edge, message: object) -> None:
    async with connect(edge) as client:
        await client.initialise()
        await client.send(message)
        assert (await client.closed()).code == 4400


@pytest.mark.parametrize("frame", [{"text": "{{"}, {"text": ""}, {"data": b"\x00\x01"}, {"text": "[" * 5000}])
async def test_a_frame_that_is_no_json_text_closes_the_connection(
    edge: Edge, frame: dict[str, object]
) -> None:
    async with connect(edge) as client:
        await client.initialise()
        await client.send_raw(**frame)  # type: ignore[arg-type]
        assert (await client.closed()).code == 4400


async def test_a_greeting_with_a_payload_that_is_no_object_is_refused(edge: Edge) -> None:
    async with connect(edge) as client:
        await client.send({"type": "connection_init", "payload": "x"})
        assert (await client.closed()).code == 4400


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ " + "viewer { scopes } " * 40 + "}", "QUERY_TOO_COMPLEX"),
        (FOLLOW, "BAD_USER_INPUT"),
    ],
)
async def test_a_faulty_operation_ends_alone(edge: Edge, query: str, code: str) -> None:
    async with connect(edge) as client:
        await client.initialise()
        await client.subscribe("bad", query)
        message = await client.receive()
        assert (message["id"], message["type"]) == ("bad", "error")
        assert message["payload"][0]["extensions"]["code"] == code  # type: ignore[index]
        await client.subscribe("good", "{ __typename }")
        assert (await client.receive())["type"] == "next"


@pytest.mark.parametrize("cursor", ["garbage", "", "é", "A" * 500, "AAAA.BBBB"])
async def test_a_cursor_of_garbage_is_an_error_of_its_argument(edge: Edge, cursor: str) -> None:
    edge.services.streams.script = stored(JobQueuedEvent(job=edge.world.job))
    async with connect(edge) as client:
        await client.initialise()
        query = "subscription($id: ID!, $c: String) { jobEvents(jobId: $id, after: $c) { __typename } }"
        await client.subscribe("bad", query, {**job(edge), "c": cursor})
        message = await client.receive()
        if cursor:
            assert (message["id"], message["type"]) == ("bad", "error")
            extensions = message["payload"][0]["extensions"]  # type: ignore[index]
            assert (extensions["code"], extensions["field"]) == ("BAD_USER_INPUT", ["after"])
            assert edge.services.streams.open == 0
        else:
            assert message["type"] == "next"


async def test_two_clients_receive_one_event_with_the_same_words(edge: Edge) -> None:
    edge.services.streams.script = stored(JobQueuedEvent(job=edge.world.job))
    query = "subscription($id: ID!) { jobEvents(jobId: $id) { ... on JobQueued { cursor job { id kind } } } }"
    told = []
    for _ in range(2):
        async with connect(edge) as client:
            await client.initialise()
            await client.subscribe("1", query, job(edge))
            told.append((await client.receive())["payload"])
    assert told[0] == told[1]
    assert told[0]["data"]["jobEvents"]["job"]["id"] == job(edge)["id"]  # type: ignore[index]


async def test_a_bug_in_one_stream_is_masked_and_ends_it_alone(edge: Edge) -> None:
    edge.services.streams.script = stored(JobQueuedEvent(job=edge.world.job))
    edge.services.streams.failure = RuntimeError("a secret")
    async with connect(edge) as client:
        await client.initialise()
        await client.subscribe("1", FOLLOW, job(edge))
        assert (await client.receive())["type"] == "next"
        message = await client.receive()
        assert message["type"] == "error"
        assert "secret" not in str(message)
        assert message["payload"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"  # type: ignore[index]
        await client.subscribe("1", "{ __typename }")
        assert (await client.receive())["type"] == "next"


@pytest.mark.parametrize(("reason", "code"), [("revoked", 4403), ("expired", 4401)])
async def test_a_key_that_ends_takes_the_connection_along(edge: Edge, reason: str, code: int) -> None:
    gone = Unauthenticated("The API key is no longer valid.", details={"reason": reason})
    edge.services.streams.failure = gone
    async with connect(edge) as client:
        await client.initialise()
        await client.subscribe("1", FOLLOW, job(edge))
        message = await client.receive()
        assert message["payload"][0]["extensions"]["reason"] == reason  # type: ignore[index]
        assert (await client.closed()).code == code


async def test_a_key_that_was_revoked_starts_nothing_more(edge: Edge) -> None:
    async with connect(edge) as client:
        await client.initialise()
        edge.calls.failures["access.authenticate"] = Unauthenticated("The API key is not valid.")
        await client.subscribe("1", "{ viewer { scopes } }")
        assert (await client.receive())["type"] == "error"
        assert (await client.closed()).code == 4403


async def test_completing_stops_the_stream_behind_it(edge: Edge) -> None:
    edge.services.streams.script = stored(JobQueuedEvent(job=edge.world.job))
    edge.services.streams.endless = True
    async with connect(edge) as client:
        await client.initialise()
        await client.subscribe("1", FOLLOW, job(edge))
        assert (await client.receive())["type"] == "next"
        assert edge.services.streams.open == 1
        await client.send({"type": "complete", "id": "1"})
        await client.send({"type": "complete", "id": "never-started"})
        await client.send({"type": "ping"})
        assert (await client.receive())["type"] == "pong"
        while edge.services.streams.open:
            await asyncio.sleep(0)
        await client.subscribe("1", "{ __typename }")
        assert (await client.receive())["type"] == "next"


async def test_dropping_the_connection_stops_every_stream(edge: Edge) -> None:
    edge.services.streams.script = stored(JobQueuedEvent(job=edge.world.job))
    edge.services.streams.endless = True
    async with connect(edge) as client:
        await client.initialise()
        for name in ("1", "2", "3"):
            await client.subscribe(name, FOLLOW, job(edge))
            assert (await client.receive())["type"] == "next"
        assert edge.services.streams.open == 3
    assert edge.services.streams.open == 0


async def test_the_server_pings_and_takes_a_pong(edge: Edge) -> None:
    async with (
        open_edge(edge.services, subscription_keep_alive_seconds=0.01) as quick,
        connect(quick) as client,
    ):
        await client.initialise()
        assert await until(client, "ping") == {"type": "ping"}
        await client.send({"type": "pong"})
        await client.subscribe("1", "{ __typename }")
        assert (await until(client, "next"))["payload"]["data"] == {"__typename": "Query"}  # type: ignore[index]


async def test_a_client_that_reads_too_slowly_is_sent_away(edge: Edge) -> None:
    """What it cannot be sent in time is not kept in memory: it hears 4504 and resumes by its cursor."""
    async with open_edge(edge.services, stream_send_timeout_seconds=0.01) as quick:
        quick.services.streams.endless = True
        client = SocketClient(quick, SUBPROTOCOL)
        await client.initialise()
        await client.subscribe("1", FOLLOW, job(quick))
        while not quick.services.streams.open:
            await asyncio.sleep(0)
        client.block(1)
        await client.send({"type": "ping"})
        closed = await client.closed()
        await asyncio.wait_for(client.task, 5)
    assert (closed.code, closed.reason) == (4504, "The client reads too slowly")
    assert quick.services.streams.open == 0


async def test_a_client_that_does_not_even_take_the_farewell_is_left(edge: Edge) -> None:
    async with open_edge(edge.services, stream_send_timeout_seconds=0.01) as quick:
        quick.services.streams.endless = True
        client = SocketClient(quick, SUBPROTOCOL)
        await client.initialise()
        await client.subscribe("1", FOLLOW, job(quick))
        while not quick.services.streams.open:
            await asyncio.sleep(0)
        client.block()
        await client.send({"type": "ping"})
        await asyncio.wait_for(client.task, 5)
    assert quick.services.streams.open == 0


async def test_a_connection_runs_a_bounded_number_of_operations(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "OPERATIONS_MAXIMUM", 2)
    edge.services.streams.endless = True
    async with connect(edge) as client:
        await client.initialise()
        for name in ("1", "2", "3"):
            await client.subscribe(name, FOLLOW, job(edge))
        message = await client.receive()
        assert (message["id"], message["type"]) == ("3", "error")
        assert message["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"  # type: ignore[index]


async def test_a_socket_of_another_path_is_refused(edge: Edge) -> None:
    client = SocketClient(edge, SUBPROTOCOL, path="/graphql/elsewhere")
    await asyncio.wait_for(client.task, 5)
    with pytest.raises(Closed):
        await client.receive()
    assert not client.accepted


async def test_a_socket_is_served_under_the_root_path_of_a_proxy(edge: Edge) -> None:
    client = SocketClient(edge, SUBPROTOCOL, path="/api/graphql", root_path="/api")
    await client.initialise()
    await client.leave()


async def test_pings_go_on_while_a_stream_is_busy(edge: Edge) -> None:
    async with (
        open_edge(edge.services, subscription_keep_alive_seconds=0.01) as lively,
        connect(lively) as client,
    ):
        lively.services.streams.endless = True
        await client.initialise()
        await client.subscribe("1", FOLLOW, job(lively))
        for _ in range(3):
            assert await until(client, "ping") == {"type": "ping"}


async def test_nobody_is_pinged_before_the_greeting(edge: Edge) -> None:
    async with (
        open_edge(edge.services, subscription_keep_alive_seconds=0.01) as lively,
        connect(lively) as client,
    ):
        await asyncio.sleep(0.05)
        await client.initialise()
