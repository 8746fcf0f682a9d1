"""Compares the blobs of a workspace with the versions that need them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import NotFound
from lorebase.core.ids import made_at
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.reconciliation import Drift, DriftKind

_BATCH = 1000


class BlobAudit:
    """Finds bytes that miss, bytes that no document took, and what uploads left that were cut off.

    Bytes are stored before their document is accepted: those younger than the grace period are let alone.
    """

    def __init__(
        self, *, units: UnitOfWorkFactory, blobs: BlobStore, clock: Clock, settings: Settings
    ) -> None:
        self._units = units
        self._blobs = blobs
        self._clock = clock
        self._grace = timedelta(hours=settings.reconcile_blob_grace_hours)

    async def stored(self, workspace_id: UUID) -> set[str]:
        """The keys of the workspace in the blob store."""
        return {key async for key in self._blobs.keys(f"{workspace_id}/")}

    async def drifts(self, workspace_id: UUID, stored: set[str]) -> AsyncIterator[Drift]:
        """Orphans among the stored keys, old leftovers of uploads, then keys that are needed and missing."""
        old = sorted(filter(self._is_old, stored))
        for start in range(0, len(old), _BATCH):
            batch = old[start : start + _BATCH]
            known = await self._known(workspace_id, batch)
            for key in batch:
                if key not in known:
                    yield Drift(kind=DriftKind.ORPHAN_BLOBS, blob_key=key)
        async for key in self._blobs.leftovers(f"{workspace_id}/", self._clock.now() - self._grace):
            yield Drift(kind=DriftKind.UNFINISHED_UPLOADS, blob_key=key)
        last = ""
        while page := await self._needed(workspace_id, last):
            for key in page:
                if key not in stored and await self._is_missing(workspace_id, key):
                    yield Drift(kind=DriftKind.MISSING_BLOBS, blob_key=key)
            last = page[-1]

    def _is_old(self, key: str) -> bool:
        try:
            made = made_at(UUID(key.rpartition("/")[2]))
        except ValueError:
            # Nothing of ours is named so.
            return False
        return self._clock.now() - made > self._grace

    async def _is_missing(self, workspace_id: UUID, key: str) -> bool:
        """Asked again: it may have come after the listing, or its document may be gone by now."""
        try:
            async with self._blobs.open(key):
                return False
        except NotFound:
            return key in await self._known(workspace_id, [key])

    async def _known(self, workspace_id: UUID, keys: Sequence[str]) -> set[str]:
        async with self._units.for_workspace(workspace_id) as uow:
            return await uow.reconciliation.known_blobs(keys)

    async def _needed(self, workspace_id: UUID, after: str) -> list[str]:
        async with self._units.for_workspace(workspace_id) as uow:
            return await uow.reconciliation.blob_keys_after(after, _BATCH)
