"""Tasks of which one process at a time takes a turn; the database's clock decides."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from lorebase.repositories.sql.connection import SqlConnection

_CLAIM = text(
    """
    INSERT INTO periodic_tasks AS task (name, holder, lease_expires_at)
    VALUES (:name, CAST(:holder AS uuid), clock_timestamp() + CAST(:lease AS interval))
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, lease_expires_at = excluded.lease_expires_at
    WHERE (task.lease_expires_at IS NULL OR task.lease_expires_at <= clock_timestamp())
      AND (task.finished_at IS NULL OR task.finished_at + CAST(:every AS interval) <= clock_timestamp())
    """
)
_RENEW = text(
    """
    UPDATE periodic_tasks SET lease_expires_at = clock_timestamp() + CAST(:lease AS interval)
    WHERE name = :name AND holder = CAST(:holder AS uuid)
    """
)
_FINISH = text(
    """
    UPDATE periodic_tasks SET holder = NULL, lease_expires_at = NULL, finished_at = clock_timestamp()
    WHERE name = :name AND holder = CAST(:holder AS uuid)
    """
)


class SqlPeriodicTaskRepository:
    """See ports/reconciliation.py."""

    def __init__(self, database: SqlConnection) -> None:
        self._database = database

    async def claim(self, name: str, holder: UUID, lease: timedelta, every: timedelta) -> bool:
        """Takes a task when nobody holds it and it last ended at least `every` ago."""
        asked = {"name": name, "holder": holder, "lease": lease, "every": every}
        return await self._database.change(_CLAIM, asked) == 1

    async def renew(self, name: str, holder: UUID, lease: timedelta) -> bool:
        """Holds it for longer; False when another has taken it meanwhile."""
        return await self._database.change(_RENEW, {"name": name, "holder": holder, "lease": lease}) == 1

    async def finish(self, name: str, holder: UUID) -> None:
        """Notes the end, from which the pause until the next time counts."""
        await self._database.change(_FINISH, {"name": name, "holder": holder})
