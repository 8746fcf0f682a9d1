"""Chat completions from any OpenAI-compatible server."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from typing import cast

from openai import AsyncStream
from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionMessageParam,
)
from openai.types.shared_params import ResponseFormatJSONSchema
from pydantic import BaseModel, ValidationError

from lorebase.clients.openai_connection import ModelConnections, retried, translating
from lorebase.core.errors import ErrorCode, Transient
from lorebase.core.metrics import MODEL_SECONDS, MODEL_TOKENS
from lorebase.ports.chat_model import Structure
from lorebase.ports.prompts import PromptTemplates
from lorebase.schemas.answers import FinishReason, TokenUsage
from lorebase.schemas.chat import ChatDelta, ChatPrompt

logger = logging.getLogger(__name__)

REPAIR_TEMPLATE = "repair_structured_output.v1"
FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}


class OpenAIChatModel:
    """Implements the ChatModel port."""

    def __init__(
        self,
        *,
        connections: ModelConnections,
        templates: PromptTemplates,
        provider: str,
        name: str,
        is_generative: bool,
    ) -> None:
        self._connections = connections
        self._templates = templates
        self._provider = provider
        self.name = name
        self.is_generative = is_generative

    async def stream(self, prompt: ChatPrompt, max_tokens: int) -> AsyncIterator[ChatDelta]:
        """The completion piece by piece; the last piece carries finish reason and usage.

        A stream that ends without a reason was cut off, however tidily: it is Transient.
        """
        started = time.perf_counter()
        usage: TokenUsage | None = None
        finish: FinishReason | None = None
        with translating():
            stream = await self._open(prompt, max_tokens)
            async with stream:
                async for chunk in stream:
                    usage = _usage(chunk.usage) or usage
                    for choice in chunk.choices:
                        if choice.finish_reason:
                            finish = FINISH_REASONS.get(choice.finish_reason, FinishReason.STOP)
                        if choice.delta.content:
                            yield ChatDelta(text=choice.delta.content)
        if finish is None:
            raise Transient("The model provider broke off.", code=ErrorCode.MODEL_MISBEHAVED)
        self._note("stream", prompt, usage, time.perf_counter() - started)
        yield ChatDelta(finish_reason=finish, usage=usage)

    async def complete(self, prompt: ChatPrompt, structure: type[Structure], max_tokens: int) -> Structure:
        """Structured output, validated; an invalid one is sent back once for repair."""
        text = await self._complete(prompt, _messages(prompt), structure, max_tokens)
        try:
            return structure.model_validate_json(text)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        repair = self._templates.render(REPAIR_TEMPLATE, {"problems": list(problems)})
        messages: list[ChatCompletionMessageParam] = [
            *_messages(prompt),
            {"role": "assistant", "content": text},
            {"role": "user", "content": repair.user},
        ]
        repaired = await self._complete(repair, messages, structure, max_tokens)
        try:
            return structure.model_validate_json(repaired)
        except ValidationError as error:
            raise Transient(
                "The chat model did not keep to the structure asked for.", code=ErrorCode.MODEL_MISBEHAVED
            ) from error

    async def _open(self, prompt: ChatPrompt, max_tokens: int) -> AsyncStream[ChatCompletionChunk]:
        client = self._connections.client(self._provider)
        return await retried(
            lambda: client.chat.completions.create(
                model=self.name,
                messages=_messages(prompt),
                max_completion_tokens=max_tokens,
                stream=True,
                stream_options={"include_usage": True},
            ),
            self._connections.retry_seconds,
        )

    async def _complete(
        self,
        prompt: ChatPrompt,
        messages: list[ChatCompletionMessageParam],
        structure: type[Structure],
        max_tokens: int,
    ) -> str:
        client = self._connections.client(self._provider)
        started = time.perf_counter()
        with translating():
            completion = await retried(
                lambda: client.chat.completions.create(
                    model=self.name,
                    messages=messages,
                    max_completion_tokens=max_tokens,
                    response_format=_response_format(structure),
                ),
                self._connections.retry_seconds,
            )
        self._note("complete", prompt, _usage(completion.usage), time.perf_counter() - started)
        return (completion.choices[0].message.content or "") if completion.choices else ""

    def _note(self, operation: str, prompt: ChatPrompt, usage: TokenUsage | None, seconds: float) -> None:
        given, made = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        MODEL_SECONDS.labels(operation, self.name).observe(seconds)
        MODEL_TOKENS.labels("prompt", self.name).inc(given)
        MODEL_TOKENS.labels("completion", self.name).inc(made)
        facts = {"model": self.name, "prompt": prompt.template, "prompt_tokens": given}
        latency = {"completion_tokens": made, "latency_ms": round(seconds * 1000, 1)}
        logger.info("chat model answered", extra={**facts, **latency})


def _response_format(structure: type[BaseModel]) -> ResponseFormatJSONSchema:
    schema = {"name": structure.__name__, "schema": structure.model_json_schema(), "strict": True}
    return cast("ResponseFormatJSONSchema", {"type": "json_schema", "json_schema": schema})


def _messages(prompt: ChatPrompt) -> list[ChatCompletionMessageParam]:
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]


def _usage(usage: CompletionUsage | None) -> TokenUsage | None:
    if usage is None:
        return None
    return TokenUsage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
