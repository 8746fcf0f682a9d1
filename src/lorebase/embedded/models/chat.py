"""POST /v1/chat/completions, answered by the extractive model."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import orjson
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from lorebase.core.config import EMBEDDED_CHAT_MODEL
from lorebase.embedded.models.api_errors import ApiError, unsupported
from lorebase.embedded.models.encoder import TextEncoder
from lorebase.embedded.models.extractive import NO_EVIDENCE, ExtractiveAnswerer, render
from lorebase.embedded.models.prompt_reading import read_prompt
from lorebase.embedded.models.request_body import read_body, unless_disconnected

_WORD = re.compile(r"\s*\S+")

Json = Mapping[str, object]


class ContentPart(BaseModel):
    """One part of a message; only text is read."""

    type: str
    text: str = ""


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        """The message's whole text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class ResponseFormat(BaseModel):
    """How the answer shall be shaped."""

    type: str


class StreamOptions(BaseModel):
    """What a stream carries besides the words."""

    include_usage: bool | None = None


class ChatRequest(BaseModel):
    """The fields that are honoured or refused; sampling parameters mean nothing to a quoting model."""

    model: str
    messages: list[Message] = Field(min_length=1, max_length=1000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    response_format: ResponseFormat | None = None
    n: int | None = None
    tools: list[object] | None = None
    functions: list[object] | None = None
    stop: str | list[str] | None = None
    logprobs: bool | None = None

    def check(self) -> None:
        """Refuses what the extractive model cannot do."""
        if self.model != EMBEDDED_CHAT_MODEL:
            message = f"The model '{self.model[:100]}' does not chat here; '{EMBEDDED_CHAT_MODEL}' does."
            raise ApiError(message, status=404, param="model", code="model_not_found")
        if self.response_format and self.response_format.type != "text":
            raise unsupported("response_format", "an extractive model quotes text and cannot fill a schema.")
        if self.n not in (None, 1):
            raise unsupported("n", "an extractive model has one answer.")
        for param in ("tools", "functions", "stop", "logprobs"):
            if getattr(self, param):
                raise unsupported(param, "the model is extractive.")

    @property
    def prompt(self) -> str:
        """The last thing the user said."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    @property
    def token_limit(self) -> int | None:
        """The most tokens the answer may have."""
        return self.max_completion_tokens or self.max_tokens


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished answer in words, each with the white space before it, and what it cost."""

    words: list[str]
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def usage(self) -> dict[str, int]:
        """OpenAI's usage object."""
        total = self.prompt_tokens + self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": total,
        }


class ChatEndpoint:
    """Serves answers whole or as server-sent events, in OpenAI's shapes."""

    def __init__(self, answerer: ExtractiveAnswerer, encoder: TextEncoder) -> None:
        self._answerer = answerer
        self._encoder = encoder

    async def __call__(self, request: Request) -> Response:
        """One completion; everything that can fail does so before the first byte of a stream."""
        body = await read_body(request, ChatRequest)
        body.check()
        completion = await unless_disconnected(request, self._complete(body))
        envelope = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": EMBEDDED_CHAT_MODEL,
        }
        if not body.stream:
            content = orjson.dumps(_whole(completion, envelope))
            return Response(content, media_type="application/json")
        with_usage = bool(body.stream_options and body.stream_options.include_usage)
        events = _events(_chunks(completion, envelope, with_usage))
        return StreamingResponse(events, media_type="text/event-stream")

    async def _complete(self, body: ChatRequest) -> Completion:
        prompt = read_prompt(body.prompt)
        text = render(await self._answerer.answer(prompt)) if prompt else NO_EVIDENCE
        messages = [message.text for message in body.messages]
        prompt_tokens = await asyncio.to_thread(self._encoder.count_tokens, messages)
        return self._limit(text, body.token_limit, prompt_tokens)

    def _limit(self, text: str, limit: int | None, prompt_tokens: int) -> Completion:
        """Ends the answer at the last word that the limit leaves room for."""
        words: list[str] = []
        tokens = 0
        for word in _WORD.findall(text):
            cost = self._encoder.count_tokens([word])
            if limit is not None and tokens + cost > limit:
                return Completion(words, "length", prompt_tokens, tokens)
            words.append(word)
            tokens += cost
        return Completion(words, "stop", prompt_tokens, tokens)


def _whole(completion: Completion, envelope: Json) -> Json:
    message = {"role": "assistant", "content": "".join(completion.words), "refusal": None}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": completion.finish_reason,
        "logprobs": None,
    }
    return {**envelope, "object": "chat.completion", "choices": [choice], "usage": completion.usage}


def _chunks(completion: Completion, envelope: Json, with_usage: bool) -> Iterator[Json]:
    base = {**envelope, "object": "chat.completion.chunk", **({"usage": None} if with_usage else {})}

    def chunk(delta: Json, finish_reason: str | None = None) -> Json:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    yield chunk({"role": "assistant", "content": ""})
    for word in completion.words:
        yield chunk({"content": word})
    yield chunk({}, completion.finish_reason)
    if with_usage:
        yield {**base, "choices": [], "usage": completion.usage}


async def _events(chunks: Iterator[Json]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield b"data: " + orjson.dumps(chunk) + b"\n\n"
    yield b"data: [DONE]\n\n"
