"""Passages by words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.search import (
    KeywordPosting,
    KeywordQuery,
    KeywordStatistics,
    PartitionAddress,
    ScoredChunk,
)


class KeywordPostings(Protocol):
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

    async def remove_version(
        self, knowledge_base_id: UUID, analyser_version: int, after: UUID | None, limit: int
    ) -> UUID | None:
        """Removes one version's postings of the next documents by id; the last of them, None at the end.

        Waits for whoever changes those documents.
        """
        ...

    async def count(self, document_ids: Sequence[UUID], analyser_version: int) -> Mapping[UUID, int]:
        """The number of a version's postings by document; one without any is absent."""
        ...

    async def statistics(
        self, analyser_version: int, terms: Sequence[int], timeout_ms: int
    ) -> KeywordStatistics:
        """How often terms are held in the whole workspace, under the terms as they were asked.

        Raises Transient when the statement timeout is reached.
        """
        ...

    async def search(self, query: KeywordQuery, timeout_ms: int) -> list[ScoredChunk]:
        """The best passages by BM25, best first; idf counts over the whole workspace.

        Raises Transient when the statement timeout is reached.
        """
        ...


class KeywordIndex(Protocol):
    """What searches ask for passages by words, outside of any transaction."""

    async def search(
        self, address: PartitionAddress, query: KeywordQuery, timeout_ms: int
    ) -> list[ScoredChunk]:
        """The best passages by BM25, best first; idf counts over the whole workspace of the address.

        Scores are those of KeywordPostings.search. Hits are candidates: callers check them. Raises Transient
        when the time is up, Unavailable when a store is out of reach.
        """
        ...
