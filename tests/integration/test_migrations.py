"""The migrated database is the one that the models describe, and migrations can be taken back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.config import Settings
from lorebase.core.errors import Conflict, Permanent, Unavailable
from lorebase.core.resources import resource_directory
from lorebase.models import metadata
from lorebase.repositories.database import (
    check_login_role,
    check_version,
    create_engine,
    create_owner_engine,
    ensure_roles,
)
from lorebase.repositories.migrations_runner import (
    current_revision,
    downgrade,
    head_revision,
    pending_migrations,
    upgrade,
)
from tests.integration.database import LOGIN, LOGIN_PASSWORD, connect, run_statements
from tests.integration.embedded_parts import PASSWORD

CATALOGUE = """
    SELECT 'column', table_name || '.' || column_name,
           concat_ws(' ', data_type, udt_name, is_nullable, column_default, collation_name)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1, 2
"""


def login_url(owner_url: str) -> str:
    return owner_url.replace(f"lorebase_owner:{PASSWORD}", f"{LOGIN}:{LOGIN_PASSWORD}")


@pytest.fixture
async def migrated(postgres_url: str) -> str:
    """The owner's URL of a database that was just migrated."""
    await ensure_roles(postgres_url, login_url(postgres_url))
    await upgrade(postgres_url)
    return postgres_url


@pytest.fixture
async def login_engine(migrated: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(login_url(migrated), Settings())
    yield engine
    await engine.dispose()


async def catalogue(url: str) -> set[tuple[str, str, str]]:
    connection = await connect(url)
    try:
        rows = await connection.fetch(CATALOGUE)
    finally:
        await connection.close()
    return {tuple(row) for row in rows if "alembic_version" not in row[1]}


async def test_autogenerate_finds_no_difference_between_models_and_database(migrated: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))

    engine = create_owner_engine(migrated)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_every_column_constraint_and_index_is_as_the_models_say(migrated: str) -> None:
    """Autogenerate does not compare checks, collations and included columns: the catalogue does."""
    by_migrations = await catalogue(migrated)
    await run_statements(migrated, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    engine = create_owner_engine(migrated)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    by_models = await catalogue(migrated)
    assert by_models - by_migrations == set()
    assert by_migrations - by_models == set()
    assert len(by_models) > 250


async def test_migrations_can_be_taken_back_and_made_again(migrated: str, login_engine: AsyncEngine) -> None:
    before = await catalogue(migrated)
    await downgrade(migrated, "base")
    assert await catalogue(migrated) == set()
    assert await current_revision(login_engine) is None
    await upgrade(migrated)
    assert await catalogue(migrated) == before


async def test_the_login_can_tell_how_far_the_database_is_migrated(
    postgres_url: str,
) -> None:
    await ensure_roles(postgres_url, login_url(postgres_url))
    engine = create_engine(login_url(postgres_url), Settings())
    assert await current_revision(engine) is None
    pending = await pending_migrations(engine)
    assert pending[0] == "0001"
    assert pending[-1] == head_revision()
    await upgrade(postgres_url)
    assert await current_revision(engine) == head_revision()
    assert await pending_migrations(engine) == ()
    await engine.dispose()


async def test_a_database_ahead_of_the_program_has_nothing_pending(
    migrated: str, login_engine: AsyncEngine
) -> None:
    await run_statements(migrated, "UPDATE alembic_version SET version_num = '9999'")
    assert await pending_migrations(login_engine) == ()


async def test_migrating_again_and_at_the_same_time_changes_nothing(migrated: str) -> None:

    before = await catalogue(migrated)
    await asyncio.gather(*(upgrade(migrated) for _ in range(3)))
    await asyncio.gather(*(ensure_roles(migrated, login_url(migrated)) for _ in range(3)))
    assert await catalogue(migrated) == before


async def test_loggers_of_the_process_stay_on(postgres_url: str) -> None:
    logger = logging.getLogger("lorebase.somewhere")
    await upgrade(postgres_url)
    assert not logger.disabled
    assert logging.getLogger("lorebase").isEnabledFor(logging.ERROR)


async def test_a_login_that_row_level_security_binds_is_accepted(login_engine: AsyncEngine) -> None:
    await check_login_role(login_engine)


async def test_the_owner_is_refused_as_a_login(migrated: str) -> None:
    engine = create_engine(migrated, Settings())
    with pytest.raises(Permanent, match="superuser"):
        await check_login_role(engine)
    await engine.dispose()
    with pytest.raises(Conflict):
        await ensure_roles(migrated, migrated)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("BYPASSRLS", "BYPASSRLS"),
        ("SUPERUSER", "superuser"),
        ("IN ROLE lorebase_owner", "owns tables"),
        ("NOSUPERUSER", "not a member"),
    ],
)
async def test_a_login_that_escapes_row_level_security_is_refused(
    migrated: str, attribute: str, message: str
) -> None:
    await run_statements(migrated, f"CREATE ROLE escaping LOGIN PASSWORD 'p' {attribute}")
    engine = create_engine(migrated.replace(f"lorebase_owner:{PASSWORD}", "escaping:p"), Settings())
    try:
        with pytest.raises(Permanent, match=message):
            await check_login_role(engine)
    finally:
        await engine.dispose()
        await run_statements(migrated, "DROP ROLE escaping")


async def test_a_login_that_owns_a_table_is_refused(migrated: str, login_engine: AsyncEngine) -> None:
    await run_statements(migrated, f"ALTER TABLE users OWNER TO {LOGIN}")
    with pytest.raises(Permanent, match="owns tables"):
        await check_login_role(login_engine)


async def test_a_login_is_made_once_and_its_password_may_hold_anything(postgres_url: str) -> None:
    password = 'it\'s "%L" :x \\'
    engine = create_owner_engine(postgres_url)
    url = engine.url.set(username='odd "name', password=password)
    await ensure_roles(postgres_url, url.render_as_string(hide_password=False))
    await upgrade(postgres_url)
    login = create_engine(url.render_as_string(hide_password=False), Settings())
    await check_login_role(login)
    await login.dispose()
    other = url.set(password="other")
    await ensure_roles(postgres_url, other.render_as_string(hide_password=False))
    refused = create_engine(other.render_as_string(hide_password=False), Settings())
    with pytest.raises(Unavailable):
        await check_login_role(refused)
    await refused.dispose()
    await engine.dispose()
    await run_statements(postgres_url, 'DROP ROLE "odd ""name"')


async def test_an_old_server_is_refused_by_name() -> None:
    class OldServer:
        """Answers as PostgreSQL 15 does."""

        async def scalar(self, statement: object) -> str:
            assert str(statement) == str(text("SHOW server_version_num"))
            return "150008"

    with pytest.raises(Permanent, match="PostgreSQL 15 is too old"):
        await check_version(OldServer())  # type: ignore[arg-type]


def test_the_template_bounds_how_long_a_migration_blocks() -> None:
    template = (resource_directory("migrations") / "script.py.mako").read_text()
    assert "SET LOCAL lock_timeout" in template
    assert "SET LOCAL statement_timeout" in template
    for script in (resource_directory("migrations") / "versions").glob("*.py"):
        assert "lock_timeout" in script.read_text(), script.name
