"""Sorts the first hits of a search by what a reranker thinks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lorebase.ports.reranker import Reranker
from lorebase.services.embeddings.embedding_text import embedding_text
from lorebase.services.search.search_hits import Verified


async def reranked(reranker: Reranker, query: str, hits: Sequence[Verified], count: int) -> list[Verified]:
    """The first `count` hits by relevance, equal ones in the order they had; then the others as they were.

    Raises as Reranker.rerank does.
    """
    first = hits[:count]
    scores = await reranker.rerank(query, [_text(hit) for hit in first])
    judged = sorted(zip(scores, first, strict=True), key=lambda pair: -pair[0])
    best = [replace(hit, rerank_score=score, rerank_rank=rank) for rank, (score, hit) in enumerate(judged, 1)]
    return [*best, *hits[count:]]


def _text(hit: Verified) -> str:
    return embedding_text("", hit.chunk.section, hit.chunk.text)
