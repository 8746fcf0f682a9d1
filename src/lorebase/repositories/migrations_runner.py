"""Runs Alembic from the program, and says how far a database is migrated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.resources import resource_directory
from lorebase.repositories.database import check_version, create_owner_engine, make_group_roles
from lorebase.repositories.database_errors import translated_errors

# Any number will do, as long as every migration of Lorebase takes the same.
_MIGRATION_LOCK = 7_036_215


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without a file; it runs over the connection."""
    config = Config()
    config.set_main_option("script_location", str(resource_directory("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


async def upgrade(owner_url: str, revision: str = "head") -> None:
    """Migrates the database, all or nothing; a second migration at the same time waits for the first."""
    await _run(owner_url, lambda connection: command.upgrade(alembic_config(connection), revision))


async def downgrade(owner_url: str, revision: str) -> None:
    """Takes migrations back, down to the revision or `base`; what they had added is lost."""
    await _run(owner_url, lambda connection: command.downgrade(alembic_config(connection), revision))


async def _run(owner_url: str, migration: Callable[[Connection], None]) -> None:
    engine = create_owner_engine(owner_url)
    try:
        with translated_errors():
            async with engine.begin() as connection:
                await check_version(connection)
                lock = text("SELECT pg_advisory_xact_lock(:number)")
                await connection.execute(lock, {"number": _MIGRATION_LOCK})
                await make_group_roles(connection)
                await connection.run_sync(migration)
    finally:
        await engine.dispose()


@lru_cache
def head_revision() -> str:
    """The newest revision that this program knows."""
    return str(ScriptDirectory.from_config(alembic_config()).get_current_head())


async def current_revision(engine: AsyncEngine) -> str | None:
    """The revision of the database; None when it was never migrated."""
    with translated_errors():
        async with engine.connect() as connection:
            if await connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
                return None
            found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            return str(found) if found is not None else None


async def pending_migrations(engine: AsyncEngine) -> tuple[str, ...]:
    """Revisions that the program has and the database lacks, oldest first; empty when it is up to date.

    A database that is ahead of the program (a revision it does not know) has none pending either.
    """
    current = await current_revision(engine)
    return await asyncio.to_thread(_newer_than, current)


def _newer_than(current: str | None) -> tuple[str, ...]:
    scripts = ScriptDirectory.from_config(alembic_config())
    newest_first = [script.revision for script in scripts.walk_revisions()]
    if current is None:
        return tuple(reversed(newest_first))
    if current not in newest_first:
        return ()
    return tuple(reversed(newest_first[: newest_first.index(current)]))
