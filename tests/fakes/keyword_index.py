"""The weights of terms in a fake vector store, searched as Milvus does it."""

from __future__ import annotations

from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.search import ChunkWeights, KeywordQuery, PartitionAddress, ScoredChunk
from tests.fakes.chunk_index import FakeChunkIndex, may_match
from tests.fakes.memory.keywords import unsigned


class FakeKeywordIndex:
    """See ports/keyword_index.py; `asked` keeps the searches."""

    def __init__(self, units: UnitOfWorkFactory, store: FakeChunkIndex) -> None:
        self._units = units
        self._store = store
        self.asked: list[tuple[PartitionAddress, KeywordQuery]] = []

    async def search(
        self, address: PartitionAddress, query: KeywordQuery, timeout_ms: int
    ) -> list[ScoredChunk]:
        self.asked.append((address, query))
        async with self._units.for_workspace(address.workspace_id) as uow:
            counted = await uow.keywords.statistics(query.analyser_version, query.terms, timeout_ms)
        idf = {unsigned(term): idf for term, idf in counted.inverse_frequencies().items()}
        rows = self._store.partitions.get((address.collection, address.partition), {}).values()
        hits = [
            ScoredChunk(
                chunk_id=row.chunk_id,
                document_id=row.document_id,
                generation=row.generation,
                score=sum(idf.get(unsigned(term), 0.0) * weight for term, weight in row.weights.items()),
            )
            for row in rows
            if isinstance(row, ChunkWeights)
            and row.workspace_id == address.workspace_id
            and may_match(row, query)
        ]
        found = [hit for hit in hits if hit.score > 0]
        return sorted(found, key=lambda hit: (-hit.score, hit.chunk_id))[: query.limit]
