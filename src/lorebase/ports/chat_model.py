"""Asking a chat model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

from pydantic import BaseModel

from lorebase.schemas.chat import ChatDelta, ChatPrompt

Structure = TypeVar("Structure", bound=BaseModel)


class ChatModel(Protocol):
    """Any OpenAI-compatible chat model, local or remote."""

    @property
    def name(self) -> str:
        """Name of the model that answers."""
        ...

    @property
    def is_generative(self) -> bool:
        """Whether it can follow instructions; the local extractive model quotes and nothing else."""
        ...

    def stream(self, prompt: ChatPrompt, max_tokens: int) -> AsyncIterator[ChatDelta]:
        """The completion piece by piece; the last piece carries finish reason and usage.

        Backoff covers the time before the first piece; after it, a cut stream raises Transient.
        Raises as Embedder.embed does. Logs tokens and latency, never the text.
        """
        ...

    async def complete(self, prompt: ChatPrompt, structure: type[Structure], max_tokens: int) -> Structure:
        """Structured output, validated; an invalid one is sent back once, then MODEL_MISBEHAVED."""
        ...
