"""Storage of tenants, members and keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiKey, ApiScope, Membership, Workspace


class WorkspaceRepository(Protocol):
    """The workspace of the unit of work, its members and keys."""

    async def add(self, workspace_id: UUID, slug: str, name: str, partition: str) -> Workspace:
        """Adds the workspace. Conflict when the slug is taken."""
        ...

    async def get(self) -> Workspace:
        """The workspace. NotFound when it is gone."""
        ...

    async def members(self, page: PageRequest) -> Page[Membership]:
        """Members, oldest first."""
        ...

    async def add_key(
        self, name: str, prefix: str, digest: bytes, scopes: frozenset[ApiScope], expires_at: datetime | None
    ) -> ApiKey:
        """Stores the hash of a new key."""
        ...

    async def keys(self, page: PageRequest) -> Page[ApiKey]:
        """Keys, newest first, revoked ones too."""
        ...

    async def get_keys(self, ids: Sequence[UUID]) -> list[ApiKey]:
        """Those of the keys that exist, in any order."""
        ...

    async def revoke_key(self, key_id: UUID) -> ApiKey:
        """Revokes a key; a second time changes nothing. NotFound when there is none."""
        ...

    async def count_members(self) -> int:
        """Number of members, capped."""
        ...

    async def count_keys(self) -> int:
        """Number of keys, capped."""
        ...
