"""Embeddings from any OpenAI-compatible server."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from openai import omit
from openai.types import CreateEmbeddingResponse

from lorebase.clients.openai_connection import (
    LOCAL_PROVIDER,
    ModelConnections,
    retried,
    translating,
)
from lorebase.core.errors import ErrorCode, Transient
from lorebase.core.metrics import MODEL_SECONDS, MODEL_TOKENS
from lorebase.schemas.embeddings import EmbeddingModel, Embeddings

logger = logging.getLogger(__name__)


class OpenAIEmbedder:
    """Implements the Embedder port; `batch_size` texts go in one call."""

    def __init__(self, *, connections: ModelConnections, batch_size: int) -> None:
        self._connections = connections
        self._batch_size = batch_size

    async def embed(self, model: EmbeddingModel, texts: Sequence[str]) -> Embeddings:
        """Unit vectors of `model.dimensions` in the order of the texts."""
        vectors: list[tuple[float, ...]] = []
        tokens = 0
        for start in range(0, len(texts), self._batch_size):
            batch = texts[start : start + self._batch_size]
            response = await self._call(model, batch)
            vectors.extend(_checked(response, model, len(batch)))
            tokens += response.usage.prompt_tokens if response.usage else 0
        return Embeddings(vectors=tuple(vectors), tokens=tokens)

    async def _call(self, model: EmbeddingModel, batch: Sequence[str]) -> CreateEmbeddingResponse:
        client = self._connections.client(model.provider)
        dimensions = model.dimensions if _takes_dimensions(model) else omit
        started = time.perf_counter()
        with translating():
            response = await retried(
                lambda: client.embeddings.create(model=model.name, input=list(batch), dimensions=dimensions),
                self._connections.retry_seconds,
            )
        _note(model, len(batch), response, time.perf_counter() - started)
        return response


def _takes_dimensions(model: EmbeddingModel) -> bool:
    # Other servers refuse the parameter: only these are documented to shorten their vectors.
    return model.provider == LOCAL_PROVIDER or model.name.startswith("text-embedding-3")


def _note(model: EmbeddingModel, texts: int, response: CreateEmbeddingResponse, seconds: float) -> None:
    tokens = response.usage.prompt_tokens if response.usage else 0
    MODEL_SECONDS.labels("embed", model.name).observe(seconds)
    MODEL_TOKENS.labels("embedding", model.name).inc(tokens)
    facts = {"model": model.name, "texts": texts, "tokens": tokens, "latency_ms": round(seconds * 1000, 1)}
    logger.info("embedded", extra=facts)


def _checked(
    response: CreateEmbeddingResponse, model: EmbeddingModel, expected: int
) -> list[tuple[float, ...]]:
    rows = sorted(response.data, key=lambda row: row.index)
    if len(rows) != expected or any(len(row.embedding) != model.dimensions for row in rows):
        raise _misbehaved("a wrong number or length of vectors")
    matrix: NDArray[np.float32] = np.asarray([row.embedding for row in rows], dtype=np.float32)
    norms = np.linalg.norm(matrix.astype(np.float64), axis=1, keepdims=True)
    # NaN fails every comparison, so this refuses NaN, infinities and zero vectors alike.
    if not bool(np.all((norms > 1e-6) & (norms < 1e6))):
        raise _misbehaved("vectors that are not finite or zero")
    return [tuple(row) for row in (matrix / norms).tolist()]


def _misbehaved(what: str) -> Transient:
    return Transient(f"The embedding model sent {what}.", code=ErrorCode.MODEL_MISBEHAVED)
