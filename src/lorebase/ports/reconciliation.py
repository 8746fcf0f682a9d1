"""What is stored of a workspace, to be compared with the other stores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from lorebase.schemas.reconciliation import IndexPlace, StoredDocument


class ReconciliationRepository(Protocol):
    """Documents, tombstones too, indexes and blobs of the workspace of the unit of work."""

    async def documents_after(self, document_id: UUID | None, limit: int) -> list[StoredDocument]:
        """The next documents by id."""
        ...

    async def documents(self, ids: Sequence[UUID]) -> list[StoredDocument]:
        """Those that exist, in any order."""
        ...

    async def lock(self, document_id: UUID) -> StoredDocument | None:
        """One, which nobody else changes until the transaction ends."""
        ...

    async def indexes(self) -> list[IndexPlace]:
        """All indexes of the workspace that are kept."""
        ...

    async def collections(self) -> list[str]:
        """The collections of all embedding models, used here or not."""
        ...

    async def blob_keys_after(self, key: str, limit: int) -> list[str]:
        """The next keys of blobs, in order, of documents that are not deleted."""
        ...

    async def known_blobs(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that belong to a document, deleted or not."""
        ...


class PeriodicTaskRepository(Protocol):
    """Tasks that one process at a time does every so often; the database's clock decides."""

    async def claim(self, name: str, holder: UUID, lease: timedelta, every: timedelta) -> bool:
        """Takes a task when nobody holds it and it last ended at least `every` ago."""
        ...

    async def renew(self, name: str, holder: UUID, lease: timedelta) -> bool:
        """Holds it for longer; False when another has taken it meanwhile."""
        ...

    async def finish(self, name: str, holder: UUID) -> None:
        """Notes the end, from which the pause until the next time counts."""
        ...
