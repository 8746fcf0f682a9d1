"""One search under way: what was asked, and the hits in the order they have so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import SearchExplanation, SearchHit, SearchPart, SearchRequest, SearchScores
from lorebase.services.fusion import FusedCandidate
from lorebase.services.highlights import Highlighter
from lorebase.services.search_legs import SearchLegs
from lorebase.services.search_plan import SearchPlan


@dataclass(frozen=True)
class Verified:
    """A candidate that PostgreSQL vouches for, its passage, its rank after fusion and after reranking."""

    candidate: FusedCandidate
    chunk: Chunk
    rank: int
    rerank_score: float | None = None
    rerank_rank: int | None = None

    def shown(self, highlighter: Highlighter | None) -> SearchHit:
        """The hit as callers get it."""
        candidate, chunk = self.candidate, self.chunk
        return SearchHit(
            chunk_id=chunk.id,
            document_id=chunk.document_id,
            version_id=chunk.version_id,
            score=candidate.score,
            scores=SearchScores(
                vector=candidate.vector_score, keyword=candidate.keyword_score, rerank=self.rerank_score
            ),
            explanation=SearchExplanation(
                fused_rank=self.rank,
                vector_rank=candidate.vector_rank,
                keyword_rank=candidate.keyword_rank,
                rerank_rank=self.rerank_rank,
            ),
            highlights=highlighter.highlights(chunk.text) if highlighter else (),
        )


@dataclass
class SearchRun:
    """The order is pinned: what a wider round adds comes after what was found.

    `pool` hits are looked for whatever page is asked, so that sorting them anew gives every page one order.
    """

    request: SearchRequest
    plan: SearchPlan
    legs: SearchLegs
    pool: int = 0
    hits: list[Verified] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)
    degraded: list[SearchPart] = field(default_factory=list)
    dropped: int = 0

    @property
    def end(self) -> int:
        """Hits up to the page's end."""
        return self.request.offset + self.request.limit

    @property
    def wanted(self) -> int:
        """Hits to look for: the page's end, and one more to know whether others follow."""
        return max(self.end + 1, self.pool)

    def add(self, checked: Iterable[tuple[int, FusedCandidate]], chunks: Mapping[UUID, Chunk]) -> None:
        """Keeps the candidates that are among the passages vouched for."""
        for rank, candidate in checked:
            self.seen.add(candidate.chunk_id)
            chunk = chunks.get(candidate.chunk_id)
            if chunk is None:
                self.dropped += 1
            else:
                self.hits.append(Verified(candidate, chunk, rank))
