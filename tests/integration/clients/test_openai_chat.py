"""The chat model against a server that misbehaves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from lorebase.clients.openai_chat import OpenAIChatModel
from lorebase.clients.openai_connection import ModelConnections
from lorebase.clients.prompt_templates import FilePromptTemplates
from lorebase.core.errors import ErrorCode, Permanent, Transient, Unavailable
from lorebase.schemas.answers import FinishReason, StandaloneQuestion
from lorebase.schemas.chat import ChatDelta, ChatPrompt
from tests.fakes.openai_server import OpenAIServer, openai_server
from tests.integration.clients.test_openai_embedder import settings_for

PROMPT = ChatPrompt(template="any.v1", system="Be brief.", user="Is it so?")


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as running:
        yield running


@pytest.fixture
async def chat(server: OpenAIServer) -> AsyncIterator[OpenAIChatModel]:
    connections = ModelConnections(settings_for(server))
    yield OpenAIChatModel(
        connections=connections,
        templates=FilePromptTemplates(),
        provider="openai",
        name="some-chat",
        is_generative=True,
    )
    await connections.close()


async def pieces(chat: OpenAIChatModel) -> list[ChatDelta]:
    return [piece async for piece in chat.stream(PROMPT, 100)]


async def test_the_answer_comes_piece_by_piece_and_ends_with_reason_and_usage(chat: OpenAIChatModel) -> None:
    found = await pieces(chat)
    assert [piece.text for piece in found[:-1]] == ["It", " is", " so", " [1]."]
    assert found[-1].finish_reason is FinishReason.STOP
    assert found[-1].usage is not None
    assert (found[-1].usage.prompt_tokens, found[-1].usage.completion_tokens) == (7, 3)


async def test_a_token_limit_is_told_apart(chat: OpenAIChatModel, server: OpenAIServer) -> None:
    server.script = ["length"]
    assert (await pieces(chat))[-1].finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize("trouble", ["429", "500", "hang"])
async def test_trouble_before_the_first_piece_is_tried_again(
    chat: OpenAIChatModel, server: OpenAIServer, trouble: str
) -> None:
    server.script = [trouble]
    assert "".join(piece.text for piece in await pieces(chat)) == "It is so [1]."


@pytest.mark.parametrize("how", ["cut", "ended", "stall"])
async def test_a_stream_cut_midway_is_an_error_and_not_an_answer(
    chat: OpenAIChatModel, server: OpenAIServer, how: str
) -> None:
    server.script = [how]
    with pytest.raises((Transient, Unavailable)):
        await pieces(chat)


async def test_a_refusal_is_permanent(chat: OpenAIChatModel, server: OpenAIServer) -> None:
    server.script = ["401"]
    with pytest.raises(Permanent) as caught:
        await pieces(chat)
    assert caught.value.code is ErrorCode.MODEL_REFUSED


async def test_structured_output_is_validated(chat: OpenAIChatModel, server: OpenAIServer) -> None:
    server.completions = ['{"standalone_question": "What is a task?"}']
    assert (await chat.complete(PROMPT, StandaloneQuestion, 100)).standalone_question == "What is a task?"
    asked = server.requests[0]["response_format"]
    assert asked["json_schema"]["schema"]["additionalProperties"] is False


async def test_invalid_structure_is_sent_back_once(chat: OpenAIChatModel, server: OpenAIServer) -> None:
    server.completions = ['{"question": 1}', '{"standalone_question": "Better?"}']
    assert (await chat.complete(PROMPT, StandaloneQuestion, 100)).standalone_question == "Better?"
    repair = server.requests[1]["messages"]
    assert [message["role"] for message in repair] == ["system", "user", "assistant", "user"]
    assert "standalone_question" in repair[-1]["content"]


async def test_structure_that_stays_invalid_is_an_error(chat: OpenAIChatModel, server: OpenAIServer) -> None:
    server.completions = ["no json", "still none"]
    with pytest.raises(Transient) as caught:
        await chat.complete(PROMPT, StandaloneQuestion, 100)
    assert caught.value.code is ErrorCode.MODEL_MISBEHAVED
    assert len(server.requests) == 2
