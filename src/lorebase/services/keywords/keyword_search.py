"""Passages by words from the postings in PostgreSQL."""

from __future__ import annotations

from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.search import KeywordQuery, PartitionAddress, ScoredChunk


class PostingsIndex:
    """KeywordIndex in a short transaction of its own; of the address only the workspace counts."""

    def __init__(self, units: UnitOfWorkFactory) -> None:
        self._units = units

    async def search(
        self, address: PartitionAddress, query: KeywordQuery, timeout_ms: int
    ) -> list[ScoredChunk]:
        """The best passages by BM25, best first; Transient when the statement timeout is reached."""
        async with self._units.for_workspace(address.workspace_id) as uow:
            return await uow.keywords.search(query, timeout_ms)
