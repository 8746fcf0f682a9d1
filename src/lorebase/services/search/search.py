"""Hybrid search: two legs, one order, and nothing shown that PostgreSQL does not vouch for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import LorebaseError
from lorebase.core.metrics import HITS_DROPPED, SEARCH_SECONDS
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.clock import Clock
from lorebase.ports.embedder import Embedder
from lorebase.ports.keyword_index import KeywordIndex
from lorebase.ports.reranker import Reranker
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.retrieval_profiles import ExpansionMethod, RetrievalProfile
from lorebase.schemas.search import (
    Expansion,
    QueryKind,
    SearchedQuery,
    SearchMode,
    SearchPart,
    SearchRequest,
    SearchResult,
    SettledRequest,
)
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import require
from lorebase.services.keywords.analysers import analyser_of
from lorebase.services.keywords.keyword_search import PostingsIndex
from lorebase.services.search.fusion import FusedCandidate
from lorebase.services.search.highlights import Highlighter
from lorebase.services.search.patience import Patience
from lorebase.services.search.query_expansion import QueryExpander, searched_queries
from lorebase.services.search.reranking import reranked
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from lorebase.services.search.search_fusion import SearchFusion
from lorebase.services.search.search_legs import Found, SearchLegs, Timings, run_all
from lorebase.services.search.search_plan import SearchPlan, read_plan
from lorebase.services.search.search_rules import check_request
from lorebase.services.search.search_run import SearchRun

_WIDER = 5
# Enough for the last page that a cursor can ask for.
_DEPTH_MAXIMUM = 1101
_LEAST_CHECKED = 30
# Comparing every pair of more would cost more than the search.
_SPREAD_HITS = 50

# How a language is told does not depend on the version.
_LANGUAGES = analyser_of(FIRST_ANALYSER)

_logger = logging.getLogger(__name__)


class SearchService:
    """Finds passages. Stateless."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        embedder: Embedder,
        index: ChunkIndex,
        settings: Settings,
        clock: Clock,
        reranker: Reranker | None = None,
        keywords: KeywordIndex | None = None,
        profiles: RetrievalProfiles | None = None,
        expander: QueryExpander | None = None,
    ) -> None:
        """Words are looked up in PostgreSQL's postings unless another index of them is given.

        Without `profiles` those built in are there; without an expander none that asks a chat model.
        """
        self._units = units
        self._keywords: KeywordIndex = keywords or PostingsIndex(units)
        self._embedder = embedder
        self._index = index
        self._patience = Patience(clock, settings.search_patience_seconds)
        self._settings = settings
        self._clock = clock
        self._reranker = reranker
        self._profiles = profiles or RetrievalProfiles(settings)
        self._expander = expander
        self._fusion = SearchFusion(_LANGUAGES)

    async def search(
        self, principal: Principal, request: SearchRequest, *, highlighted: bool = True
    ) -> SearchResult:
        """The page of hits asked for, best first.

        Forbidden without READ; BadInput and NotFound as for `retrieve`; Unavailable with
        VECTOR_STORE_UNAVAILABLE or MODEL_UNAVAILABLE when the vector leg is wanted and cannot run. A keyword
        leg out of time, a reranker that fails and a chat model that cannot expand the query are left out and
        named in `degraded`.
        """
        require(principal, ApiScope.READ)
        return await self.retrieve(principal.workspace_id, request, highlighted=highlighted)

    async def retrieve(
        self,
        workspace_id: UUID,
        request: SearchRequest,
        *,
        index_id: UUID | None = None,
        highlighted: bool = True,
    ) -> SearchResult:
        """The same without a check of scopes, for work that was allowed before.

        `index_id` names the index to search in place of the active one, when there is one knowledge base.
        Finding the matched words takes time for each passage: `highlighted` says whether they are wanted.

        BadInput for a request that breaks a rule, NotFound for a knowledge base that is not in the workspace.
        """
        started = self._clock.monotonic()
        profile, settled = self._profiles.applied(request)
        check_request(settled, self._settings)
        async with self._units.for_workspace(workspace_id) as uow:
            plan = await read_plan(uow, settled, self._settings, index_id)
        timings = Timings()
        expansion = await self._expansion(profile, settled, plan, timings)
        run = self._run(settled, plan, profile, expansion or Expansion(), timings)
        await self._rank(run)
        await self._sort_anew(run)
        result = SearchResult(
            hits=run.page(_highlighter(plan, request) if highlighted else None),
            has_next=len(run.hits) > run.end,
            index_ids=plan.index_ids,
            took_ms=round((self._clock.monotonic() - started) * 1000),
            degraded=tuple(run.degraded),
            profile=profile.key,
            queries=run.searched,
            expansion=expansion,
        )
        _log(result, run)
        return result

    async def _expansion(
        self, profile: RetrievalProfile, request: SearchRequest, plan: SearchPlan, timings: Timings
    ) -> Expansion | None:
        """What the profile has a chat model add, made once for all pages; None when it asks none.

        Where the filter leaves no document the model would be paid for nothing.
        """
        if profile.expansion is ExpansionMethod.NONE or plan.document_ids == ():
            return None
        if request.expansion is not None:
            return request.expansion
        if self._expander is None:
            return Expansion(failed=True)
        started = self._clock.monotonic()
        try:
            return await self._expander.expand(profile, request.query)
        finally:
            timings.add("expand", self._clock.monotonic() - started)

    def _run(
        self,
        request: SettledRequest,
        plan: SearchPlan,
        profile: RetrievalProfile,
        expansion: Expansion,
        timings: Timings,
    ) -> SearchRun:
        queries = searched_queries(request.query, profile.expansion, expansion)
        legs = tuple(self._legs(plan, query, request.mode, timings) for query in queries)
        degraded = [SearchPart.EXPANSION] if expansion.failed else []
        return SearchRun(request, plan, profile, legs, timings, self._pool(request), degraded=degraded)

    def _legs(self, plan: SearchPlan, query: SearchedQuery, mode: SearchMode, timings: Timings) -> SearchLegs:
        # The words of a passage that a model made up are nobody's: only its meaning is searched for.
        made_up = query.kind is QueryKind.HYPOTHETICAL
        return SearchLegs(
            keywords=self._keywords,
            embedder=self._embedder,
            index=self._index,
            patience=self._patience,
            clock=self._clock,
            plan=plan,
            query=query,
            terms={} if made_up else _terms(plan, query),
            mode=SearchMode.VECTOR if made_up else mode,
            keyword_timeout_ms=self._settings.keyword_timeout_ms,
            timings=timings,
        )

    async def _rank(self, run: SearchRun) -> None:
        """Fills the order, round by round, each wider, until there are enough or the legs find no more.

        The depths are the same for every page: fusion depends on them, and pages have one order.
        """
        depth = self._settings.search_candidates + 1
        while True:
            found = await run_all(run.queries, depth)
            await self._verify(run, self._fusion.fused(found, run))
            if len(run.hits) >= run.wanted or _finds_no_more(found, run) or depth >= _DEPTH_MAXIMUM:
                break
            depth = min(depth * _WIDER, _DEPTH_MAXIMUM)
        if any(each.keyword is None for each in found):
            run.degraded.append(SearchPart.KEYWORD)

    async def _sort_anew(self, run: SearchRun) -> None:
        request = run.request
        if request.offset >= run.pool:
            return
        if self._reranker is not None and request.rerank is not False:
            await self._rerank(run, self._reranker)
        if request.mmr_lambda is not None:
            run.spread(_SPREAD_HITS, request.mmr_lambda)

    async def _rerank(self, run: SearchRun, reranker: Reranker) -> None:
        started = self._clock.monotonic()
        count = self._settings.rerank_candidates
        try:
            run.hits = await reranked(reranker, run.request.query, run.hits, count)
        except LorebaseError as error:
            _logger.warning("search goes without reranking", extra={"code": error.code.value})
            run.degraded.append(SearchPart.RERANK)
        finally:
            run.timings.add("rerank", self._clock.monotonic() - started)

    def _pool(self, request: SearchRequest) -> int:
        """Hits that are sorted anew, whichever page is asked for."""
        reranks = self._reranker is not None and request.rerank is not False
        spreads = request.mmr_lambda is not None
        return max(self._settings.rerank_candidates if reranks else 0, _SPREAD_HITS if spreads else 0)

    async def _verify(self, run: SearchRun, fused: list[FusedCandidate]) -> None:
        """Checks candidates in order, as many at a time as may be needed, until there are enough."""
        started = self._clock.monotonic()
        fresh = [(rank, entry) for rank, entry in enumerate(fused, 1) if entry.chunk_id not in run.seen]
        step = max(2 * run.wanted, _LEAST_CHECKED)
        async with self._units.for_workspace(run.plan.workspace_id) as uow:
            for start in range(0, len(fresh), step):
                if len(run.hits) >= run.wanted:
                    break
                part = fresh[start : start + step]
                ids = [entry.chunk_id for _, entry in part]
                run.add(part, await uow.chunks.check(ids, run.plan.index_ids, run.request.filter))
        run.timings.add("check", self._clock.monotonic() - started)


