"""Reranking by any server with the `/rerank` call of Cohere, Jina, vLLM, TEI's router and llama.cpp."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence

from openai import AsyncOpenAI
from pydantic import BaseModel, ValidationError

from lorebase.clients.openai_connection import retried, translating
from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, Transient, Unavailable
from lorebase.core.metrics import MODEL_SECONDS

logger = logging.getLogger(__name__)


class _Judged(BaseModel):
    index: int
    relevance_score: float


class _Response(BaseModel):
    results: list[_Judged]


class HttpReranker:
    """Implements the Reranker port. `timeout_seconds` holds for all tries of a call together."""

    def __init__(self, *, url: str, model: str, api_key: str | None, timeout_seconds: float) -> None:
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._client = AsyncOpenAI(
            api_key=api_key or "none", base_url=url, timeout=timeout_seconds, max_retries=0
        )

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        """The relevance of each passage, in the order given."""
        if not passages:
            return []
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._call(query, passages)
        except TimeoutError as error:
            message = "The reranker takes too long."
            raise Unavailable(message, code=ErrorCode.MODEL_UNAVAILABLE) from error
        seconds = time.perf_counter() - started
        MODEL_SECONDS.labels("rerank", self._model).observe(seconds)
        facts = {"model": self._model, "texts": len(passages), "latency_ms": round(seconds * 1000, 1)}
        logger.info("reranked", extra=facts)
        return _checked(answer, len(passages))

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.close()

    async def _call(self, query: str, passages: Sequence[str]) -> object:
        body = {"model": self._model, "query": query, "documents": list(passages), "top_n": len(passages)}
        with translating():
            return await retried(
                lambda: self._client.post("/rerank", body=body, cast_to=object), self._timeout_seconds
            )


def reranker_of(settings: Settings) -> HttpReranker | None:
    """The reranker of the settings; None when none is configured."""
    if settings.rerank_url is None or settings.rerank_model is None:
        return None
    key = settings.rerank_api_key
    return HttpReranker(
        url=settings.rerank_url,
        model=settings.rerank_model,
        api_key=key.get_secret_value() if key else None,
        timeout_seconds=settings.rerank_timeout_seconds,
    )


def _checked(answer: object, expected: int) -> list[float]:
    try:
        judged = _Response.model_validate(answer).results
    except ValidationError:
        # Its text repeats what was sent, so it goes no further.
        raise _misbehaved("something unreadable") from None
    scores = {each.index: each.relevance_score for each in judged}
    if len(judged) != expected or scores.keys() != set(range(expected)):
        raise _misbehaved("scores of other passages than were sent")
    if not all(map(math.isfinite, scores.values())):
        raise _misbehaved("scores that are not finite")
    return [scores[index] for index in range(expected)]


def _misbehaved(what: str) -> Transient:
    return Transient(f"The reranker sent {what}.", code=ErrorCode.MODEL_MISBEHAVED)
