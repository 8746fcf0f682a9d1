"""Counting what an index holds, in PostgreSQL and in the vector store."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.services.index_writer import IndexTarget
from lorebase.services.job_control import JobControl

_PAGE = 200


class IndexAudit:
    """Holds one index against its records."""

    def __init__(self, *, units: UnitOfWorkFactory, index: ChunkIndex) -> None:
        self._units = units
        self._index = index

    async def is_sound(self, target: IndexTarget, control: JobControl) -> bool:
        """Whether the vector store holds every passage that is on record, counted with strong consistency.

        Each document is counted, since passages too many of one would hide that another lacks some. A
        document that lacks passages is struck off the record, so that it is written again. Passages too many
        are no fault: somebody is writing them, or reconciliation removes them.
        """
        after: UUID | None = None
        sound = True
        while True:
            async with self._units.for_workspace(target.address.workspace_id) as uow:
                page = await uow.indexes.held_documents(target.index.id, after, _PAGE)
            control.check()
            found = await self._index.count_each(target.address, [document_id for document_id, _, _ in page])
            lacking = [
                (document_id, generation)
                for document_id, generation, recorded in page
                if found.get(document_id, {}).get(generation, 0) < recorded
            ]
            if lacking:
                sound = False
                await self._strike_off(target, lacking)
            if len(page) < _PAGE:
                return sound
            after = page[-1][0]

    async def _strike_off(self, target: IndexTarget, lacking: Sequence[tuple[UUID, int]]) -> None:
        async with self._units.for_workspace(target.address.workspace_id) as uow:
            for document_id, generation in lacking:
                await uow.indexes.forget_document(target.index.id, document_id, generation)
            await uow.commit()
