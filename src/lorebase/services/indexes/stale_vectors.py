"""Removing vectors that nobody needs any more, without touching those being written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import JobCancelled, LorebaseError, NotFound
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.jobs import Job
from lorebase.services.indexes.index_content import remove_rows
from lorebase.services.indexes.keyword_places import places_of
from lorebase.services.jobs.document_jobs import knowledge_base_of
from lorebase.services.jobs.job_control import JobControl

_log = logging.getLogger(__name__)


class StaleVectors:
    """Vectors of deleted documents and of generations that are no longer live."""

    def __init__(self, *, units: UnitOfWorkFactory, index: ChunkIndex, settings: Settings) -> None:
        self._units = units
        self._index = index
        self._settings = settings

    async def remove(self, workspace_id: UUID, knowledge_base_id: UUID, document_id: UUID) -> None:
        """Removes all of a deleted document, or what is older than the live generation.

        What is newer stays: it is being made, or reconciliation finds that nobody makes it any more.
        """
        async with self._units.for_workspace(workspace_id) as uow:
            try:
                document = await uow.documents.get(document_id)
            except NotFound:
                document = None
            places = await places_of(uow, knowledge_base_id, self._settings)
        if document is None:
            await remove_rows(self._index, places, document_id)
        elif (live := document.live_generation) is not None:
            await remove_rows(self._index, places, document_id, below_generation=live)

    async def try_to_remove(self, job: Job) -> None:
        """As `remove` for the job's document, best effort: search shows the live generation only."""
        try:
            await self.remove(job.workspace_id, knowledge_base_of(job), job.subject_id)
        except LorebaseError as error:
            _log.warning("stale vectors stay", extra={"job_id": str(job.id), "code": error.code})

    @asynccontextmanager
    async def removed_when_cancelled(self, job: Job, control: JobControl) -> AsyncIterator[None]:
        """A block that writes vectors: when somebody stops the job in it, what it wrote may be stale."""
        try:
            yield
        except (asyncio.CancelledError, JobCancelled):
            if control.cancel_requested:
                await self.try_to_remove(job)
            raise
