"""What the system role reads and notes about keys and workspaces."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, update

from lorebase.models.workspaces import api_keys, workspaces
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.values import CLOCK, build
from lorebase.repositories.sql.workspaces import KEY_COLUMNS, WORKSPACE_COLUMNS
from lorebase.schemas.workspaces import ApiKey, Workspace


class SqlSystemDirectory:
    """Keys and workspaces across tenants."""

    def __init__(self, database: SqlConnection) -> None:
        self._database = database

    async def find_key(self, digest: bytes) -> ApiKey | None:
        """The key with this hash, revoked and expired ones too."""
        row = await self._database.first(select(*KEY_COLUMNS).where(api_keys.c.digest == digest))
        return build(ApiKey, row) if row else None

    async def touch_key(self, key_id: UUID) -> None:
        """Notes the use of a key, to the minute: an earlier note of the same minute stays."""
        minute = func.date_trunc("minute", CLOCK)
        unseen = func.coalesce(api_keys.c.last_used_at < minute, True)
        await self._database.change(
            update(api_keys).where(api_keys.c.id == key_id, unseen).values(last_used_at=minute)
        )

    async def workspace_by_slug(self, slug: str) -> Workspace | None:
        """A workspace by its slug."""
        row = await self._database.first(select(*WORKSPACE_COLUMNS).where(workspaces.c.slug == slug))
        return build(Workspace, row) if row else None

    async def count_workspaces(self) -> int:
        """How many workspaces there are."""
        row = await self._database.first(select(func.count()).select_from(workspaces))
        return int(row[0]) if row else 0

    async def workspaces_after(self, workspace_id: UUID | None, limit: int) -> list[UUID]:
        """The next workspaces by id."""
        statement = select(workspaces.c.id).order_by(workspaces.c.id).limit(limit)
        if workspace_id is not None:
            statement = statement.where(workspaces.c.id > workspace_id)
        return [row.id for row in await self._database.rows(statement)]
