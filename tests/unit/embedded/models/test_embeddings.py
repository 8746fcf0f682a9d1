"""POST /v1/embeddings."""

from __future__ import annotations

import asyncio
import base64

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.types import Message

from lorebase.embedded.models import request_body
from lorebase.embedded.models.embeddings import MOST_INPUTS, shorten, to_base64

from .fake_encoder import DIMENSIONS, FakeEncoder

MODEL = "all-MiniLM-L6-v2"


async def embed(client: httpx.AsyncClient, **fields: object) -> httpx.Response:
    return await client.post("/v1/embeddings", json={"model": MODEL, **fields})


def error_of(response: httpx.Response, status: int = 400) -> dict[str, object]:
    assert response.status_code == status, response.text
    error: dict[str, object] = response.json()["error"]
    return error


async def test_a_list_gives_one_vector_a_text_in_order(
    client: httpx.AsyncClient, encoder: FakeEncoder
) -> None:
    body = (await embed(client, input=["one", "two words"])).json()
    assert body["object"] == "list"
    assert body["model"] == MODEL
    assert [(entry["object"], entry["index"]) for entry in body["data"]] == [
        ("embedding", 0),
        ("embedding", 1),
    ]
    expected = [encoder.embed(tokens) for tokens in encoder.tokenize(["one", "two words"])]
    assert np.allclose([entry["embedding"] for entry in body["data"]], expected)


async def test_one_string_gives_one_vector(client: httpx.AsyncClient) -> None:
    data = (await embed(client, input="one")).json()["data"]
    assert len(data) == 1
    assert len(data[0]["embedding"]) == DIMENSIONS


async def test_usage_counts_the_tokens_that_were_read(client: httpx.AsyncClient) -> None:
    usage = (await embed(client, input=["one", "two words"])).json()["usage"]
    assert usage == {"prompt_tokens": 7, "total_tokens": 7}


async def test_base64_holds_the_same_numbers(client: httpx.AsyncClient) -> None:
    plain = (await embed(client, input="some text", encoding_format="float")).json()
    packed = (await embed(client, input="some text", encoding_format="base64")).json()
    numbers = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), "<f4")
    assert np.array_equal(numbers, np.array(plain["data"][0]["embedding"], np.float32))


async def test_fewer_dimensions_are_a_prefix_of_length_one(client: httpx.AsyncClient) -> None:
    whole = np.array((await embed(client, input="a b c d e f g h")).json()["data"][0]["embedding"])
    cut = np.array(
        (await embed(client, input="a b c d e f g h", dimensions=48)).json()["data"][0]["embedding"]
    )
    assert cut.shape == (48,)
    assert np.allclose(cut, whole[:48] / np.linalg.norm(whole[:48]), atol=1e-6)


async def test_unknown_fields_are_ignored(client: httpx.AsyncClient) -> None:
    assert (await embed(client, input="one", user="somebody")).status_code == 200


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
async def test_tokens_are_refused_by_name(client: httpx.AsyncClient, tokens: list[object]) -> None:
    error = error_of(await embed(client, input=tokens))
    assert (error["param"], error["code"]) == ("input", "unsupported_parameter")
    assert "tokens" in str(error["message"])


@pytest.mark.parametrize("empty", ["", [], ["fine", ""]])
async def test_empty_input_is_refused(client: httpx.AsyncClient, encoder: FakeEncoder, empty: object) -> None:
    encoder.embedded.clear()
    assert error_of(await embed(client, input=empty))["param"] == "input"
    assert encoder.embedded == []


async def test_too_many_texts_are_refused(client: httpx.AsyncClient) -> None:
    error = error_of(await embed(client, input=["x"] * (MOST_INPUTS + 1)))
    assert str(MOST_INPUTS) in str(error["message"])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": DIMENSIONS + 1}, "dimensions"),
        ({"input": "a", "dimensions": "many"}, "dimensions"),
        ({}, "input"),
    ],
)
async def test_a_wrong_field_is_named(
    client: httpx.AsyncClient, fields: dict[str, object], param: str
) -> None:
    error = error_of(await embed(client, **fields))
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("model", ["gpt-4", "lorebase-extractive", ""])
async def test_another_model_is_not_found(client: httpx.AsyncClient, model: str) -> None:
    error = error_of(await embed(client, model=model, input="a"), status=404)
    assert (error["param"], error["code"]) == ("model", "model_not_found")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"model": "all-MiniLM-L6-v2", "input": "\\ud800"}']
)
async def test_broken_json_and_lone_surrogates_are_refused(client: httpx.AsyncClient, body: bytes) -> None:
    error = error_of(await client.post("/v1/embeddings", content=body))
    assert error["code"] == "invalid_json"


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1"])
async def test_a_body_that_is_no_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    assert "body" in str(error_of(await client.post("/v1/embeddings", content=body))["message"])


async def test_the_refusal_never_repeats_the_input(client: httpx.AsyncClient) -> None:
    response = await embed(client, input=["secret words", 1], dimensions="secret words")
    assert "secret" not in response.text


async def test_a_body_over_the_limit_is_cut_off(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        while sent <= 2 * request_body.MAX_BODY_BYTES:
            sent += 1 << 20
            yield b" " * (1 << 20)

    response = await client.post("/v1/embeddings", content=endless())
    assert response.status_code == 413
    assert sent <= request_body.MAX_BODY_BYTES + (2 << 20)


async def test_a_client_that_leaves_takes_its_work_along(app: Starlette, encoder: FakeEncoder) -> None:
    body = b'{"model": "all-MiniLM-L6-v2", "input": [' + b",".join([b'"left behind"'] * 300) + b"]}"
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": body})
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    encoder.gate.clear()
    encoder.embedded.clear()
    while encoder.running.acquire(blocking=False):
        pass
    scope = {"type": "http", "method": "POST", "path": "/v1/embeddings", "headers": [], "query_string": b""}
    serving = asyncio.create_task(app(scope, incoming.get, send))
    assert await asyncio.to_thread(encoder.running.acquire, timeout=30)
    incoming.put_nowait({"type": "http.disconnect"})
    await serving
    encoder.gate.set()
    assert sent[0]["status"] == 499
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://models") as other:
        assert (await embed(other, input="afterwards")).status_code == 200
    assert len(encoder.embedded) < 100


vectors = st.lists(st.lists(st.floats(-1, 1, width=32), min_size=8, max_size=8), min_size=1, max_size=4)


@given(vectors, st.integers(1, 8))
def test_shortened_rows_have_length_one_or_are_zero(rows: list[list[float]], dimensions: int) -> None:
    array = np.array(rows, np.float32)
    array /= np.maximum(np.linalg.norm(array, axis=1, keepdims=True), np.float32(1e-6))
    cut = shorten(array, dimensions)
    assert cut.dtype == np.float32
    assert cut.shape == (len(rows), dimensions)
    for row, original in zip(cut, array, strict=True):
        tiny = np.linalg.norm(original[:dimensions]) < 1e-6
        assert tiny or dimensions == 8 or abs(np.linalg.norm(row) - 1) < 1e-4


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_base64_is_little_endian_float32(numbers: list[float]) -> None:
    row = np.array(numbers, np.float32)
    assert np.array_equal(np.frombuffer(base64.b64decode(to_base64(row)), "<f4"), row)
