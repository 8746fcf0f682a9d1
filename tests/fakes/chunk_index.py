"""An index of passages in memory that keeps every promise of ChunkIndex."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.schemas.documents import Chunk, Document, DocumentStatus
from lorebase.schemas.filters import DocumentFilter, SearchFilter
from lorebase.schemas.search import (
    ChunkVector,
    ChunkWeights,
    KeywordQuery,
    PartitionAddress,
    ScoredChunk,
    VectorIdentity,
    VectorQuery,
)
from lorebase.services.filters.filter_evaluation import matches_chunk

Place = tuple[str, str]
IndexRow = ChunkVector | ChunkWeights
PAGE_ROWS = 3


class FakeChunkIndex:
    """Collections are made with the first row. `down` makes every call fail.

    `queries` keeps the searches, `asked` keeps them with their collections.
    """

    def __init__(self) -> None:
        self.partitions: dict[Place, dict[UUID, IndexRow]] = {}
        self.queries: list[VectorQuery] = []
        self.asked: list[tuple[str, VectorQuery]] = []
        self.down = False

    async def ensure_partition(self, address: PartitionAddress) -> None:
        self._rows(address)
        self.partitions.setdefault(_place(address), {})

    async def upsert(
        self, address: PartitionAddress, rows: Sequence[ChunkVector] | Sequence[ChunkWeights]
    ) -> None:
        if any(row.workspace_id != address.workspace_id for row in rows):
            raise ValueError("a row of another workspace")
        partition = self._rows(address)
        partition.update({row.chunk_id: row for row in rows})
        self.partitions[_place(address)] = partition

    async def delete(
        self,
        address: PartitionAddress,
        document_id: UUID,
        *,
        above_generation: int | None = None,
        below_generation: int | None = None,
        from_ordinal: int = 0,
    ) -> None:
        rows = self._rows(address)
        doomed = [
            row
            for row in self._of(address, document_id)
            if (above_generation is None or row.generation > above_generation)
            and (below_generation is None or row.generation < below_generation)
            and row.ordinal >= from_ordinal
        ]
        for row in doomed:
            del rows[row.chunk_id]

    async def identities(
        self, address: PartitionAddress, *, after: UUID | None = None, through: UUID | None = None
    ) -> AsyncIterator[Sequence[VectorIdentity]]:
        found = [
            VectorIdentity(
                chunk_id=row.chunk_id,
                document_id=row.document_id,
                generation=row.generation,
                ordinal=row.ordinal,
            )
            for row in self._rows(address).values()
            if row.workspace_id == address.workspace_id
            and (after is None or row.document_id > after)
            and (through is None or row.document_id <= through)
        ]
        for start in range(0, len(found), PAGE_ROWS):
            yield found[start : start + PAGE_ROWS]

    async def count(
        self, address: PartitionAddress, document_id: UUID, *, generation: int | None = None
    ) -> int:
        rows = self._of(address, document_id)
        return sum(generation is None or row.generation == generation for row in rows)

    async def count_each(
        self, address: PartitionAddress, document_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[int, int]]:
        found: defaultdict[UUID, Counter[int]] = defaultdict(Counter)
        for row in self._rows(address).values():
            if row.workspace_id == address.workspace_id and row.document_id in document_ids:
                found[row.document_id][row.generation] += 1
        return found

    async def delete_all(
        self, address: PartitionAddress, knowledge_base_id: UUID, document_ids: Sequence[UUID] | None = None
    ) -> None:
        rows = self._rows(address)
        for row in list(self._in(address, knowledge_base_id)):
            if document_ids is None or row.document_id in document_ids:
                del rows[row.chunk_id]

    async def count_all(self, address: PartitionAddress, knowledge_base_id: UUID) -> int:
        return sum(1 for _ in self._in(address, knowledge_base_id))

    async def search(self, address: PartitionAddress, query: VectorQuery) -> list[ScoredChunk]:
        self.queries.append(query)
        self.asked.append((address.collection, query))
        found = [
            ScoredChunk(
                chunk_id=row.chunk_id,
                document_id=row.document_id,
                generation=row.generation,
                score=cosine(row.vector, query.vector),
            )
            for row in self._rows(address).values()
            if isinstance(row, ChunkVector)
            and row.workspace_id == address.workspace_id
            and may_match(row, query)
        ]
        return sorted(found, key=lambda hit: (-hit.score, hit.chunk_id))[: query.limit]

    def _rows(self, address: PartitionAddress) -> dict[UUID, IndexRow]:
        if self.down:
            raise Unavailable("The vector store does not answer.", code=ErrorCode.VECTOR_STORE_UNAVAILABLE)
        return self.partitions.get(_place(address), {})

    def _of(self, address: PartitionAddress, document_id: UUID) -> Iterator[IndexRow]:
        wanted = (address.workspace_id, document_id)
        return (row for row in self._rows(address).values() if (row.workspace_id, row.document_id) == wanted)

    def _in(self, address: PartitionAddress, knowledge_base_id: UUID) -> Iterator[IndexRow]:
        wanted = (address.workspace_id, knowledge_base_id)
        rows = self._rows(address).values()
        return (row for row in rows if (row.workspace_id, row.knowledge_base_id) == wanted)


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """Cosine similarity; vectors need not have unit length."""
    lengths = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / lengths if lengths else 0.0


def _place(address: PartitionAddress) -> Place:
    return address.collection, address.partition


def may_match(row: IndexRow, query: VectorQuery | KeywordQuery) -> bool:
    """Whether a row is a candidate."""
    if row.knowledge_base_id not in query.knowledge_base_ids:
        return False
    if query.document_ids is not None and row.document_id not in query.document_ids:
        return False
    # A row knows neither status nor last change: like Milvus, answer too much rather than too little.
    if query.filter is None or _asks_postgres(query.filter):
        return True
    return matches_chunk(query.filter, _chunk(row), _document(row))


def _asks_postgres(given: SearchFilter | DocumentFilter) -> bool:
    if isinstance(given, DocumentFilter):
        here = given.status is not None or given.updated_at is not None
    else:
        here = given.document is not None and _asks_postgres(given.document)
    nested: Iterable[SearchFilter | DocumentFilter] = (*(given.and_ or ()), *(given.or_ or ()))
    return here or any(map(_asks_postgres, nested)) or (given.not_ is not None and _asks_postgres(given.not_))


def _chunk(row: IndexRow) -> Chunk:
    return Chunk(
        id=row.chunk_id,
        workspace_id=row.workspace_id,
        document_id=row.document_id,
        version_id=row.version_id,
        ordinal=row.ordinal,
        start_offset=0,
        end_offset=0,
        page=row.page,
        section=(row.context,) if row.context else (),
        token_count=row.token_count,
        text="",
    )


def _document(row: IndexRow) -> Document:
    return Document(
        id=row.document_id,
        workspace_id=row.workspace_id,
        knowledge_base_id=row.knowledge_base_id,
        external_id=None,
        title=row.title,
        language=row.language,
        tags=row.tags,
        metadata=row.metadata,
        media_type=row.media_type,
        status=DocumentStatus.READY,
        generation=row.generation,
        live_generation=row.generation,
        current_version_id=row.version_id,
        version=1,
        created_at=row.created_at,
        updated_at=datetime.now(UTC),
    )
