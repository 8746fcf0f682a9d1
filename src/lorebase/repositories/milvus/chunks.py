"""ChunkIndex on Milvus: one collection a model version, one partition a tenant or a bucket of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from lorebase.repositories.milvus import columns as c
from lorebase.repositories.milvus.conditions import NEVER, Comparison, Condition, Field, Scalar, all_of
from lorebase.repositories.milvus.connection import MilvusConnection, MilvusConnections
from lorebase.repositories.milvus.errors import PartitionMissing, translated
from lorebase.repositories.milvus.filters import (
    document_condition,
    documents_condition,
    knowledge_base_condition,
    tenant_condition,
)
from lorebase.repositories.milvus.nearest import NearestPassages
from lorebase.repositories.milvus.rendering import render
from lorebase.repositories.milvus.rows import Cell, row, vector_bytes
from lorebase.schemas.search import (
    ChunkVector,
    ChunkWeights,
    PartitionAddress,
    ScoredChunk,
    VectorIdentity,
    VectorQuery,
)

_BATCH_ROWS = 500
_BATCH_BYTES = 8 << 20
_ROW_BYTES = 4096
_PAGE_ROWS = 5000
_COUNTED_TOGETHER = 500
_COUNT = "count(*)"
_IDENTITY_FIELDS = [c.CHUNK_ID, c.DOCUMENT_ID, c.GENERATION, c.ORDINAL]


class MilvusChunkIndex:
    """Speaks to a server and to Milvus Lite behind its owner alike; `timeout_seconds` bounds every call."""

    def __init__(self, uri: str, token: str | None, timeout_seconds: float) -> None:
        self._connections = MilvusConnections(uri, token, timeout_seconds)
        self._timeout = timeout_seconds
        self._nearest = NearestPassages(self._connections, timeout_seconds)

    async def close(self) -> None:
        """Closes the connection of the running event loop."""
        await self._connections.close()

    async def ping(self) -> None:
        """Raises Unavailable(VECTOR_STORE_UNAVAILABLE) unless Milvus answers."""
        connection = await self._connections.get()
        with translated("ping"):
            await connection.client.get_server_version(timeout=self._timeout)

    async def ensure_partition(self, address: PartitionAddress) -> None:
        """Makes the partition when it is not there."""
        connection = await self._connections.get()
        if await self._has_partition(connection, address):
            return
        try:
            with translated("create partition"):
                await connection.client.create_partition(
                    address.collection, address.partition, timeout=self._timeout
                )
        except Exception:
            # Another worker may have made it meanwhile, which Lite calls an error.
            if not await self._has_partition(connection, address):
                raise

    async def upsert(
        self, address: PartitionAddress, rows: Sequence[ChunkVector] | Sequence[ChunkWeights]
    ) -> None:
        """Writes rows under the primary key `chunk_id`, in batches that fit a message."""
        if any(chunk.workspace_id != address.workspace_id for chunk in rows):
            raise ValueError("a row of another workspace")
        connection = await self._connections.get()
        for batch in _batches(rows):
            with translated("upsert"):
                await connection.client.upsert(
                    address.collection, batch, partition_name=address.partition, timeout=self._timeout
                )

    async def delete(
        self,
        address: PartitionAddress,
        document_id: UUID,
        *,
        above_generation: int | None = None,
        below_generation: int | None = None,
        from_ordinal: int = 0,
    ) -> None:
        """Removes the document's rows of the generations between both bounds, from an ordinal on."""
        bounds = (
            (c.GENERATION, ">", above_generation),
            (c.GENERATION, "<", below_generation),
            (c.ORDINAL, ">=", from_ordinal or None),
        )
        await self._delete(address, all_of([document_condition(address, document_id), *_bounded(bounds)]))

    async def delete_all(
        self, address: PartitionAddress, knowledge_base_id: UUID, document_ids: Sequence[UUID] | None = None
    ) -> None:
        """Removes all rows of a knowledge base, or of some of its documents."""
        condition = knowledge_base_condition(address, knowledge_base_id, document_ids)
        if condition != NEVER:
            await self._delete(address, condition)

    async def _delete(self, address: PartitionAddress, condition: Condition) -> None:
        connection = await self._connections.get()
        expression = render(condition, connection.dialect)
        try:
            with translated("delete"):
                await connection.client.delete(
                    address.collection,
                    filter=expression.text,
                    filter_params=expression.parameters,
                    partition_name=address.partition,
                    timeout=self._timeout,
                )
        except PartitionMissing:
            return

    async def count(
        self, address: PartitionAddress, document_id: UUID, *, generation: int | None = None
    ) -> int:
        """How many rows of the document there are, with strong consistency."""
        condition = document_condition(address, document_id)
        if generation is not None:
            condition = all_of([condition, _of_generation(generation)])
        return await self._count(address, condition)

    async def count_all(self, address: PartitionAddress, knowledge_base_id: UUID) -> int:
        """How many rows of a knowledge base there are, with strong consistency."""
        return await self._count(address, knowledge_base_condition(address, knowledge_base_id, None))

    async def _count(self, address: PartitionAddress, condition: Condition) -> int:
        connection = await self._connections.get()
        expression = render(condition, connection.dialect)
        try:
            with translated("count"):
                answer = await connection.client.query(
                    address.collection,
                    filter=expression.text,
                    filter_params=expression.parameters,
                    output_fields=[_COUNT],
                    partition_names=[address.partition],
                    consistency_level="Strong",
                    timeout=self._timeout,
                )
        except PartitionMissing:
            return 0
        return int(answer[0][_COUNT])

    async def count_each(
        self, address: PartitionAddress, document_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[int, int]]:
        """How many rows of each document there are, by generation, with strong consistency."""
        found: defaultdict[UUID, Counter[int]] = defaultdict(Counter)
        ids = list(dict.fromkeys(document_ids))
        for start in range(0, len(ids), _COUNTED_TOGETHER):
            wanted = documents_condition(address, ids[start : start + _COUNTED_TOGETHER])
            async for page in self._pages(address, wanted):
                for one in page:
                    found[one.document_id][one.generation] += 1
        return found

    async def identities(
        self, address: PartitionAddress, *, after: UUID | None = None, through: UUID | None = None
    ) -> AsyncIterator[Sequence[VectorIdentity]]:
        """All rows of the tenant within a range of documents, in pages by ascending key."""
        bounds = (
            (c.DOCUMENT_ID, ">", after.hex if after else None),
            (c.DOCUMENT_ID, "<=", through.hex if through else None),
        )
        async for page in self._pages(address, all_of([tenant_condition(address), *_bounded(bounds)])):
            yield page

    async def _pages(
        self, address: PartitionAddress, wanted: Condition
    ) -> AsyncIterator[Sequence[VectorIdentity]]:
        last = ""
        while True:
            page = await self._page(address, all_of([wanted, Comparison(Field(c.CHUNK_ID), ">", last)]))
            if page:
                yield page
            if len(page) < _PAGE_ROWS:
                return
            last = page[-1].chunk_id.hex

    async def _page(self, address: PartitionAddress, condition: Condition) -> list[VectorIdentity]:
        connection = await self._connections.get()
        expression = render(condition, connection.dialect)
        try:
            with translated("page"):
                # As pymilvus's own iterator asks: without both, a page is any rows and not the lowest keys.
                answer = await connection.client.query(
                    address.collection,
                    filter=expression.text,
                    filter_params=expression.parameters,
                    output_fields=_IDENTITY_FIELDS,
                    partition_names=[address.partition],
                    consistency_level="Strong",
                    limit=_PAGE_ROWS,
                    iterator="True",
                    reduce_stop_for_best="True",
                    timeout=self._timeout,
                )
        except PartitionMissing:
            return []
        return sorted(map(_identity, answer), key=lambda found: found.chunk_id)

    async def search(self, address: PartitionAddress, query: VectorQuery) -> list[ScoredChunk]:
        """The nearest passages by cosine similarity, best first."""
        return await self._nearest.search(address, query)

    async def _has_partition(self, connection: MilvusConnection, address: PartitionAddress) -> bool:
        with translated("has partition"):
            return bool(
                await connection.client.has_partition(
                    address.collection, address.partition, timeout=self._timeout
                )
            )


def _of_generation(generation: int) -> Condition:
    return Comparison(Field(c.GENERATION), "==", generation)


def _bounded(bounds: Iterable[tuple[str, str, Scalar | None]]) -> Iterator[Condition]:
    return (
        Comparison(Field(column), operator, value) for column, operator, value in bounds if value is not None
    )


def _batches(
    chunks: Sequence[ChunkVector] | Sequence[ChunkWeights],
) -> Iterator[list[dict[str, Cell]]]:
    if chunks:
        widest = max(vector_bytes(chunk) for chunk in chunks)
        per_batch = max(1, min(_BATCH_ROWS, _BATCH_BYTES // (widest + _ROW_BYTES)))
        for start in range(0, len(chunks), per_batch):
            yield [row(chunk) for chunk in chunks[start : start + per_batch]]


def _identity(found: Mapping[str, object]) -> VectorIdentity:
    return VectorIdentity(
        chunk_id=UUID(str(found[c.CHUNK_ID])),
        document_id=UUID(str(found[c.DOCUMENT_ID])),
        generation=int(str(found[c.GENERATION])),
        ordinal=int(str(found[c.ORDINAL])),
    )
