"""Hits of a search under way, and how each is explained to those who asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import (
    CollapsedCopy,
    SearchedQuery,
    SearchExplanation,
    SearchHit,
    SearchPart,
    SearchScores,
)
from lorebase.services.search.fusion import FusedCandidate
from lorebase.services.search.highlights import Highlighter

# Whoever wants more than these may search without collapsing.
_COPIES_SHOWN = 20


@dataclass(frozen=True)
class Conduct:
    """How the whole search was done."""

    profile: str
    queries: tuple[SearchedQuery, ...]
    degraded: tuple[SearchPart, ...]


@dataclass(frozen=True)
class Verified:
    """A candidate that PostgreSQL vouches for, its passage, its rank after fusion and after reranking."""

    candidate: FusedCandidate
    chunk: Chunk
    rank: int
    rerank_score: float | None = None
    rerank_rank: int | None = None

    @property
    def relevance(self) -> float:
        """By the reranker when it judged the hit, else by fusion."""
        return self.candidate.score if self.rerank_score is None else self.rerank_score

    def shown(
        self, conduct: Conduct, highlighter: Highlighter | None, copies: Sequence[CollapsedCopy]
    ) -> SearchHit:
        """The hit as callers get it, with the copies that it stands for."""
        candidate, chunk = self.candidate, self.chunk
        return SearchHit(
            chunk_id=chunk.id,
            document_id=chunk.document_id,
            version_id=chunk.version_id,
            score=candidate.score,
            scores=SearchScores(
                vector=candidate.vector_score, keyword=candidate.keyword_score, rerank=self.rerank_score
            ),
            explanation=self._explanation(conduct, copies),
            highlights=highlighter.highlights(chunk.text) if highlighter else (),
            copies=len(copies),
        )

    def _explanation(self, conduct: Conduct, copies: Sequence[CollapsedCopy]) -> SearchExplanation:
        return SearchExplanation(
            fused_rank=self.rank,
            vector_rank=self.candidate.vector_rank,
            keyword_rank=self.candidate.keyword_rank,
            rerank_rank=self.rerank_rank,
            collapsed=tuple(copies[:_COPIES_SHOWN]),
            profile=conduct.profile,
            queries=conduct.queries,
            degraded=conduct.degraded,
        )
