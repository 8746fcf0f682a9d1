"""Tenants, members and keys in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from lorebase.core.errors import Conflict, NotFound
from lorebase.core.ids import new_id
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiKey, ApiScope, Membership, Workspace
from tests.fakes.memory.paging import keyset_page, time_value
from tests.fakes.memory.state import CAP, State, StoredKey, in_any_order


class MemoryWorkspaces:
    """See ports/workspaces.py."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def add(self, workspace_id: UUID, slug: str, name: str, partition: str) -> Workspace:
        if workspace_id != self._workspace_id:
            raise AssertionError("row-level security: a row of another workspace")
        if any(held.slug == slug for held in self._state.workspaces.values()):
            raise Conflict("The slug is taken.")
        workspace = Workspace(
            id=workspace_id,
            slug=slug,
            name=name,
            partition=partition,
            created_at=self._now,
            updated_at=self._now,
        )
        self._state.workspaces[workspace_id] = workspace
        return workspace

    async def get(self) -> Workspace:
        found = self._state.workspaces.get(self._workspace_id)
        if found is None:
            raise NotFound("There is no such workspace.")
        return found

    async def members(self, page: PageRequest) -> Page[Membership]:
        return keyset_page(self._members(), lambda m: (time_value(m.created_at), m.id), page)

    async def count_members(self) -> int:
        return min(CAP, len(self._members()))

    def _members(self) -> list[Membership]:
        return [m for m in self._state.memberships.values() if m.workspace_id == self._workspace_id]

    async def add_key(
        self, name: str, prefix: str, digest: bytes, scopes: frozenset[ApiScope], expires_at: datetime | None
    ) -> ApiKey:
        key = ApiKey(
            id=new_id(),
            workspace_id=self._workspace_id,
            name=name,
            prefix=prefix,
            scopes=scopes,
            expires_at=expires_at,
            last_used_at=None,
            revoked_at=None,
            created_at=self._now,
            updated_at=self._now,
        )
        self._state.keys[key.id] = StoredKey(key, digest)
        return key

    async def keys(self, page: PageRequest) -> Page[ApiKey]:
        return keyset_page(
            self._keys(), lambda key: (time_value(key.created_at), key.id), page, descending=True
        )

    async def count_keys(self) -> int:
        return min(CAP, len(self._keys()))

    async def get_keys(self, ids: Sequence[UUID]) -> list[ApiKey]:
        mine = {key.id: key for key in self._keys()}
        return [mine[key_id] for key_id in in_any_order(ids) if key_id in mine]

    async def revoke_key(self, key_id: UUID) -> ApiKey:
        stored = self._state.keys.get(key_id)
        if stored is None or stored.key.workspace_id != self._workspace_id:
            raise NotFound("There is no such key.")
        if stored.key.revoked_at is None:
            revoked = stored.key.model_copy(update={"revoked_at": self._now, "updated_at": self._now})
            stored = self._state.keys[key_id] = StoredKey(revoked, stored.digest)
        return stored.key

    def _keys(self) -> list[ApiKey]:
        return [held.key for held in self._state.keys.values() if held.key.workspace_id == self._workspace_id]
