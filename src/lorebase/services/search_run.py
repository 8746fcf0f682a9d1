"""One search under way: what was asked, and the hits in the order they have so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from lorebase.schemas.documents import Chunk
from lorebase.schemas.retrieval_profiles import RetrievalProfile
from lorebase.schemas.search import (
    SearchedQuery,
    SearchExplanation,
    SearchHit,
    SearchPart,
    SearchRequest,
    SearchScores,
)
from lorebase.services.diversity import Likeness, likeness, spread
from lorebase.services.fusion import FusedCandidate
from lorebase.services.highlights import Highlighter
from lorebase.services.search_legs import SearchLegs, Timings
from lorebase.services.search_plan import SearchPlan


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

    def shown(self, run: SearchRun, highlighter: Highlighter | None, copies: int) -> SearchHit:
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
                profile=run.profile.key,
                queries=run.searched,
                degraded=tuple(run.degraded),
            ),
            highlights=highlighter.highlights(chunk.text) if highlighter else (),
            copies=copies,
        )


@dataclass
class SearchRun:
    """The order is pinned: what a wider round adds comes after what was found.

    `pool` hits are looked for whatever page is asked, so that sorting them anew gives every page one order.
    """

    request: SearchRequest
    plan: SearchPlan
    profile: RetrievalProfile
    queries: tuple[SearchLegs, ...]
    timings: Timings
    pool: int = 0
    hits: list[Verified] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)
    degraded: list[SearchPart] = field(default_factory=list)
    dropped: int = 0
    copies: Counter[Likeness] = field(default_factory=Counter)

    @property
    def searched(self) -> tuple[SearchedQuery, ...]:
        """The queries that were searched, the caller's own first."""
        return tuple(legs.query for legs in self.queries)

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
            elif not (self.request.collapse_copies and self._is_copy(chunk)):
                self.hits.append(Verified(candidate, chunk, rank))

    def spread(self, count: int, trade_off: float) -> None:
        """Sorts the first hits by maximal marginal relevance: those that were reranked, if any were.

        Scores of fusion and of a reranker are not comparable.
        """
        reranked = [hit for hit in self.hits if hit.rerank_score is not None]
        first = (reranked or self.hits)[:count]
        order = spread([hit.chunk.text for hit in first], [hit.relevance for hit in first], trade_off)
        self.hits[: len(first)] = [first[place] for place in order]

    def page(self, highlighter: Highlighter | None) -> tuple[SearchHit, ...]:
        """The hits asked for, as callers get them."""
        page = self.hits[self.request.offset : self.end]
        copies = [max(0, self.copies[likeness(hit.chunk)] - 1) for hit in page]
        return tuple(hit.shown(self, highlighter, count) for hit, count in zip(page, copies, strict=True))

    def _is_copy(self, chunk: Chunk) -> bool:
        known = likeness(chunk)
        self.copies[known] += 1
        return self.copies[known] > 1
