"""The two legs of a search, run side by side: vectors and words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import UUID

from lorebase.core.errors import Transient, Unavailable
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.clock import Clock
from lorebase.ports.embedder import Embedder
from lorebase.ports.keyword_index import KeywordIndex
from lorebase.schemas.search import KeywordQuery, ScoredChunk, SearchedQuery, SearchMode, VectorQuery
from lorebase.services.search.patience import Patience
from lorebase.services.search.search_plan import KeywordSource, SearchPlan, VectorSource

# Postings know no filters but documents: without those more are fetched, to be checked afterwards.
_UNFILTERED = 5

_Result = TypeVar("_Result")


@dataclass
class Timings:
    """Milliseconds spent by step, summed over rounds; legs run side by side, so they overlap."""

    milliseconds: dict[str, float] = field(default_factory=dict)

    def add(self, step: str, seconds: float) -> None:
        """Adds to a step."""
        self.milliseconds[step] = self.milliseconds.get(step, 0.0) + seconds * 1000


@dataclass(frozen=True)
class Found:
    """What the legs found: a list a model, and a list an analyser, None when those ran out of time."""

    vector: tuple[tuple[ScoredChunk, ...], ...]
    keyword: tuple[tuple[ScoredChunk, ...], ...] | None
    exhausted: bool


class SearchLegs:
    """The legs of one query of a search; a second, wider round embeds nothing again."""

    def __init__(
        self,
        *,
        keywords: KeywordIndex,
        embedder: Embedder,
        index: ChunkIndex,
        patience: Patience,
        clock: Clock,
        plan: SearchPlan,
        query: SearchedQuery,
        terms: Mapping[int, tuple[int, ...]],
        mode: SearchMode,
        keyword_timeout_ms: int,
        timings: Timings,
    ) -> None:
        """`terms` are those of the query by analyser version; without any only meaning is searched for."""
        self._keywords = keywords
        self._embedder = embedder
        self._index = index
        self._patience = patience
        self._clock = clock
        self._plan = plan
        self.query = query
        self._terms = terms
        self._mode = mode
        self._keyword_timeout_ms = keyword_timeout_ms
        self._vectors: dict[UUID, tuple[float, ...]] = {}
        self._out_of_time = False
        self.timings = timings

    async def run(self, limit: int) -> Found:
        """At most `limit` candidates a leg.

        Raises Unavailable when Milvus stays away or the embedding model does not answer; a keyword leg out of
        time is None, unless it is the only one.
        """
        if self._plan.document_ids == ():
            return Found(vector=(), keyword=(), exhausted=True)
        sources = () if self._mode is SearchMode.KEYWORD else self._plan.sources
        worded = () if self._mode is SearchMode.VECTOR else self._plan.keyword_sources
        try:
            async with asyncio.TaskGroup() as group:
                vector = [group.create_task(self._search_vectors(source, limit)) for source in sources]
                keyword = [group.create_task(self._search_keywords(source, limit)) for source in worded]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return _found([task.result() for task in vector], [task.result() for task in keyword], limit)

    async def _search_vectors(self, source: VectorSource, limit: int) -> list[ScoredChunk]:
        if source.model.id not in self._vectors:
            embedded = await self._timed("embed", self._embedder.embed(source.model, [self.query.text]))
            self._vectors[source.model.id] = embedded.vectors[0]
        query = VectorQuery(
            vector=self._vectors[source.model.id],
            limit=limit,
            knowledge_base_ids=source.knowledge_base_ids,
            filter=self._plan.leg_filter,
            document_ids=self._plan.document_ids,
        )
        asked = partial(self._index.search, source.address, query)
        return await self._timed("vector", self._patience.call(asked))

    async def _search_keywords(self, source: KeywordSource, limit: int) -> list[ScoredChunk] | None:
        terms = self._terms.get(source.analyser_version)
        if not terms:
            return []
        if self._out_of_time:
            return None
        query = KeywordQuery(
            terms=terms,
            analyser_version=source.analyser_version,
            limit=limit * (_UNFILTERED if self._plan.filters_late else 1),
            knowledge_base_ids=source.knowledge_base_ids,
            filter=self._plan.leg_filter,
            document_ids=self._plan.document_ids,
        )
        asked = self._keywords.search(source.address, query, self._keyword_timeout_ms)
        try:
            return await self._timed("keyword", asked)
        except Unavailable:
            raise
        except Transient:
            if self._mode is SearchMode.KEYWORD:
                raise
            self._out_of_time = True
            return None

    async def _timed(self, step: str, work: Awaitable[_Result]) -> _Result:
        started = self._clock.monotonic()
        try:
            return await work
        finally:
            self.timings.add(step, self._clock.monotonic() - started)


async def run_all(queries: Sequence[SearchLegs], limit: int) -> list[Found]:
    """What each query finds, in their order, run side by side. Raises as SearchLegs.run does."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(legs.run(limit)) for legs in queries]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _found(
    vector: Sequence[list[ScoredChunk]], keyword: Sequence[list[ScoredChunk] | None], limit: int
) -> Found:
    """One list of words that is out of time leaves them all out, or its knowledge bases would find less."""
    in_time = [hits for hits in keyword if hits is not None]
    full = [len(hits) >= limit for hits in (*vector, *in_time)]
    return Found(
        vector=tuple(map(tuple, vector)),
        keyword=tuple(map(tuple, in_time)) if len(in_time) == len(keyword) else None,
        exhausted=not any(full),
    )
