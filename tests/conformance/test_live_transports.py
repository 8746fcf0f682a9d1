"""The transports on a real socket: server, client libraries, and clients that leave without a word."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conformance.fixture_schema import GAUGE, SECRET
from tests.conformance.serve import fixture_server
from tests.factories import make_settings
from tests.unit.api import fake_services

PATIENCE_SECONDS = 30.0
COUNT = "subscription { count(to: 3, delay: 0) }"
IDLE = "subscription { idle }"
KEY = {"Authorization": f"Bearer {fake_services.SECRET}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server in this process, on a free port."""
    port = free_port()
    server = fixture_server(make_settings(port=port, drain_seconds=1.0))
    running = asyncio.ensure_future(server.serve())
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}/graphql"
    server.should_exit = True
    await running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(headers=KEY, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        yield client


async def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def greet(url: str) -> ClientConnection:
    client = await connect(url.replace("http", "ws", 1), subprotocols=["graphql-transport-ws"])  # type: ignore[list-item]
    payload = {"authorization": KEY["Authorization"]}
    await client.send(json.dumps({"type": "connection_init", "payload": payload}))
    assert json.loads(await client.recv()) == {"type": "connection_ack"}
    return client


async def start(client: ClientConnection, name: str, query: str) -> None:
    await client.send(json.dumps({"id": name, "type": "subscribe", "payload": {"query": query}}))


async def test_a_subscription_runs_over_a_real_websocket_in_text_frames(url: str) -> None:
    client = await greet(url)
    await start(client, "1", COUNT)
    frames = [await client.recv() for _ in range(4)]
    assert all(isinstance(frame, str) for frame in frames)
    numbers = [json.loads(frame)["payload"]["data"]["count"] for frame in frames[:-1]]
    assert numbers == [0, 1, 2]
    assert json.loads(frames[-1]) == {"id": "1", "type": "complete"}
    assert client.protocol.extensions == []
    await client.close()


async def test_a_websocket_that_drops_stops_what_it_followed(url: str) -> None:
    client = await greet(url)
    before = GAUGE.running
    await start(client, "1", IDLE)
    await until(lambda: GAUGE.running == before + 1)
    client.transport.abort()
    await until(lambda: GAUGE.running == before)


async def test_a_stream_that_breaks_leaks_nothing(url: str) -> None:
    client = await greet(url)
    await start(client, "1", "subscription { failsMidway }")
    frames = [str(await client.recv()), str(await client.recv())]
    assert json.loads(frames[1])["type"] == "error"
    assert SECRET not in "".join(frames)
    await client.close()


async def test_a_message_larger_than_a_body_may_be_ends_the_connection(url: str) -> None:
    client = await greet(url)
    await start(client, "1", "x" * (3 * 1024 * 1024))
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_events_are_streamed_while_they_happen(url: str, http: httpx.AsyncClient) -> None:
    content, accept = {"query": "subscription { count(to: 3, delay: 0.05) }"}, {"Accept": "text/event-stream"}
    arrivals = []
    async with http.stream("POST", url, json=content, headers=accept) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                arrivals.append((json.loads(line[6:])["data"]["count"], GAUGE.running))
    assert [number for number, _ in arrivals] == [0, 1, 2]
    # The first came while the stream still ran: nothing was kept back to the end.
    assert arrivals[0][1] >= 1


async def test_a_reader_of_events_that_leaves_stops_what_it_followed(
    url: str, http: httpx.AsyncClient
) -> None:
    before = GAUGE.running
    accept = {"Accept": "text/event-stream"}
    async with http.stream("POST", url, json={"query": IDLE}, headers=accept):
        await until(lambda: GAUGE.running == before + 1)
    await until(lambda: GAUGE.running == before)


async def test_a_body_that_promises_too_much_is_refused_unread(url: str) -> None:
    host, _, port = url.removeprefix("http://").removesuffix("/graphql").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 999999999\r\n\r\n{"
    )
    response = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    assert response.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in response.lower()
    writer.close()


async def test_a_file_is_uploaded_over_a_real_socket(url: str, http: httpx.AsyncClient) -> None:
    operations = {"query": "mutation($f: Upload!) { upload(file: $f) }", "variables": {"f": None}}
    response = await http.post(
        url,
        data={"operations": json.dumps(operations), "map": '{"0": ["variables.f"]}'},
        files={"0": ("big.bin", b"x" * 5_000_000)},
        headers={"GraphQL-Require-Preflight": "1"},
    )
    assert response.json()["data"] == {"upload": "big.bin:5000000"}


async def test_pages_of_the_small_schema_walk_both_ways(url: str, http: httpx.AsyncClient) -> None:
    query = (
        "query($first: Int, $last: Int, $after: String, $before: String) {"
        " docs(first: $first, last: $last, after: $after, before: $before)"
        " { nodes { title } pageInfo { startCursor endCursor hasNextPage } totalCount } }"
    )

    async def page(**variables: object) -> dict[str, object]:
        content = (await http.post(url, json={"query": query, "variables": variables})).json()
        return dict(content["data"]["docs"])

    first = await page(first=2)
    info = first["pageInfo"]
    assert isinstance(info, dict)
    second = await page(first=2, after=info["endCursor"])
    assert second["nodes"] == [{"title": "doc 3"}, {"title": "doc 4"}]
    assert isinstance(second["pageInfo"], dict)
    back = await page(last=1, before=second["pageInfo"]["startCursor"])
    assert back["nodes"] == [{"title": "doc 2"}]
