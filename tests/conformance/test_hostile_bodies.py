"""Bodies made to break a server, over a real socket: the client's fault, and the server lives on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from tests.conformance.serve import fixture_server
from tests.conformance.test_live_transports import KEY, PATIENCE_SECONDS, free_port
from tests.factories import make_settings

HELLO = b'{"query":"{__typename}"}'
JSON = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
FORM = {"Content-Type": "multipart/form-data; boundary=x", "GraphQL-Require-Preflight": "1"}


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    """A server with small limits, in this process."""
    port = free_port()
    settings = make_settings(
        port=port,
        drain_seconds=1.0,
        max_body_bytes=300_000,
        max_upload_bytes=300_000,
        request_timeout_seconds=0.3,
    )
    server = fixture_server(settings)
    running = asyncio.ensure_future(server.serve())
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0.01)
    yield "127.0.0.1", port
    server.should_exit = True
    await running


def part(name: str, content: str, more: str = "") -> str:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{content}\r\n'


def form(operations: str, places: str, file: bool = True) -> bytes:
    sent = part("0", "content", '; filename="a.txt"') if file else ""
    return (part("operations", operations) + part("map", places) + sent + "--x--\r\n").encode()


UPLOAD = json.dumps({"query": "mutation($f: Upload!) { upload(file: $f) }", "variables": {"f": None}})
VARIABLES = b'{"query":"query($a: Int) {__typename}","variables":{"a":'

BODIES: Mapping[str, tuple[bytes, Mapping[str, str], int]] = {
    "nothing": (b"", JSON, 400),
    "null": (b"null", JSON, 400),
    "a number": (b"1", JSON, 400),
    "a text": (b'"x"', JSON, 400),
    "a batch": (b"[" + HELLO + b"]", JSON, 400),
    "an empty object": (b"{}", JSON, 400),
    "a query that is a list": (b'{"query":["{__typename}"]}', JSON, 400),
    "invalid UTF-8": (b'{"query":"{__typename}\xff\xfe"}', JSON, 400),
    "a byte order mark": (b"\xef\xbb\xbf" + HELLO, JSON, 400),
    "another encoding": (HELLO.decode().encode("utf-16"), JSON, 400),
    "JSON 20,000 deep": (b"[" * 20_000 + b"]" * 20_000, JSON, 400),
    "variables 20,000 deep": (VARIABLES + b"[" * 20_000 + b"]" * 20_000 + b"}}", JSON, 400),
    "a number of 10,000 digits": (VARIABLES + b"9" * 10_000 + b"}}", JSON, 400),
    "a number beyond all numbers": (VARIABLES + b"1e999999}}", JSON, 400),
    "half a surrogate": (b'{"query":"{__typename}","variables":{"a":"\\ud800"}}', JSON, 400),
    "the same key twice, the last wrong": (b'{"query":"{__typename}","query":1}', JSON, 400),
    "the wrong type": (HELLO, {"Content-Type": "text/plain"}, 415),
    "a form of another kind": (b"query=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "too much": (b'{"query":"' + b" " * 300_001 + b'"}', JSON, 413),
    "a form without a boundary": (b"x", {**FORM, "Content-Type": "multipart/form-data"}, 400),
    "a form that is none": (b"--y\r\n\r\n", FORM, 400),
    "a form that stops in the middle": (form(UPLOAD, '{"0": ["variables.f"]}')[:120], FORM, 400),
    "a map that is a list": (form(UPLOAD, "[]"), FORM, 400),
    "a map that is null": (form(UPLOAD, "null"), FORM, 400),
    "a map into nowhere": (form(UPLOAD, '{"0": ["variables.f.g.h"]}'), FORM, 400),
    "a map into the query": (form(UPLOAD, '{"0": ["query"]}'), FORM, 400),
    "a map to a file that is not there": (form(UPLOAD, '{"1": ["variables.f"]}', file=False), FORM, 400),
    "operations that are a batch": (form(f"[{UPLOAD}]", '{"0": ["0.variables.f"]}'), FORM, 400),
    "a form from another site": (form(UPLOAD, "{}"), {"Content-Type": FORM["Content-Type"]}, 403),
}


@pytest.fixture
async def http(address: tuple[str, int]) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{address[1]}"
    async with httpx.AsyncClient(
        headers=KEY, base_url=url, timeout=PATIENCE_SECONDS, trust_env=False
    ) as client:
        yield client


async def assert_alive(http: httpx.AsyncClient) -> None:
    response = await http.post("/graphql", content=HELLO, headers=JSON)
    assert response.json()["data"] == {"__typename": "Query"}


async def test_every_hostile_body_is_the_client_s_fault(http: httpx.AsyncClient) -> None:
    statuses = {}
    for name, (body, headers, _) in BODIES.items():
        response = await http.post("/graphql", content=body, headers=headers)
        statuses[name] = response.status_code
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] in {"BAD_USER_INPUT", "TOO_LARGE"}, name
        assert "Traceback" not in response.text
    assert statuses == {name: status for name, (_, _, status) in BODIES.items()}
    await assert_alive(http)


ODD = {
    "the same key twice, the last right": (b'{"query":1,"query":"{__typename}"}', JSON),
    "a charset of its own": (HELLO, {**JSON, "Content-Type": "application/json; charset=latin1"}),
    "blanks around": (b" \n" + HELLO + b"\r\n ", JSON),
    "keys that nobody knows": (b'{"query":"{__typename}","more":[1]}', JSON),
}


@pytest.mark.parametrize("name", ODD)
async def test_what_is_odd_but_clear_is_answered(http: httpx.AsyncClient, name: str) -> None:
    body, headers = ODD[name]
    response = await http.post("/graphql", content=body, headers=headers)
    assert (response.status_code, response.json()["data"]) == (200, {"__typename": "Query"})


HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
STREAMS = {
    "chunks without end": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"2710\r\n" + b" " * 10_000 + b"\r\n",
        b"413",
    ),
    "chunks that stop": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"", b"408"),
    "a body that never comes": (HEAD + b"Content-Length: 100\r\n\r\n", b"", b"408"),
    "a length that lies": (HEAD + b"Content-Length: 999999999999\r\n\r\n", b"", b"413"),
    "no chunk at all": (CHUNKED + b"not-a-size\r\n", b"", b"400"),
}


@pytest.mark.parametrize("name", STREAMS)
async def test_a_body_without_end_is_cut(
    address: tuple[str, int], http: httpx.AsyncClient, name: str
) -> None:
    head, chunk, status = STREAMS[name]
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head)
    answer = asyncio.ensure_future(reader.read(2000))
    while chunk and not answer.done():
        writer.write(chunk)
        await asyncio.wait({answer}, timeout=0.001)
    assert (await asyncio.wait_for(answer, PATIENCE_SECONDS)).startswith(b"HTTP/1.1 " + status)
    writer.close()
    await assert_alive(http)
