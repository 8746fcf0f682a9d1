"""Storage of embedding indexes that are built, switched and retired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.embeddings import EmbeddingIndex, HeldDocument, NewIndex, RetiredIndex


class IndexRepository(Protocol):
    """Indexes of the workspace of the unit of work, as those see them who change them."""

    async def hold(self, knowledge_base_id: UUID) -> None:
        """Keeps the set of indexes as it is until the transaction ends; many may hold it at once.

        Whoever makes a document live holds it, and has written to every index there is: so an index that is
        added misses no document but those that were live before it.
        """
        ...

    async def add(self, index: NewIndex) -> EmbeddingIndex:
        """Adds an index that holds nothing yet; waits for those that hold the set.

        NotFound for the knowledge base; Conflict when it has an index of this model and analyser, and with
        WRONG_STATE while vectors or words of its kind are being removed.
        """
        ...

    async def get(self, index_id: UUID, *, change: bool = False) -> EmbeddingIndex:
        """One that is not retired, or NotFound; `change` waits for those that hold the set."""
        ...

    async def missing_documents(self, index_id: UUID, limit: int) -> Sequence[UUID]:
        """Live documents of the knowledge base whose live generation it does not hold, by id."""
        ...

    async def held_documents(self, index_id: UUID, after: UUID | None, limit: int) -> Sequence[HeldDocument]:
        """The next live documents by id, as far as it holds their live generation."""
        ...

    async def forget_document(self, index_id: UUID, document_id: UUID, generation: int) -> None:
        """Forgets that it holds this generation of a document."""
        ...

    async def note_progress(self, index_id: UUID, progress: float) -> None:
        """Notes the share of passages written, 0 to 1."""
        ...

    async def complete(self, index_id: UUID) -> None:
        """Notes that it holds every document."""
        ...

    async def activate(self, index_id: UUID) -> None:
        """Makes it the one that searches use. WRONG_STATE unless it is complete; NotFound."""
        ...

    async def retire(self, index_id: UUID) -> None:
        """Hides it from everybody. WRONG_STATE for the active one; NotFound."""
        ...

    async def retired(self, index_id: UUID, *, change: bool = False) -> RetiredIndex | None:
        """One that was retired and is not removed yet; `change` waits for those that hold the set."""
        ...

    async def remove(self, index_id: UUID) -> None:
        """Removes a retired index and what it was said to hold."""
        ...
