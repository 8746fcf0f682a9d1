"""Counting what an index holds, in PostgreSQL and in the vector store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.embeddings import HeldDocument
from lorebase.schemas.search import PartitionAddress
from lorebase.services.indexes.index_writer import IndexTarget
from lorebase.services.indexes.keyword_places import keyword_address
from lorebase.services.indexes.word_counts import count_words
from lorebase.services.jobs.job_control import JobControl

_PAGE = 200


class IndexAudit:
    """Holds one index against its records."""

    def __init__(self, *, units: UnitOfWorkFactory, index: ChunkIndex, settings: Settings) -> None:
        self._units = units
        self._index = index
        self._mirrored = settings.keywords_in_milvus

    async def is_sound(self, target: IndexTarget, control: JobControl) -> bool:
        """Whether the stores hold every passage that is on record, counted with strong consistency.

        Each document is counted, since passages too many of one would hide that another lacks some; and its
        postings, of which there are to be as many as were written. A document that lacks something is struck
        off the record, so that it is written again. Passages too many are no fault: somebody is writing them,
        or reconciliation removes them.
        """
        places = await self._places(target)
        after: UUID | None = None
        sound = True
        while True:
            async with self._units.for_workspace(target.address.workspace_id) as uow:
                page = await uow.indexes.held_documents(target.index.id, after, _PAGE)
                passages = {held.document_id: held.chunk_count for held in page}
                postings = await count_words(uow, passages, target.index.analyser_version)
            control.check()
            found = [await self._index.count_each(place, list(passages)) for place in places]
            lacking = [held for held in page if not _is_whole(held, postings, found)]
            if lacking:
                sound = False
                await self._strike_off(target, lacking)
            if len(page) < _PAGE:
                return sound
            after = page[-1].document_id

    async def _places(self, target: IndexTarget) -> list[PartitionAddress]:
        """Where the vector store has to hold its passages."""
        if not self._mirrored:
            return [target.address]
        async with self._units.for_workspace(target.address.workspace_id) as uow:
            workspace = await uow.workspaces.get()
        return [target.address, keyword_address(workspace, target.index.analyser_version)]

    async def _strike_off(self, target: IndexTarget, lacking: Sequence[HeldDocument]) -> None:
        async with self._units.for_workspace(target.address.workspace_id) as uow:
            for held in lacking:
                await uow.indexes.forget_document(target.index.id, held.document_id, held.generation)
            await uow.commit()


def _is_whole(
    held: HeldDocument,
    postings: Mapping[UUID, int],
    found: Sequence[Mapping[UUID, Mapping[int, int]]],
) -> bool:
    if postings.get(held.document_id, 0) != held.posting_count:
        return False
    counts = (place.get(held.document_id, {}).get(held.generation, 0) for place in found)
    return all(count >= held.chunk_count for count in counts)
