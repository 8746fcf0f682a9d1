"""Emptying a knowledge base that was deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.documents import DeletionReceipt
from lorebase.schemas.jobs import Job


class RemovalRepository(Protocol):
    """What is left of deleted knowledge bases of the workspace of the unit of work."""

    async def hide(self, knowledge_base_id: UUID, expected_version: int | None) -> None:
        """Deletes it for every reader, and frees its slug; waits for uploads that hold it.

        NotFound, also when it is deleted already; Conflict when it is not at `expected_version`.
        """
        ...

    async def open_receipt(self, receipt_id: UUID, knowledge_base_id: UUID) -> DeletionReceipt:
        """Opens the receipt with the documents and passages that readers could find."""
        ...

    async def note(self, knowledge_base_id: UUID, vectors_remaining: int) -> None:
        """Notes in the receipt how many vectors remain, and counts the documents."""
        ...

    async def tombstone(self, knowledge_base_id: UUID, limit: int) -> int:
        """Makes the next documents DELETING, as `DocumentRepository.mark_deleting` does; how many."""
        ...

    async def stop_jobs(self, knowledge_base_id: UUID, limit: int) -> list[Job]:
        """Asks the next open jobs of its documents, and of itself, to stop; no deletions."""
        ...

    async def count_writers(self, knowledge_base_id: UUID) -> int:
        """Jobs of its documents, or of itself, that still run; no deletions."""
        ...

    async def to_empty(self, knowledge_base_id: UUID, limit: int) -> Sequence[UUID]:
        """The next documents that are DELETING, by id."""
        ...

    async def remove_evaluations(self, knowledge_base_id: UUID, limit: int) -> int:
        """Removes the next runs of evaluations with their results, then the next sets; how many."""
        ...

    async def finish(self, knowledge_base_id: UUID) -> None:
        """Only the tombstone stays; completes the receipt."""
        ...
