"""Judging passages against a query, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """A cross-encoder, local or remote."""

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        """The relevance of each passage, in the order given; higher is better, comparable in one call only.

        Raises Unavailable(MODEL_UNAVAILABLE) when the server stays out of reach, busy or silent,
        Transient(MODEL_MISBEHAVED) for scores that are missing, doubled or not finite,
        Permanent(MODEL_REFUSED) when it refuses the input or the key. Logs latency, never a text.
        """
        ...
