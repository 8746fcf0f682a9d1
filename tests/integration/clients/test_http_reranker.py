"""The reranker against a server that misbehaves."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr, ValidationError

from lorebase.clients.http_reranker import HttpReranker, reranker_of
from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LorebaseError, Permanent, Transient, Unavailable
from tests.contracts.reranker_contract import RerankerContract
from tests.factories import make_settings
from tests.fakes.openai_server import OpenAIServer, openai_server


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as running:
        yield running


@pytest.fixture
async def reranker(server: OpenAIServer) -> AsyncIterator[HttpReranker]:
    client = HttpReranker(url=server.url, model="judge", api_key="secret-key", timeout_seconds=2.0)
    yield client
    await client.close()


class TestHttpReranker(RerankerContract):
    pass


async def test_all_passages_go_in_one_call(reranker: HttpReranker, server: OpenAIServer) -> None:
    await reranker.rerank("why", ["a", "b", "c"])
    asked = {"model": "judge", "query": "why", "documents": ["a", "b", "c"], "top_n": 3}
    assert server.requests == [asked]


async def test_no_passage_asks_nobody(reranker: HttpReranker, server: OpenAIServer) -> None:
    await reranker.rerank("why", [])
    assert server.requests == []


@pytest.mark.parametrize("trouble", ["429", "500", "503"])
async def test_passing_trouble_is_tried_again(
    reranker: HttpReranker, server: OpenAIServer, trouble: str
) -> None:
    server.script = [trouble]
    assert await reranker.rerank("why", ["why"]) == [1.0]
    assert len(server.requests) == 2


@pytest.mark.parametrize("trouble", ["hang", "503", "429"])
async def test_lasting_trouble_is_unavailable_within_the_time_for_all_tries(
    server: OpenAIServer, trouble: str
) -> None:
    server.script = [trouble] * 500
    server.retry_after = "30"
    client = HttpReranker(url=server.url, model="judge", api_key=None, timeout_seconds=0.3)
    with pytest.raises(Unavailable) as caught:
        await client.rerank("why", ["a"])
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE
    await client.close()


async def test_nobody_listening_is_unavailable() -> None:
    client = HttpReranker(url="http://127.0.0.1:9/v1", model="judge", api_key=None, timeout_seconds=0.2)
    with pytest.raises(Unavailable):
        await client.rerank("why", ["a"])
    await client.close()


@pytest.mark.parametrize("status", ["400", "401", "403", "404"])
async def test_a_refusal_is_permanent_and_asked_once(
    reranker: HttpReranker, server: OpenAIServer, status: str
) -> None:
    server.script = [status]
    with pytest.raises(Permanent) as caught:
        await reranker.rerank("why", ["the text"])
    assert caught.value.code is ErrorCode.MODEL_REFUSED
    assert len(server.requests) == 1


@pytest.mark.parametrize("lie", ["missing", "doubled", "beyond", "endless", "wordy", "malformed"])
async def test_wrong_scores_are_never_used(reranker: HttpReranker, server: OpenAIServer, lie: str) -> None:
    server.script = [lie]
    with pytest.raises(Transient) as caught:
        await reranker.rerank("why", ["why a", "b"])
    assert caught.value.code is ErrorCode.MODEL_MISBEHAVED


async def test_neither_errors_nor_logs_repeat_a_text_or_the_key(
    reranker: HttpReranker, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="lorebase")
    server.script = ["well", "400", "wordy"]
    await reranker.rerank("a private question", ["a private sentence"])
    messages = []
    for _ in range(2):
        with pytest.raises(LorebaseError) as caught:
            await reranker.rerank("a private question", ["a private sentence"])
        messages.append(caught.value.message)
    written = "".join([*messages, *(str(record.__dict__) for record in caplog.records)])
    assert "private" not in written
    assert "secret-key" not in written
    noted = next(record for record in caplog.records if record.message == "reranked")
    assert (noted.__dict__["model"], noted.__dict__["texts"]) == ("judge", 1)
    assert noted.__dict__["latency_ms"] >= 0


def test_settings_without_a_reranker_make_none() -> None:
    assert reranker_of(make_settings()) is None


async def test_settings_with_one_make_it(server: OpenAIServer) -> None:
    settings = make_settings(rerank_url=server.url, rerank_model="judge", rerank_api_key=SecretStr("key"))
    client = reranker_of(settings)
    assert client is not None
    assert await client.rerank("why", ["why"]) == [1.0]
    await client.close()


@pytest.mark.parametrize("given", [{"rerank_url": "http://127.0.0.1:9/v1"}, {"rerank_model": "judge"}])
def test_address_and_model_go_together(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="go together"):
        Settings(**given)  # type: ignore[arg-type]
