"""Ports of one process that may die: each call is a step before it acts and another after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import SystemUnitOfWork, UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.embeddings import EmbeddingModel, Embeddings
from lorebase.schemas.search import (
    ChunkVector,
    ChunkWeights,
    PartitionAddress,
    ScoredChunk,
    VectorIdentity,
    VectorQuery,
)
from tests.fakes.blob_store import FakeBlobStore
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.faults import Faults


class FaultyIndex:
    """A chunk index as one process sees it."""

    def __init__(self, index: ChunkIndex, faults: Faults) -> None:
        self._index = index
        self._faults = faults

    async def ensure_partition(self, address: PartitionAddress) -> None:
        await self._index.ensure_partition(address)

    async def upsert(
        self, address: PartitionAddress, rows: Sequence[ChunkVector] | Sequence[ChunkWeights]
    ) -> None:
        await self._faults.step()
        # Dying in the middle leaves half of the rows.
        half = len(rows) // 2
        await self._index.upsert(address, rows[:half])
        await self._faults.step()
        await self._index.upsert(address, rows[half:])
        await self._faults.step()

    async def delete(
        self,
        address: PartitionAddress,
        document_id: UUID,
        *,
        above_generation: int | None = None,
        below_generation: int | None = None,
        from_ordinal: int = 0,
    ) -> None:
        await self._faults.step()
        await self._index.delete(
            address,
            document_id,
            above_generation=above_generation,
            below_generation=below_generation,
            from_ordinal=from_ordinal,
        )
        await self._faults.step()

    async def identities(
        self, address: PartitionAddress, *, after: UUID | None = None, through: UUID | None = None
    ) -> AsyncIterator[Sequence[VectorIdentity]]:
        await self._faults.step()
        async for page in self._index.identities(address, after=after, through=through):
            yield page
            await self._faults.step()

    async def count(
        self, address: PartitionAddress, document_id: UUID, *, generation: int | None = None
    ) -> int:
        await self._faults.step()
        return await self._index.count(address, document_id, generation=generation)

    async def count_each(
        self, address: PartitionAddress, document_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[int, int]]:
        await self._faults.step()
        return await self._index.count_each(address, document_ids)

    async def delete_all(
        self, address: PartitionAddress, knowledge_base_id: UUID, document_ids: Sequence[UUID] | None = None
    ) -> None:
        await self._faults.step()
        await self._index.delete_all(address, knowledge_base_id, document_ids)
        await self._faults.step()

    async def count_all(self, address: PartitionAddress, knowledge_base_id: UUID) -> int:
        await self._faults.step()
        return await self._index.count_all(address, knowledge_base_id)

    async def search(self, address: PartitionAddress, query: VectorQuery) -> list[ScoredChunk]:
        return await self._index.search(address, query)


class FaultyBlobs:
    """A blob store as one process sees it."""

    def __init__(self, blobs: FakeBlobStore, faults: Faults) -> None:
        self._blobs = blobs
        self._faults = faults

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        await self._faults.step()
        await self._blobs.put(key, chunks)
        await self._faults.step()

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[Path]:
        await self._faults.step()
        async with self._blobs.open(key) as path:
            yield path

    def read(self, key: str) -> AsyncIterator[bytes]:
        return self._blobs.read(key)

    async def delete(self, key: str) -> None:
        await self._faults.step()
        await self._blobs.delete(key)
        await self._faults.step()

    def keys(self, prefix: str) -> AsyncIterator[str]:
        return self._blobs.keys(prefix)

    def leftovers(self, prefix: str, before: datetime) -> AsyncIterator[str]:
        return self._blobs.leftovers(prefix, before)


class FaultyEmbedder:
    """An embedder as one process sees it."""

    def __init__(self, embedder: FakeEmbedder, faults: Faults) -> None:
        self._embedder = embedder
        self._faults = faults

    async def embed(self, model: EmbeddingModel, texts: Sequence[str]) -> Embeddings:
        await self._faults.step()
        embedded = await self._embedder.embed(model, texts)
        await self._faults.step()
        return embedded


class FaultyUnits:
    """Units of work as one process sees them: each beginning is a step."""

    def __init__(self, units: UnitOfWorkFactory, faults: Faults) -> None:
        self._units = units
        self._faults = faults

    @asynccontextmanager
    async def for_workspace(self, workspace_id: UUID) -> AsyncIterator[UnitOfWork]:
        """A transaction that sees this workspace only."""
        await self._faults.step()
        async with self._units.for_workspace(workspace_id) as uow:
            yield uow

    @asynccontextmanager
    async def for_system(self) -> AsyncIterator[SystemUnitOfWork]:
        """A transaction across workspaces."""
        await self._faults.step()
        async with self._units.for_system() as uow:
            yield uow
