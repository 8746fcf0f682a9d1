"""Chats reach the model behind the server with moods, and come back as the mood has it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.fakes.openai_server import OpenAIServer, openai_server
from tests.faults.chat_forwarding import SAID
from tests.faults.model_server import MoodyModels

WORDS = "Casks keep cider for a year or two [1]."


@asynccontextmanager
async def moody(mood: str, model: OpenAIServer | None = None) -> AsyncIterator[MoodyModels]:
    """A server in that mood before a model that says the words."""
    model = model or OpenAIServer()
    model.completions = [WORDS]
    async with openai_server(model):
        server = MoodyModels(lambda: model.url)
        server.moods["chat"] = mood
        async with openai_server(server):
            yield server


async def said(server: MoodyModels, into: list[str], patience: float = 10) -> httpx.Response:
    """Asks; the words go into the list as they come."""
    asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "What?"}]}
    async with (
        httpx.AsyncClient(timeout=patience, trust_env=False) as http,
        http.stream("POST", f"{server.url}/chat/completions", json=asked) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                event = json.loads(line.removeprefix("data: "))
                into.extend(choice["delta"].get("content", "") for choice in event["choices"])
    return response


@pytest.mark.parametrize("mood", ["well", "slow"])
async def test_well_or_slow_all_words_come(mood: str) -> None:
    words: list[str] = []
    async with moody(mood) as server:
        response = await said(server, words)
    assert (response.status_code, "".join(words)) == (200, WORDS)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert server.met == {f"chat-{mood}": 1}


@pytest.mark.parametrize(("mood", "status"), [("busy", 429), ("broken", 500)])
async def test_it_refuses_without_asking_the_model(mood: str, status: int) -> None:
    model = OpenAIServer()
    async with moody(mood, model) as server:
        response = await said(server, [])
    assert (response.status_code, model.requests) == (status, [])
    assert response.headers.get("retry-after") == ("1" if mood == "busy" else None)


@pytest.mark.parametrize(
    ("mood", "error"),
    [("cut", httpx.RemoteProtocolError), ("stall", httpx.ReadTimeout), ("malformed", json.JSONDecodeError)],
)
async def test_some_words_come_and_then_it_breaks(mood: str, error: type[Exception]) -> None:
    words: list[str] = []
    async with moody(mood) as server:
        with pytest.raises(error):
            await said(server, words, patience=0.5)
    assert len(words) == SAID
    assert WORDS.startswith("".join(words))


async def test_ended_it_breaks_off_as_if_that_were_all() -> None:
    words: list[str] = []
    async with moody("ended") as server:
        response = await said(server, words)
    assert (response.status_code, len(words)) == (200, SAID)


async def test_hanging_it_says_nothing() -> None:
    words: list[str] = []
    async with moody("hang") as server:
        with pytest.raises(httpx.ReadTimeout):
            await said(server, words, patience=0.2)
    assert words == []


async def test_a_refusal_of_the_model_stays_one_in_any_mood() -> None:
    async with moody("cut", OpenAIServer(script=["401"])) as server:
        assert (await said(server, [])).status_code == 401


async def test_a_model_that_is_away_is_a_bad_gateway() -> None:
    async with openai_server(MoodyModels(lambda: "http://127.0.0.1:9/v1")) as server:
        assert isinstance(server, MoodyModels)
        assert (await said(server, [])).status_code == 502


async def test_embeddings_do_not_share_the_mood_of_the_chat() -> None:
    async with moody("broken") as server, httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{server.url}/embeddings", json={"model": "m", "input": ["x"]})
    assert response.status_code == 200
