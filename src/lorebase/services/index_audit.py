"""Counting what an index holds, in PostgreSQL and in the vector store."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.embeddings import HeldDocument
from lorebase.schemas.search import PartitionAddress
from lorebase.services.index_writer import IndexTarget
from lorebase.services.job_control import JobControl
from lorebase.services.keyword_places import keyword_address

_PAGE = 200


class IndexAudit:
    """Holds one index against its records."""

    def __init__(self, *, units: UnitOfWorkFactory, index: ChunkIndex, settings: Settings) -> None:
        self._units = units
        self._index = index
        self._mirrored = settings.keywords_in_milvus

    async def is_sound(self, target: IndexTarget, control: JobControl) -> bool:
        """Whether the stores hold every passage that is on record, counted with strong consistency.

        So do the words: as many postings by document as were written. A document that lacks something is
        struck off the record, so that it is written again. Passages too many are no fault: somebody is
        writing them, or reconciliation removes them.
        """
        places = await self._doubtful_places(target)
        after: UUID | None = None
        sound = True
        while True:
            control.check()
            async with self._units.for_workspace(target.address.workspace_id) as uow:
                page = await uow.indexes.held_documents(target.index.id, after, _PAGE)
                ids = [held.document_id for held in page]
                postings = await uow.keywords.count(ids, target.index.analyser_version)
            for held in page:
                worded = held.posting_count == postings.get(held.document_id, 0)
                if not (worded and await self._is_there(held, places, control)):
                    sound = False
                    await self._strike_off(target, held)
            if len(page) < _PAGE:
                return sound
            after = page[-1].document_id

    async def _doubtful_places(self, target: IndexTarget) -> list[PartitionAddress]:
        """Places that hold another number of passages in all: only there it is counted by document."""
        async with self._units.for_workspace(target.address.workspace_id) as uow:
            recorded = (await uow.indexes.get(target.index.id)).chunk_count
            workspace = await uow.workspaces.get()
        places = [target.address]
        if self._mirrored:
            places.append(keyword_address(workspace, target.index.analyser_version))
        base = target.index.knowledge_base_id
        return [place for place in places if await self._index.count_all(place, base) != recorded]

    async def _is_there(
        self, held: HeldDocument, places: Sequence[PartitionAddress], control: JobControl
    ) -> bool:
        for place in places:
            control.check()
            found = await self._index.count(place, held.document_id, generation=held.generation)
            if found < held.chunk_count:
                return False
        return True

    async def _strike_off(self, target: IndexTarget, held: HeldDocument) -> None:
        async with self._units.for_workspace(target.address.workspace_id) as uow:
            await uow.indexes.forget_document(target.index.id, held.document_id, held.generation)
            await uow.commit()
