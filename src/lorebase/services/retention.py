"""Removing what has served its time: tombstones, receipts, idempotency keys, old jobs, unused vectors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.metrics import ROWS_RETIRED
from lorebase.ports.retention import RetentionRepository
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.retention import CachedVectorKey, LivePassage
from lorebase.services.embeddings.embedding_text import embedding_text
from lorebase.services.embeddings.embeddings import text_hash
from lorebase.services.turns import Checkpoint, Turns, no_checkpoint

_log = logging.getLogger(__name__)

TASK = "retain"
BATCH = 500
BATCHES_MAXIMUM = 200
VECTORS_AT_ONCE = 20_000
WORKSPACES_AT_ONCE = 100

Remove = Callable[[RetentionRepository], Awaitable[int]]


class RetentionService:
    """One run over all workspaces, in short transactions. What one run does not reach the next one does."""

    def __init__(self, *, units: UnitOfWorkFactory, settings: Settings) -> None:
        self._units = units
        self._vector_age = timedelta(days=settings.cached_vector_days)
        self._steps = _steps(settings)
        every = timedelta(seconds=settings.retention_seconds)
        self._turns = Turns(units=units, task=TASK, every=every)

    async def run_if_due(self) -> dict[str, int] | None:
        """As `run`; None when that was done lately or another process is at it."""
        return await self._turns.take(self.run)

    async def run(self, checkpoint: Checkpoint = no_checkpoint) -> dict[str, int]:
        """Removes what is old enough; how much of each kind. `checkpoint` is awaited before each batch."""
        removed: dict[str, int] = dict.fromkeys((*self._steps, "vectors"), 0)
        after: UUID | None = None
        while True:
            async with self._units.for_system() as uow:
                workspaces = await uow.workspaces_after(after, WORKSPACES_AT_ONCE)
            for workspace_id in workspaces:
                for name, remove in self._steps.items():
                    removed[name] += await self._in_batches(workspace_id, remove, checkpoint)
                await checkpoint()
                removed["vectors"] += await self._remove_vectors(workspace_id)
            if len(workspaces) < WORKSPACES_AT_ONCE:
                break
            after = workspaces[-1]
        for name, rows in removed.items():
            ROWS_RETIRED.labels(name).inc(rows)
        _log.info("old rows removed", extra=dict(removed))
        return removed

    async def _in_batches(self, workspace_id: UUID, remove: Remove, checkpoint: Checkpoint) -> int:
        total = 0
        for _ in range(BATCHES_MAXIMUM):
            await checkpoint()
            async with self._units.for_workspace(workspace_id) as uow:
                found = await remove(uow.retention)
                await uow.commit()
            total += found
            if found < BATCH:
                break
        return total

    async def _remove_vectors(self, workspace_id: UUID) -> int:
        """Of the vectors unused for long, those of text that can be found are kept: a rebuild needs them."""
        async with self._units.for_workspace(workspace_id) as uow:
            unused = await uow.retention.unused_vectors(self._vector_age, VECTORS_AT_ONCE)
        if not unused:
            return 0
        live = await self._live_among(workspace_id, {key.text_hash for key in unused})
        kept = [key for key in unused if key.text_hash in live]
        lost = [key for key in unused if key.text_hash not in live]
        for batch in _batches(kept):
            async with self._units.for_workspace(workspace_id) as uow:
                await uow.retention.keep_vectors(batch)
                await uow.commit()
        total = 0
        for batch in _batches(lost):
            async with self._units.for_workspace(workspace_id) as uow:
                total += await uow.retention.remove_vectors(batch, self._vector_age)
                await uow.commit()
        return total

    async def _live_among(self, workspace_id: UUID, hashes: set[bytes]) -> set[bytes]:
        live: set[bytes] = set()
        after: UUID | None = None
        while True:
            async with self._units.for_workspace(workspace_id) as uow:
                passages = await uow.retention.live_passages(after, BATCH)
            live |= hashes & await asyncio.to_thread(_hashes, passages)
            if len(passages) < BATCH or live == hashes:
                return live
            after = passages[-1].chunk_id


def _steps(settings: Settings) -> Mapping[str, Remove]:
    tombstones = timedelta(days=settings.tombstone_days)
    jobs = timedelta(days=settings.job_days)
    keys = timedelta(hours=settings.idempotency_hours)
    return {
        "documents": lambda old: old.remove_documents(tombstones, BATCH),
        "knowledge_bases": lambda old: old.remove_knowledge_bases(tombstones, BATCH),
        "idempotency_keys": lambda old: old.remove_idempotency_keys(keys, BATCH),
        "jobs": lambda old: old.remove_jobs(jobs, BATCH),
    }


def _hashes(passages: Sequence[LivePassage]) -> set[bytes]:
    return {text_hash(embedding_text(one.title, one.section, one.text)) for one in passages}


def _batches(keys: Sequence[CachedVectorKey]) -> list[Sequence[CachedVectorKey]]:
    return [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
