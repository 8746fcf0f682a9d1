"""Fills an empty vector store again from PostgreSQL, by ordinary jobs that are followed to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.chunk_index import CollectionAdministration
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.pagination import PageRequest, Position
from lorebase.schemas.reconciliation import DriftReport
from lorebase.services.indexes.keyword_places import keyword_collection
from lorebase.services.reconciliation.reconciliation import Reconciler

_PAGE = 100
_POLL_SECONDS = 0.5

Tell = Callable[[int, int], None]


class IndexRebuild:
    """May be broken off and begun again: what is there already is not written again."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        reconciler: Reconciler,
        collections: CollectionAdministration,
        settings: Settings,
    ) -> None:
        self._units = units
        self._reconciler = reconciler
        self._collections = collections
        self._settings = settings

    async def run(self, tell: Tell, slug: str | None = None) -> list[DriftReport]:
        """Makes missing collections and vectors; the disagreements that are left, workspace by workspace.

        A worker has to run. `tell` hears of documents done and in all. The embedding provider is asked only
        for what the cache has lost.
        """
        ids = [workspace_id async for workspace_id in self._reconciler.workspace_ids(slug)]
        if ids:
            await self._make_collections(ids[0])
        return [await self._fill(workspace_id, tell) for workspace_id in ids]

    async def _make_collections(self, workspace_id: UUID) -> None:
        if self._settings.keywords_in_milvus:
            async with self._units.for_workspace(workspace_id) as uow:
                known = await uow.analysers.all()
            for analyser in known:
                await self._collections.create_keywords(keyword_collection(analyser.version))
        after: Position | None = None
        while True:
            async with self._units.for_workspace(workspace_id) as uow:
                page = await uow.embeddings.models(PageRequest(limit=_PAGE, after=after))
            for model in page.items:
                await self._collections.create(model)
            if not page.has_next:
                return
            after = page.positions[-1]

    async def _fill(self, workspace_id: UUID, tell: Tell) -> DriftReport:
        capped = True
        while capped:
            report = await self._reconciler.reconcile(workspace_id, repair=True)
            await self._follow(workspace_id, report.jobs, tell)
            capped = report.capped
        return await self._reconciler.reconcile(workspace_id, repair=False)

    async def _follow(self, workspace_id: UUID, jobs: Sequence[UUID], tell: Tell) -> None:
        waiting = list(jobs)
        while waiting:
            async with self._units.for_workspace(workspace_id) as uow:
                now = await uow.jobs.get_many(waiting)
            waiting = [job.id for job in now if not job.is_terminal]
            tell(len(jobs) - len(waiting), len(jobs))
            if waiting:
                await asyncio.sleep(_POLL_SECONDS)
