"""The connection of one unit of work: every statement passes here, every error is translated here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Executable, Row, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from lorebase.repositories.database_errors import translated_errors

Parameters = Mapping[str, Any]

# SET LOCAL takes no bind parameters, set_config does. Both end with the transaction.
ENTER_WORKSPACE = text("SELECT set_config('app.workspace_id', :workspace_id, true)")
ENTER_SYSTEM = text("SELECT set_config('role', 'lorebase_system', true)")


class SqlConnection:
    """Runs statements in the transaction of a unit of work; `count_cap` bounds what lists count."""

    def __init__(self, connection: AsyncConnection, count_cap: int) -> None:
        self._connection = connection
        self._ended = False
        self.count_cap = count_cap

    async def rows(self, statement: Executable, parameters: Parameters | None = None) -> Sequence[Row[Any]]:
        """All rows."""
        self._require_open()
        with translated_errors():
            return (await self._connection.execute(statement, parameters)).all()

    async def first(self, statement: Executable, parameters: Parameters | None = None) -> Row[Any] | None:
        """The first row, or None."""
        self._require_open()
        with translated_errors():
            return (await self._connection.execute(statement, parameters)).first()

    async def change(self, statement: Executable, parameters: Parameters | None = None) -> int:
        """Runs a change; how many rows it touched."""
        self._require_open()
        with translated_errors():
            return (await self._connection.execute(statement, parameters)).rowcount

    async def count(self, statement: Select[Any]) -> int:
        """How many rows the statement finds, at most `count_cap`."""
        capped = statement.limit(self.count_cap).subquery()
        row = await self.first(select(func.count()).select_from(capped))
        return int(row[0]) if row else 0

    async def script(self, statements: str) -> None:
        """Several statements without parameters in one round trip."""
        self._require_open()
        with translated_errors():
            raw = await self._connection.get_raw_connection()
            driver = raw.driver_connection
            assert driver is not None
            await driver.execute(statements)

    def end(self) -> None:
        """After a commit nothing may follow: the tenant's setting ended with the transaction."""
        self._ended = True

    def _require_open(self) -> None:
        if self._ended:
            raise RuntimeError("This unit of work was committed: begin another.")
