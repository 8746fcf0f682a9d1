"""Bodies: uploads by multipart, and bodies that are too large or too slow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from lorebase.api.bodies import BodyLimit
from tests.factories import make_settings
from tests.unit.api.edge import AUTHORIZATION, Edge, open_edge

UPLOAD = (
    "mutation($kb: ID!, $file: Upload!) {"
    " upsertDocument(input: {knowledgeBaseId: $kb, source: {file: $file}})"
    " { created userErrors { code field } } }"
)
PREFLIGHT = {"GraphQL-Require-Preflight": "1"}
MIB = 1024 * 1024


def operations(edge: Edge) -> str:
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    return json.dumps({"query": UPLOAD, "variables": {"kb": base, "file": None}})


async def upload(
    edge: Edge, content: bytes = b"hello", headers: dict[str, str] | None = None, **fields: str | None
) -> httpx.Response:
    data: dict[str, str | None] = {
        "operations": operations(edge),
        "map": '{"0": ["variables.file"]}',
        **fields,
    }
    form = {name: value for name, value in data.items() if value is not None}
    files = {"0": ("notes “1”.txt", content, "text/plain")}
    sent = {**AUTHORIZATION, **PREFLIGHT, **(headers or {})}
    return await edge.http.post("/graphql", data=form, files=files, headers=sent)


async def test_a_file_reaches_the_service_whole_with_its_name_and_type(edge: Edge) -> None:
    content = bytes(range(256)) * 8192
    response = await upload(edge, content)
    assert response.json()["data"] == {"upsertDocument": {"created": True, "userErrors": []}}
    assert edge.calls.named("documents.store") == [(content, "notes “1”.txt", "text/plain")]


@pytest.mark.parametrize(
    "header", ["X-Requested-With", "Apollo-Require-Preflight", "GraphQL-Require-Preflight"]
)
async def test_any_header_that_makes_browsers_ask_first_will_do(edge: Edge, header: str) -> None:
    response = await upload(edge, headers={"GraphQL-Require-Preflight": "", header: "x"})
    assert response.status_code == 200


async def test_a_form_that_another_site_could_send_is_refused(edge: Edge) -> None:
    response = await upload(edge, headers={"GraphQL-Require-Preflight": ""})
    assert response.status_code == 403
    assert edge.calls.named("documents.store") == []


async def test_an_upload_without_a_key_is_refused_before_it_is_read(edge: Edge) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"--x\r\n"
        raise AssertionError("the body was read")

    headers = {**PREFLIGHT, "Content-Type": "multipart/form-data; boundary=x"}
    response = await edge.http.post("/graphql", content=endless(), headers=headers)
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "fields",
    [
        {"map": None},
        {"map": "[]"},
        {"map": "{"},
        {"map": '{"0": 5}'},
        {"map": '{"0": [5]}'},
        {"map": '{"1": ["variables.file"]}'},
        {"map": '{"0": ["variables.nope.deep"]}'},
        {"map": '{"0": ["variables"]}'},
        {"map": '{"0": ["__class__"]}'},
        {"map": '{"0": ["query"]}'},
        {"map": '{"0": ["variables.kb"]}'},
        {"map": '{"0": ["variables.file.0"]}'},
        {"operations": None},
        {"operations": "{{"},
        {"operations": "[1]"},
        {"operations": "null"},
        {"operations": "x" * (3 * MIB)},
    ],
    ids=repr,
)
async def test_a_malformed_form_is_the_client_s_fault(edge: Edge, fields: dict[str, str | None]) -> None:
    response = await upload(edge, **fields)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert edge.calls.named("documents.store") == []


async def test_a_body_that_only_claims_to_be_a_form_is_refused(edge: Edge) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        headers = {**AUTHORIZATION, **PREFLIGHT, "Content-Type": content_type}
        response = await edge.http.post("/graphql", content=b"nonsense", headers=headers)
        assert response.status_code == 400


async def test_one_file_may_be_used_twice(edge: Edge) -> None:
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    one = UPLOAD.replace("mutation($kb: ID!, $file: Upload!) {", "mutation($kb: ID!, $file: Upload!) { a:")
    twice = one[:-1] + " b: " + one.split(" a:")[1].strip()
    body = json.dumps({"query": twice, "variables": {"kb": base, "file": None}})
    response = await upload(edge, b"same", operations=body)
    assert "errors" not in response.json()
    assert [content for content, *_ in edge.calls.named("documents.store")] == [b"same", b"same"]


async def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not(edge: Edge) -> None:
    async with open_edge(edge.services, max_body_bytes=1000) as small:
        for extra, status in ((0, 200), (1, 413)):
            body = b'{"query":"{__typename}"}'
            padded = body + b" " * (1000 - len(body) + extra)
            headers = {**AUTHORIZATION, "Content-Type": "application/json"}
            response = await small.http.post("/graphql", content=padded, headers=headers)
            assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == "TOO_LARGE"
    assert response.headers["connection"] == "close"


async def test_a_body_that_does_not_say_its_length_is_cut_at_the_limit(edge: Edge) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b" " * 1000

    async with open_edge(edge.services, max_body_bytes=10_000) as small:
        headers = {**AUTHORIZATION, "Content-Type": "application/json"}
        response = await small.http.post("/graphql", content=endless(), headers=headers)
    assert response.status_code == 413
    assert sent <= 12_000


async def test_an_upload_may_be_larger_than_other_bodies_but_not_endless(edge: Edge) -> None:
    async with open_edge(edge.services, max_body_bytes=20_000, max_upload_bytes=100_000) as small:
        assert (await upload(small, b"x" * 50_000)).status_code == 200
        assert (await upload(small, b"x" * 130_000)).status_code == 413


@pytest.mark.parametrize("length", ["-1", "abc", "1e9", str(2**70)])
async def test_a_length_that_is_none_is_refused(edge: Edge, length: str) -> None:
    headers = {**AUTHORIZATION, "Content-Type": "application/json", "Content-Length": length}
    request = edge.http.build_request("POST", "/graphql", content=b"{}", headers=headers)
    assert (await edge.http.send(request)).status_code == 413


async def test_a_body_that_trickles_in_is_given_up() -> None:
    """One byte a second never earns the patience that a steady body gets."""
    settings = make_settings(request_timeout_seconds=0.05)
    read: list[int] = []

    async def application(_scope: object, receive: object, _send: object) -> None:
        while True:
            message = await receive()  # type: ignore[operator]
            read.append(len(message["body"]))

    async def trickle() -> dict[str, object]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": []}
    await BodyLimit(application, settings)(scope, trickle, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 408
    assert sum(read) < 50
