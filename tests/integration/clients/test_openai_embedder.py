"""The embedder against a server that misbehaves."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from lorebase.clients.openai_connection import ModelConnections
from lorebase.clients.openai_embedder import OpenAIEmbedder
from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LorebaseError, Permanent, Transient, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.embeddings import EmbeddingModel
from tests.fakes.openai_server import DIMENSIONS, OpenAIServer, openai_server

MODEL = EmbeddingModel(
    id=new_id(),
    name="some-model",
    provider="openai",
    version="1",
    dimensions=DIMENSIONS,
    max_input_tokens=256,
    collection="c",
    deprecated_at=None,
    created_at=datetime.now(UTC),
    updated_at=datetime.now(UTC),
)


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as running:
        yield running


def settings_for(server: OpenAIServer, **changes: object) -> Settings:
    values = {
        "OPENAI_API_KEY": "secret-key",
        "OPENAI_BASE_URL": server.url,
        "model_timeout_seconds": 1.0,
        "model_retry_seconds": 2.0,
    }
    return Settings(**{**values, **changes})


@pytest.fixture
async def embedder(server: OpenAIServer) -> AsyncIterator[OpenAIEmbedder]:
    connections = ModelConnections(settings_for(server))
    yield OpenAIEmbedder(connections=connections, batch_size=2)
    await connections.close()


async def test_vectors_come_in_the_order_of_the_texts_and_have_unit_length(embedder: OpenAIEmbedder) -> None:
    result = await embedder.embed(MODEL, ["a", "bb", "ccc"])
    assert [round(v[0] / v[1]) for v in result.vectors] == [1, 2, 3]
    assert all(math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-5) for vector in result.vectors)
    assert result.tokens == 15


async def test_texts_are_sent_in_batches(embedder: OpenAIEmbedder, server: OpenAIServer) -> None:
    await embedder.embed(MODEL, ["a", "b", "c", "d", "e"])
    assert [len(request["input"]) for request in server.requests] == [2, 2, 1]


async def test_no_text_asks_nobody(embedder: OpenAIEmbedder, server: OpenAIServer) -> None:
    assert (await embedder.embed(MODEL, [])).vectors == ()
    assert server.requests == []


@pytest.mark.parametrize("trouble", ["429", "500", "503", "hang"])
async def test_passing_trouble_is_tried_again(
    embedder: OpenAIEmbedder, server: OpenAIServer, trouble: str
) -> None:
    server.script = [trouble]
    assert len((await embedder.embed(MODEL, ["a"])).vectors) == 1
    assert len(server.requests) == 2


async def test_lasting_trouble_is_unavailable_and_carries_retry_after(server: OpenAIServer) -> None:
    server.script = ["429"] * 50
    server.retry_after = "30"
    connections = ModelConnections(settings_for(server, model_retry_seconds=0.0))
    with pytest.raises(Unavailable) as caught:
        await OpenAIEmbedder(connections=connections, batch_size=2).embed(MODEL, ["a"])
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE
    assert caught.value.details["retryAfterSeconds"] == 30.0
    await connections.close()


async def test_nobody_listening_is_unavailable(server: OpenAIServer) -> None:
    closed = settings_for(server, OPENAI_BASE_URL="http://127.0.0.1:9/v1", model_retry_seconds=0.0)
    connections = ModelConnections(closed)
    with pytest.raises(Unavailable):
        await OpenAIEmbedder(connections=connections, batch_size=2).embed(MODEL, ["a"])
    await connections.close()


@pytest.mark.parametrize("status", ["400", "401", "403", "404"])
async def test_a_refusal_is_permanent_and_asked_once(
    embedder: OpenAIEmbedder, server: OpenAIServer, status: str
) -> None:
    server.script = [status]
    with pytest.raises(Permanent) as caught:
        await embedder.embed(MODEL, ["the text"])
    assert caught.value.code is ErrorCode.MODEL_REFUSED
    assert len(server.requests) == 1


@pytest.mark.parametrize("lie", ["short", "zero", "huge", "missing", "malformed"])
async def test_wrong_vectors_are_never_used(embedder: OpenAIEmbedder, server: OpenAIServer, lie: str) -> None:
    server.script = [lie]
    with pytest.raises(Transient) as caught:
        await embedder.embed(MODEL, ["a", "b"])
    assert caught.value.code is ErrorCode.MODEL_MISBEHAVED


async def test_neither_errors_nor_logs_repeat_the_text_or_the_key(
    embedder: OpenAIEmbedder, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="lorebase")
    server.script = ["well", "400"]
    await embedder.embed(MODEL, ["a private sentence"])
    with pytest.raises(LorebaseError) as caught:
        await embedder.embed(MODEL, ["a private sentence"])
    written = caught.value.message + "".join(str(record.__dict__) for record in caplog.records)
    assert "private" not in written
    assert "secret-key" not in written
    noted = next(record for record in caplog.records if record.message == "embedded")
    assert noted.__dict__["tokens"] == 5
    assert noted.__dict__["latency_ms"] >= 0


async def test_an_ambient_key_is_never_shown_to_the_local_server(server: OpenAIServer) -> None:
    connections = ModelConnections(settings_for(server, local_models_url=server.url))
    assert connections.client("local").api_key == "local"
    await connections.close()


async def test_without_a_local_server_the_local_model_is_unavailable(server: OpenAIServer) -> None:
    connections = ModelConnections(settings_for(server))
    local = MODEL.model_copy(update={"provider": "local"})
    with pytest.raises(Unavailable):
        await OpenAIEmbedder(connections=connections, batch_size=2).embed(local, ["a"])
