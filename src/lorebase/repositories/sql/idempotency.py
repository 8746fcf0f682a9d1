"""Results of mutations by the caller's key."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from lorebase.core.errors import Conflict, ErrorCode
from lorebase.models.idempotency import idempotency_keys as keys
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.values import CLOCK


class SqlIdempotencyRepository:
    """See ports/idempotency.py. The primary key makes concurrent calls with one key wait for each other."""

    def __init__(self, database: SqlConnection, workspace_id: UUID, hours: int) -> None:
        self._database = database
        self._workspace_id = workspace_id
        self._kept_for = timedelta(hours=hours)

    async def claim(self, principal_id: UUID, key: str, mutation: str, fingerprint: bytes) -> str | None:
        """Takes the key for this transaction, or returns the stored result of an earlier one."""
        if await self._take(principal_id, key, mutation, fingerprint):
            return None
        row = await self._database.first(
            select(keys.c.mutation, keys.c.fingerprint, keys.c.result).where(
                keys.c.principal_id == principal_id, keys.c.key == key
            )
        )
        if row is None:
            raise Conflict("The same request was being undone. Try again.", retryable=True)
        if (row.mutation, bytes(row.fingerprint)) != (mutation, fingerprint):
            raise Conflict(
                "The idempotency key was used for another request.",
                code=ErrorCode.IDEMPOTENCY_MISMATCH,
                field=["idempotencyKey"],
            )
        return str(row.result or "{}")

    async def _take(self, principal_id: UUID, key: str, mutation: str, fingerprint: bytes) -> bool:
        fresh = {"mutation": mutation, "fingerprint": fingerprint, "result": None, "created_at": CLOCK}
        new = insert(keys).values(
            workspace_id=self._workspace_id, principal_id=principal_id, key=key, **fresh
        )
        # An expired key is free again: its row is taken over in place.
        taken = new.on_conflict_do_update(
            index_elements=[keys.c.workspace_id, keys.c.principal_id, keys.c.key],
            set_=fresh,
            where=keys.c.created_at < CLOCK - self._kept_for,
        ).returning(keys.c.key)
        return await self._database.first(taken) is not None

    async def store(self, principal_id: UUID, key: str, result: str) -> None:
        """Keeps the result with the claimed key."""
        await self._database.change(
            update(keys).where(keys.c.principal_id == principal_id, keys.c.key == key).values(result=result)
        )
