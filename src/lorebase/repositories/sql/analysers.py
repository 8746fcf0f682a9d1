"""Versions of the keyword analyser: read by everybody, changed by the owner."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import ColumnElement, Executable, Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.models.embeddings import keyword_analysers
from lorebase.repositories.database_errors import translated_errors
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.values import CLOCK
from lorebase.schemas.analysers import RegisteredAnalyser

_VERSION = keyword_analysers.c.version
_USABLE = keyword_analysers.c.deprecated_at.is_(None)
_DEFAULT = (
    select(_VERSION)
    .where(_USABLE)
    .order_by(keyword_analysers.c.chosen_at.desc().nulls_last(), _VERSION)
    .limit(1)
    .scalar_subquery()
)
_ALL = select(
    _VERSION,
    keyword_analysers.c.deprecated_at,
    keyword_analysers.c.created_at,
    (_VERSION == _DEFAULT).label("is_default"),
).order_by(_VERSION)


def _is(version: int) -> ColumnElement[bool]:
    return keyword_analysers.c.version == version


def _registered(rows: Sequence[Row[Any]]) -> list[RegisteredAnalyser]:
    return [RegisteredAnalyser.model_validate(dict(row._mapping)) for row in rows]


class SqlAnalyserRepository:
    """See ports/analysers.py."""

    def __init__(self, database: SqlConnection) -> None:
        self._database = database

    async def all(self) -> Sequence[RegisteredAnalyser]:
        """Every registered version, oldest first; exactly one is the default."""
        return _registered(await self._database.rows(_ALL))


class SqlAnalyserRegistry:
    """See ports/analysers.py. Needs the owner's engine: the application may only read versions."""

    def __init__(self, owner_engine: AsyncEngine) -> None:
        self._engine = owner_engine

    async def all(self) -> Sequence[RegisteredAnalyser]:
        """Every registered version, oldest first; exactly one is the default."""
        with translated_errors():
            async with self._engine.connect() as connection:
                return _registered((await connection.execute(_ALL)).all())

    async def register(self, version: int) -> None:
        """Adds a version, or makes a deprecated one usable again."""
        new = insert(keyword_analysers).values(version=version)
        usable = new.on_conflict_do_update(index_elements=[_VERSION], set_={"deprecated_at": None})
        await self._change(usable)

    async def choose(self, version: int) -> None:
        """Makes it the one that new knowledge bases use. NotFound for a deprecated or unknown one."""
        await self._change(update(keyword_analysers).where(_is(version), _USABLE).values(chosen_at=CLOCK))

    async def deprecate(self, version: int) -> None:
        """From here on no new index can choose it. NotFound."""
        await self._change(update(keyword_analysers).where(_is(version)).values(deprecated_at=CLOCK))

    @asynccontextmanager
    async def removal(self, version: int) -> AsyncIterator[None]:
        """Removes the version when the block ends well; see the port.

        The foreign key of indexes decides whether it is in use: row-level security hides them from the owner.
        """
        gone = delete(keyword_analysers).where(_is(version))
        with translated_errors():
            async with self._engine.begin() as connection:
                try:
                    with translated_errors():
                        removed = await connection.execute(gone)
                except NotFound as error:
                    message = "Indexes still use the analyser."
                    raise Conflict(message, code=ErrorCode.WRONG_STATE) from error
                if removed.rowcount != 1:
                    raise NotFound("There is no such analyser.")
                yield

    async def _change(self, statement: Executable) -> None:
        with translated_errors():
            async with self._engine.begin() as connection:
                if (await connection.execute(statement)).rowcount != 1:
                    raise NotFound("There is no such analyser.")
