"""KeywordIndex on Milvus: passages hold the weights of their terms as sparse vectors, the query its idf."""

from __future__ import annotations

import asyncio

from lorebase.core.errors import ErrorCode, Transient
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.repositories.milvus import columns as c
from lorebase.repositories.milvus.conditions import NEVER
from lorebase.repositories.milvus.connection import MilvusConnections
from lorebase.repositories.milvus.errors import PartitionMissing, translated
from lorebase.repositories.milvus.filters import query_condition
from lorebase.repositories.milvus.hits import FOUND_FIELDS, scored
from lorebase.repositories.milvus.rendering import render
from lorebase.repositories.milvus.sparse import is_score, query_vector
from lorebase.schemas.search import KeywordQuery, PartitionAddress, ScoredChunk

_SEARCH = {"metric_type": "IP", "params": {"drop_ratio_search": 0.0}}


class MilvusKeywordIndex:
    """Counts come from the postings in PostgreSQL, so that scores are theirs; see ports/keyword_index.py."""

    def __init__(self, units: UnitOfWorkFactory, uri: str, token: str | None, timeout_seconds: float) -> None:
        self._units = units
        self._connections = MilvusConnections(uri, token, timeout_seconds)
        self._timeout = timeout_seconds

    async def close(self) -> None:
        """Closes the connection of the running event loop."""
        await self._connections.close()

    async def search(
        self, address: PartitionAddress, query: KeywordQuery, timeout_ms: int
    ) -> list[ScoredChunk]:
        """The best passages by BM25, best first; Transient when the time is up."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await self._search(address, query, timeout_ms)
        except TimeoutError:
            raise Transient("The keyword search took too long.", code=ErrorCode.OVERLOADED) from None

    async def _search(
        self, address: PartitionAddress, query: KeywordQuery, timeout_ms: int
    ) -> list[ScoredChunk]:
        if not query.terms or query.limit < 1:
            return []
        async with self._units.for_workspace(address.workspace_id) as uow:
            statistics = await uow.keywords.statistics(query.analyser_version, query.terms, timeout_ms)
        vector = query_vector(statistics.inverse_frequencies())
        if not vector:
            return []
        found = await self._nearest(address, query, vector)
        return sorted(found, key=lambda hit: (-hit.score, hit.chunk_id))

    async def _nearest(
        self, address: PartitionAddress, query: KeywordQuery, vector: dict[int, float]
    ) -> list[ScoredChunk]:
        connection = await self._connections.get()
        condition = query_condition(address, query, connection.dialect)
        if condition == NEVER:
            return []
        expression = render(condition, connection.dialect)
        try:
            with translated("keyword search"):
                answer = await connection.client.search(
                    address.collection,
                    data=[vector],
                    anns_field=c.VECTOR,
                    filter=expression.text,
                    filter_params=expression.parameters,
                    limit=query.limit,
                    output_fields=FOUND_FIELDS,
                    partition_names=[address.partition],
                    search_params=_SEARCH,
                    consistency_level="Bounded",
                    timeout=self._timeout,
                )
        except PartitionMissing:
            return []
        return [hit for hit in scored(answer[0] if answer else [], address) if is_score(hit.score)]
