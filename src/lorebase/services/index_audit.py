"""Counting what an index holds, in PostgreSQL and in the vector store."""

from __future__ import annotations

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

        A document that lacks passages is struck off the record, so that it is written again. Passages too
        many are no fault: somebody is writing them, or reconciliation removes them.
        """
        base = target.index.knowledge_base_id
        async with self._units.for_workspace(target.address.workspace_id) as uow:
            recorded = (await uow.indexes.get(target.index.id)).chunk_count
        if await self._index.count_all(target.address, base) == recorded:
            return True
        return await self._every_document_is_there(target, control)

    async def _every_document_is_there(self, target: IndexTarget, control: JobControl) -> bool:
        after: UUID | None = None
        sound = True
        while True:
            async with self._units.for_workspace(target.address.workspace_id) as uow:
                page = await uow.indexes.held_documents(target.index.id, after, _PAGE)
            for document_id, generation, recorded in page:
                control.check()
                found = await self._index.count(target.address, document_id, generation=generation)
                if found < recorded:
                    sound = False
                    await self._strike_off(target, document_id, generation)
            if len(page) < _PAGE:
                return sound
            after = page[-1][0]

    async def _strike_off(self, target: IndexTarget, document_id: UUID, generation: int) -> None:
        async with self._units.for_workspace(target.address.workspace_id) as uow:
            await uow.indexes.forget_document(target.index.id, document_id, generation)
            await uow.commit()
