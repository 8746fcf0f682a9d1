"""The nearest passages among those that a search may see, looked for as far as it takes."""

from __future__ import annotations

from lorebase.repositories.milvus import columns as c
from lorebase.repositories.milvus.conditions import NEVER
from lorebase.repositories.milvus.connection import MilvusConnection, MilvusConnections
from lorebase.repositories.milvus.errors import PartitionMissing, translated
from lorebase.repositories.milvus.filters import query_condition
from lorebase.repositories.milvus.hits import FOUND_FIELDS, scored
from lorebase.repositories.milvus.rendering import Dialect, Expression, render
from lorebase.schemas.search import PartitionAddress, ScoredChunk, VectorQuery

_LEAST_BREADTH = 200


class NearestPassages:
    """Searches over connections that others opened and close; `timeout_seconds` bounds every call."""

    def __init__(self, connections: MilvusConnections, timeout_seconds: float) -> None:
        self._connections = connections
        self._timeout = timeout_seconds

    async def search(self, address: PartitionAddress, query: VectorQuery) -> list[ScoredChunk]:
        """At most `query.limit` passages by cosine similarity, best first."""
        connection = await self._connections.get()
        condition = query_condition(address, query, connection.dialect)
        if condition == NEVER or query.limit < 1:
            return []
        expression = render(condition, connection.dialect)
        found: list[ScoredChunk] = []
        for breadth in _breadths(query, connection.dialect):
            found = await self._within(connection, address, query, expression, breadth)
            if len(found) >= query.limit:
                break
        return found

    async def _within(
        self,
        connection: MilvusConnection,
        address: PartitionAddress,
        query: VectorQuery,
        expression: Expression,
        breadth: int,
    ) -> list[ScoredChunk]:
        try:
            with translated("search"):
                answer = await connection.client.search(
                    address.collection,
                    data=[list(query.vector)],
                    anns_field=c.VECTOR,
                    filter=expression.text,
                    filter_params=expression.parameters,
                    limit=query.limit,
                    output_fields=FOUND_FIELDS,
                    partition_names=[address.partition],
                    search_params={"metric_type": "COSINE", "params": {"ef": breadth}},
                    consistency_level="Bounded",
                    timeout=self._timeout,
                )
        except PartitionMissing:
            return []
        return scored(answer[0] if answer else [], address)


def _breadths(query: VectorQuery, dialect: Dialect) -> list[int]:
    """How far to look, and how much farther when that is not enough.

    A partition holds all knowledge bases of a tenant, so every search filters. Where passages of others stand
    nearer to the query, HNSW looks at those first, and gives up before it comes to ours.
    """
    first = max(2 * query.limit, _LEAST_BREADTH, dialect.filtered_breadth)
    return [first, dialect.widest_breadth] if first < dialect.widest_breadth else [first]
