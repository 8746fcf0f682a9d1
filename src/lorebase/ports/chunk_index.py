"""Vectors of passages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.embeddings import EmbeddingModel
from lorebase.schemas.search import (
    ChunkVector,
    ChunkWeights,
    PartitionAddress,
    ScoredChunk,
    VectorIdentity,
    VectorQuery,
)


class ChunkIndex(Protocol):
    """Vectors with metadata, one collection per embedding version, one partition per tenant or bucket.

    Every call names the tenant; reads filter by it besides the partition. All raise
    Unavailable(VECTOR_STORE_UNAVAILABLE) when the store is out of reach.
    """

    async def ensure_partition(self, address: PartitionAddress) -> None:
        """Makes the partition when it is not there; may be repeated. Never makes a collection."""
        ...

    async def upsert(
        self, address: PartitionAddress, rows: Sequence[ChunkVector] | Sequence[ChunkWeights]
    ) -> None:
        """Writes rows under the primary key `chunk_id`; writing the same row again changes nothing.

        Embeddings go to the collection of their model, weights of terms to that of their analyser.
        """
        ...

    async def delete(
        self,
        address: PartitionAddress,
        document_id: UUID,
        *,
        above_generation: int | None = None,
        below_generation: int | None = None,
        from_ordinal: int = 0,
    ) -> None:
        """Removes the document's rows of the generations between both bounds, which stay; all without them.

        Whoever cleans up names what is old, never what is new: a process that froze before this call and goes
        on after a newer generation went live then cannot touch it. Passages below `from_ordinal` stay.
        """
        ...

    async def count(
        self, address: PartitionAddress, document_id: UUID, *, generation: int | None = None
    ) -> int:
        """How many rows of the document there are, with strong consistency."""
        ...

    async def count_each(
        self, address: PartitionAddress, document_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[int, int]]:
        """How many rows of each document there are, by generation, with strong consistency.

        What has no rows is left out. For many documents this costs a few looks at the store, not one each.
        """
        ...

    def identities(
        self, address: PartitionAddress, *, after: UUID | None = None, through: UUID | None = None
    ) -> AsyncIterator[Sequence[VectorIdentity]]:
        """All rows of the tenant whose document id is above `after` and at most `through`, each once.

        In pages, with strong consistency. Rows written or removed meanwhile may or may not come.
        """
        ...

    async def delete_all(
        self, address: PartitionAddress, knowledge_base_id: UUID, document_ids: Sequence[UUID] | None = None
    ) -> None:
        """Removes all rows of a knowledge base, or of some of its documents."""
        ...

    async def count_all(self, address: PartitionAddress, knowledge_base_id: UUID) -> int:
        """How many rows of a knowledge base there are, with strong consistency."""
        ...

    async def search(self, address: PartitionAddress, query: VectorQuery) -> list[ScoredChunk]:
        """The nearest passages by cosine similarity, best first. Hits are candidates: callers check them."""
        ...


class CollectionAdministration(Protocol):
    """Makes and removes collections: for `migrate` and admin commands, never for a request or a job."""

    async def create(self, model: EmbeddingModel) -> bool:
        """Creates the collection of a model version with explicit schema and indexes, or checks that it fits.

        Returns whether it was made; raises Conflict when one exists with another schema.
        """
        ...

    async def create_keywords(self, collection: str) -> bool:
        """The same for a collection of the weights of terms."""
        ...

    async def drop(self, collection: str) -> None:
        """Removes a collection; no error when it is gone already."""
        ...