def _terms(plan: SearchPlan, query: SearchedQuery) -> dict[int, tuple[int, ...]]:
    return {version: analyser_of(version).query_terms(query.text) for version in plan.analyser_versions}


def _highlighter(plan: SearchPlan, request: SearchRequest) -> Highlighter:
    return Highlighter([analyser_of(version) for version in plan.analyser_versions], request.query)


def _finds_no_more(found: Sequence[Found], run: SearchRun) -> bool:
    """Whether a wider round could add nothing."""
    return all(_is_done(each, run.request.min_score) for each in found)


def _is_done(found: Found, least: float | None) -> bool:
    if found.exhausted or least is None:
        return found.exhausted
    return all(not hits or any(hit.score < least for hit in hits) for hits in found.vector)


def _log(result: SearchResult, run: SearchRun) -> None:
    steps = {f"{step}_ms": round(value, 1) for step, value in run.timings.milliseconds.items()}
    for step, value in run.timings.milliseconds.items():
        SEARCH_SECONDS.labels(step).observe(value / 1000)
    SEARCH_SECONDS.labels("all").observe(result.took_ms / 1000)
    HITS_DROPPED.inc(run.dropped)
    facts = {
        "mode": run.request.mode.value,
        "profile": result.profile,
        "queries": len(result.queries),
        "knowledge_bases": len(run.plan.knowledge_base_ids),
        "filtered": run.request.filter is not None,
        "took_ms": result.took_ms,
        "hits": len(result.hits),
        "dropped": run.dropped,
        "degraded": list(result.degraded),
    }
    _logger.info("search", extra={**facts, **steps})
