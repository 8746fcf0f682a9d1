"""The workspace of the unit of work, its members and keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from lorebase.core.errors import Conflict, NotFound
from lorebase.core.ids import new_id
from lorebase.models.workspaces import api_keys, memberships, users, workspaces
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.pagination import TIME, Keyset, read_page
from lorebase.repositories.sql.values import CLOCK, build, columns_of, is_one_of
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiKey, ApiScope, Membership, User, Workspace

KEY_COLUMNS = columns_of(api_keys, ApiKey)
WORKSPACE_COLUMNS = columns_of(workspaces, Workspace)

_MEMBERS = select(
    *columns_of(memberships, Membership), *(users.c[name].label(f"user_{name}") for name in User.model_fields)
).join_from(memberships, users, memberships.c.user_id == users.c.id)


class SqlWorkspaceRepository:
    """See ports/workspaces.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def add(self, workspace_id: UUID, slug: str, name: str, partition: str) -> Workspace:
        """Adds the workspace. Conflict when the slug is taken."""
        try:
            row = await self._database.first(
                insert(workspaces)
                .values(id=workspace_id, slug=slug, name=name, partition=partition)
                .returning(*WORKSPACE_COLUMNS)
            )
        except Conflict as error:
            raise Conflict("There is a workspace with this slug already.", field=["slug"]) from error
        assert row is not None
        return build(Workspace, row)

    async def get(self) -> Workspace:
        """The workspace. NotFound when it is gone."""
        row = await self._database.first(
            select(*WORKSPACE_COLUMNS).where(workspaces.c.id == self._workspace_id)
        )
        if row is None:
            raise NotFound("There is no such workspace.")
        return build(Workspace, row)

    async def members(self, page: PageRequest) -> Page[Membership]:
        """Members, oldest first."""
        keyset = Keyset(memberships.c.created_at, memberships.c.id, TIME)
        return await read_page(self._database, _MEMBERS, keyset, page, _membership)

    async def count_members(self) -> int:
        """Number of members, capped."""
        return await self._database.count(select(memberships.c.id))

    async def add_key(
        self, name: str, prefix: str, digest: bytes, scopes: frozenset[ApiScope], expires_at: datetime | None
    ) -> ApiKey:
        """Stores the hash of a new key."""
        row = await self._database.first(
            insert(api_keys)
            .values(
                workspace_id=self._workspace_id,
                id=new_id(),
                name=name,
                prefix=prefix,
                digest=digest,
                scopes=sorted(scopes),
                expires_at=expires_at,
            )
            .returning(*KEY_COLUMNS)
        )
        assert row is not None
        return build(ApiKey, row)

    async def keys(self, page: PageRequest) -> Page[ApiKey]:
        """Keys, newest first, revoked ones too."""
        keyset = Keyset(api_keys.c.created_at, api_keys.c.id, TIME, descending=True)
        return await read_page(self._database, select(*KEY_COLUMNS), keyset, page, _api_key)

    async def count_keys(self) -> int:
        """Number of keys, capped."""
        return await self._database.count(select(api_keys.c.id))

    async def get_keys(self, ids: Sequence[UUID]) -> list[ApiKey]:
        """Those of the keys that exist, in any order."""
        rows = await self._database.rows(select(*KEY_COLUMNS).where(is_one_of(api_keys.c.id, ids)))
        return [_api_key(row) for row in rows]

    async def revoke_key(self, key_id: UUID) -> ApiKey:
        """Revokes a key; a second time changes nothing. NotFound when there is none."""
        revoked = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        await self._database.change(revoked.values(revoked_at=CLOCK, updated_at=CLOCK))
        found = await self.get_keys([key_id])
        if not found:
            raise NotFound("There is no such key.")
        return found[0]


def _membership(row: Row[Any]) -> Membership:
    user = User.model_validate({name: row._mapping[f"user_{name}"] for name in User.model_fields})
    return build(Membership, row, user=user)


def _api_key(row: Row[Any]) -> ApiKey:
    return build(ApiKey, row)
