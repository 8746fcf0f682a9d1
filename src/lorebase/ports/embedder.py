"""Turning text into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lorebase.schemas.embeddings import EmbeddingModel, Embeddings


class Embedder(Protocol):
    """Any OpenAI-compatible embedding model, local or remote."""

    async def embed(self, model: EmbeddingModel, texts: Sequence[str]) -> Embeddings:
        """Unit vectors of `model.dimensions` in the order of the texts, batched, with backoff and timeouts.

        Raises Unavailable(MODEL_UNAVAILABLE) when the provider stays out of reach or busy (with
        `retryAfterSeconds` when it said so), Transient(MODEL_MISBEHAVED) for a wrong count, dimension, NaN or
        zero vector, Permanent(MODEL_REFUSED) when it refuses the input or the key. Logs tokens and latency,
        never the text.
        """
        ...
