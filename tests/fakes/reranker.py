"""A reranker without a model: a passage is as relevant as it has words of the query."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lorebase.core.errors import LorebaseError


class FakeReranker:
    """`failure` is raised instead; `calls` keeps what was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.failure: LorebaseError | None = None

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        self.calls.append((query, tuple(passages)))
        if self.failure is not None:
            raise self.failure
        return [shared_words(query, passage) for passage in passages]


def shared_words(query: str, passage: str) -> float:
    """The share of the query's words that stand in the passage."""
    asked, given = (set(re.findall(r"\w+", text.casefold())) for text in (query, passage))
    return len(asked & given) / max(1, len(asked))
