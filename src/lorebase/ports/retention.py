"""Removing what has served its time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from lorebase.schemas.retention import CachedVectorKey, LivePassage


class RetentionRepository(Protocol):
    """Old rows of the workspace of the unit of work. Ages are counted by the database's clock."""

    async def remove_documents(self, age: timedelta, limit: int) -> int:
        """Removes tombstones of documents deleted so long ago, with their receipts; how many."""
        ...

    async def remove_knowledge_bases(self, age: timedelta, limit: int) -> int:
        """Removes tombstones of knowledge bases emptied so long ago, with their receipts; how many."""
        ...

    async def remove_idempotency_keys(self, age: timedelta, limit: int) -> int:
        """Removes keys used first so long ago; how many."""
        ...

    async def remove_jobs(self, age: timedelta, limit: int) -> int:
        """Removes jobs that ended so long ago; how many.

        The newest job of a document that exists stays, and so does the job of an answer, an index or
        an evaluation run.
        """
        ...

    async def unused_vectors(self, age: timedelta, limit: int) -> list[CachedVectorKey]:
        """Cached vectors that nobody asked for so long, the longest unused first."""
        ...

    async def live_passages(self, after: UUID | None, limit: int) -> list[LivePassage]:
        """The next searchable passages by id."""
        ...

    async def keep_vectors(self, keys: Sequence[CachedVectorKey]) -> None:
        """Notes that these are in use."""
        ...

    async def remove_vectors(self, keys: Sequence[CachedVectorKey], age: timedelta) -> int:
        """Removes those of them that nobody asked for meanwhile; how many."""
        ...
