"""One search under way: what was asked, and the hits in the order they have so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from lorebase.schemas.documents import Chunk
from lorebase.schemas.retrieval_profiles import RetrievalProfile
from lorebase.schemas.search import CollapsedCopy, SearchedQuery, SearchHit, SearchPart, SettledRequest
from lorebase.services.search.copies import CopyGroups
from lorebase.services.search.diversity import spread
from lorebase.services.search.fusion import FusedCandidate
from lorebase.services.search.highlights import Highlighter
from lorebase.services.search.search_hits import Conduct, Verified
from lorebase.services.search.search_legs import SearchLegs, Timings
from lorebase.services.search.search_plan import SearchPlan


@dataclass
class SearchRun:
    """The order is pinned: what a wider round adds comes after what was found.

    `pool` hits are looked for whatever page is asked, so that sorting them anew gives every page one order.
    A copy is left out when it is met, so the hits before it, and their order, do not depend on it.
    """

    request: SettledRequest
    plan: SearchPlan
    profile: RetrievalProfile
    queries: tuple[SearchLegs, ...]
    timings: Timings
    pool: int = 0
    hits: list[Verified] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)
    degraded: list[SearchPart] = field(default_factory=list)
    dropped: int = 0
    groups: CopyGroups = field(default_factory=CopyGroups)
    collapsed: dict[UUID, list[CollapsedCopy]] = field(default_factory=lambda: defaultdict(list))

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
            elif not (self.request.collapse_copies and self._collapses(chunk, rank)):
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
        conduct = Conduct(self.profile.key, self.searched, tuple(self.degraded))
        page = self.hits[self.request.offset : self.end]
        return tuple(hit.shown(conduct, highlighter, self.collapsed.get(hit.chunk.id, ())) for hit in page)

    def _collapses(self, chunk: Chunk, rank: int) -> bool:
        copy = self.groups.add(chunk)
        if copy is None:
            return False
        left_out = CollapsedCopy(chunk_id=chunk.id, fused_rank=rank, resemblance=copy.resemblance)
        self.collapsed[copy.of].append(left_out)
        return True
