"""Fixtures over a migrated PostgreSQL: `units` over a database that is empty before each test.

A conftest (or a test module) imports all six: migrated_template, module_database, database,
database_settings, engine, units. The database is cloned once a module from a migrated template.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.config import Settings
from lorebase.embedded.postgres import OWNER, database_url
from lorebase.models import metadata
from lorebase.repositories.database import create_engine, ensure_roles
from lorebase.repositories.migrations_runner import upgrade
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from tests.integration.embedded_parts import PASSWORD, EmbeddedSession

LOGIN = "lorebase_app"
LOGIN_PASSWORD = "only-for-tests-too"


@dataclass(frozen=True)
class DatabaseUrls:
    """Both ways into one migrated database."""

    owner: str
    login: str

    def named(self, name: str) -> DatabaseUrls:
        """The same ways into another database of the server."""
        return DatabaseUrls(_renamed(self.owner, name), _renamed(self.login, name))


def _renamed(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def connect(url: str) -> asyncpg.Connection:
    """A bare connection, outside of any repository."""
    return await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))


async def run_statements(url: str, *statements: str) -> None:
    """Runs statements one by one, each in a transaction of its own."""
    connection = await connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def migrated_template(embedded_session: EmbeddedSession) -> DatabaseUrls:
    """A migrated database that nobody is connected to: PostgreSQL copies it in a moment."""
    name = f"template_{secrets.token_hex(4)}"
    sockets = embedded_session.postgres.sockets
    urls = DatabaseUrls(
        database_url(sockets, OWNER, PASSWORD, name), database_url(sockets, LOGIN, LOGIN_PASSWORD, name)
    )

    async def make() -> None:
        await run_statements(urls.named("postgres").owner, f"CREATE DATABASE {name}")
        await ensure_roles(urls.owner, urls.login)
        await upgrade(urls.owner)

    asyncio.run(make())
    return urls


@pytest.fixture(scope="module")
def module_database(migrated_template: DatabaseUrls) -> Iterator[DatabaseUrls]:
    """A migrated database of the test module."""
    template, name = make_url(migrated_template.owner).database, f"module_{secrets.token_hex(4)}"
    server = migrated_template.named("postgres").owner
    asyncio.run(run_statements(server, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield migrated_template.named(name)
    asyncio.run(run_statements(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def empty(database: DatabaseUrls) -> None:
    """Leaves what the migrations put there."""
    # Faster than TRUNCATE on so few rows (which makes a hundred files); a replica checks no foreign keys.
    emptied = "; ".join(f"DELETE FROM {table}" for table in metadata.tables)
    first = "INSERT INTO keyword_analysers (version, chosen_at) VALUES (1, now())"
    await run_statements(database.owner, f"SET session_replication_role = replica; {emptied}; {first}")


@pytest.fixture
async def database(module_database: DatabaseUrls) -> DatabaseUrls:
    """The module's database, emptied before the test but for what the migrations put there."""
    await empty(module_database)
    return module_database


@pytest.fixture
def database_settings() -> Settings:
    """Settings of the units of work; override it in a module that needs others."""
    return Settings(database_pool_size=25)


@pytest.fixture
async def engine(database: DatabaseUrls, database_settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The application's engine: a login that row-level security binds."""
    made = create_engine(database.login, database_settings)
    yield made
    await made.dispose()


@pytest.fixture
def units(engine: AsyncEngine, database_settings: Settings) -> SqlUnitOfWorkFactory:
    """Units of work over an empty, migrated database."""
    return SqlUnitOfWorkFactory(engine, database_settings)
