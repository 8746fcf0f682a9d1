"""Passages by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.search import KeywordPosting, KeywordQuery, ScoredChunk


class KeywordIndex(Protocol):
    """BM25 postings, written in the transaction that makes a generation live, so they show nothing else."""

    async def replace(
        self,
        knowledge_base_id: UUID,
        document_id: UUID,
        analyser_version: int,
        postings: Sequence[KeywordPosting],
    ) -> None:
        """Puts the postings in place of the document's old ones of that analyser version."""
        ...

    async def remove(self, document_id: UUID) -> None:
        """Removes the document's postings of every analyser version."""
        ...

    async def search(self, query: KeywordQuery, timeout_ms: int) -> list[ScoredChunk]:
        """The best passages by BM25, best first; idf counts over the whole workspace.

        Raises Transient when the statement timeout is reached.
        """
        ...
