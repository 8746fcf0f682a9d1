"""Where Alembic runs: over a connection it is given, or over the owner's URL from the settings."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from lorebase.core.config import get_settings
from lorebase.models import metadata

# The loggers of the process are left alone: no fileConfig here.


def run(connection: Connection) -> None:
    """Runs what was asked of Alembic in one transaction."""
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_run() -> None:
    """For the `alembic` command, which brings no connection."""
    url = get_settings().database_owner_url
    if url is None:
        raise SystemExit("Set LOREBASE_DATABASE_OWNER_URL to the database's owner.")
    engine = create_async_engine(url.get_secret_value(), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


given = context.config.attributes.get("connection")
if context.is_offline_mode():
    raise SystemExit("Migrations run against a database only.")
if given is not None:
    run(given)
else:
    asyncio.run(connect_and_run())
