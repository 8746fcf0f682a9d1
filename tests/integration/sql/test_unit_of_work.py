"""Transactions: what is kept, what is rolled back, what outages look like."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, NotFound, Unavailable
from lorebase.core.ids import new_id
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.repositories.database import create_engine
from lorebase.repositories.unit_of_work import SqlUnitOfWork, SqlUnitOfWorkFactory
from tests.integration.database import DatabaseUrls, connect, run_statements
from tests.integration.sql.factories import Tenant, document

Units = SqlUnitOfWorkFactory
# What PostgreSQL says before it ends a connection: https://www.postgresql.org/docs/current/protocol-message-formats.html
_LAST_WORDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
LAST_WORDS = b"E" + (len(_LAST_WORDS) + 4).to_bytes(4, "big") + _LAST_WORDS
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lorebase_app'"


@pytest.fixture
def database_settings() -> Settings:
    return Settings(database_pool_size=2, database_statement_timeout_ms=500)


def test_the_factory_keeps_the_ports_promise(units: Units) -> None:
    factory: UnitOfWorkFactory = units
    assert factory is units


async def test_leaving_without_commit_rolls_back(units: Units, tenant: Tenant) -> None:
    new = document(tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.add(new)
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.documents.get_many([new.id]) == []


async def test_an_error_in_the_block_rolls_back_and_comes_out(units: Units, tenant: Tenant) -> None:
    new = document(tenant)

    async def fail() -> None:
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.documents.add(new)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.documents.get_many([new.id]) == []


async def test_nothing_may_follow_a_commit(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.commit()
        with pytest.raises(RuntimeError):
            await uow.workspaces.get()


async def test_the_tenants_setting_does_not_outlive_its_transaction(
    units: Units, tenant: Tenant, engine: AsyncEngine
) -> None:
    for _ in range(4):
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.workspaces.get()
            await uow.commit()
        async with engine.connect() as connection:
            setting = await connection.scalar(text("SELECT current_setting('app.workspace_id', true)"))
            role = await connection.scalar(text("SELECT current_user"))
            assert (setting or "", role) == ("", "lorebase_app")
        async with units.for_system() as system:
            await system.count_workspaces()


async def test_a_cancelled_task_gives_its_connection_and_locks_back(units: Units, tenant: Tenant) -> None:
    new = document(tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.add(new)
        await uow.commit()
    locked = asyncio.Event()

    async def hold() -> None:
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.documents.get(new.id, lock=True)
            locked.set()
            await asyncio.sleep(60)

    for _ in range(5):
        locked.clear()
        task = asyncio.create_task(hold())
        await locked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with units.for_workspace(tenant.workspace_id) as uow:
            assert await uow.documents.get(new.id, lock=True) == new


async def test_a_task_cancelled_within_a_statement_gives_its_connection_back(
    units: Units, tenant: Tenant, engine: AsyncEngine
) -> None:
    async def sleep_in_the_database() -> None:
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.workspaces.get()
            await uow.database.rows(text("SELECT pg_sleep(0.4)"))

    for _ in range(4):
        task = asyncio.create_task(sleep_in_the_database())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    deadline = time.monotonic() + 30
    while engine.pool.checkedout() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert engine.pool.checkedout() == 0
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert (await uow.workspaces.get()).id == tenant.workspace_id


async def test_a_statement_that_takes_too_long_is_an_outage(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(Unavailable) as raised:
            await uow.database.rows(text("SELECT pg_sleep(30)"))
    assert raised.value.code is ErrorCode.DATABASE_UNAVAILABLE
    assert raised.value.retryable


async def test_a_pooled_connection_that_died_is_replaced_unnoticed(
    units: Units, tenant: Tenant, database: DatabaseUrls
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.workspaces.get()
    await run_statements(database.owner, KILL)
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert (await uow.workspaces.get()).id == tenant.workspace_id


async def test_a_connection_lost_within_the_block_is_an_outage_and_writes_nothing(
    units: Units, tenant: Tenant, database: DatabaseUrls
) -> None:
    new = document(tenant)

    async def lose_the_connection() -> None:
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.documents.add(new)
            await run_statements(database.owner, KILL)
            await uow.commit()

    with pytest.raises(Unavailable) as raised:
        await lose_the_connection()
    assert raised.value.code is ErrorCode.DATABASE_UNAVAILABLE
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(NotFound):
            await uow.documents.get(new.id)


async def server_process(uow: SqlUnitOfWork) -> int:
    """The process of PostgreSQL behind the transaction."""
    row = await uow.database.first(text("SELECT pg_backend_pid() AS id"))
    assert row is not None
    return int(row.id)


async def hear_last_words(uow: SqlUnitOfWork) -> None:
    """The driver reads why the server ends the connection, and has not read the end of it yet."""
    pooled = await uow._connection.get_raw_connection()
    assert pooled.driver_connection is not None
    pooled.driver_connection._protocol.data_received(LAST_WORDS)
    assert not pooled.driver_connection.is_closed()


@pytest.mark.parametrize("step", ["statement", "commit"])
async def test_a_connection_that_is_being_ended_is_an_outage_and_is_not_used_again(
    units: Units, tenant: Tenant, step: str
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        ended = await server_process(uow)
        await hear_last_words(uow)
        with pytest.raises(Unavailable) as raised:
            await (uow.workspaces.get() if step == "statement" else uow.commit())
    assert raised.value.code is ErrorCode.DATABASE_UNAVAILABLE
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await server_process(uow) != ended


async def test_a_pooled_connection_that_is_being_ended_is_replaced_unnoticed(
    units: Units, tenant: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.commit()
        await hear_last_words(uow)
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert (await uow.workspaces.get()).id == tenant.workspace_id


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://lorebase_app:x@/none?host=/tmp/there-is-no-such-folder",
        "postgresql+asyncpg://lorebase_app:x@127.0.0.1:9/none",
    ],
)
async def test_a_database_out_of_reach_is_an_outage(url: str) -> None:
    engine = create_engine(url, Settings())
    units = SqlUnitOfWorkFactory(engine, Settings())
    with pytest.raises(Unavailable) as raised:
        async with units.for_system() as system:
            await system.count_workspaces()
    assert raised.value.code is ErrorCode.DATABASE_UNAVAILABLE
    await engine.dispose()


async def test_a_refused_password_is_an_outage_without_the_password(database: DatabaseUrls) -> None:
    engine = create_engine(database.login.replace("only-for-tests-too", "mistyped"), Settings())
    with pytest.raises(Unavailable) as raised:
        async with SqlUnitOfWorkFactory(engine, Settings()).for_system():
            raise AssertionError("nobody may come in")
    assert "mistyped" not in f"{raised.value} {raised.value.details}"
    await engine.dispose()


async def test_a_full_pool_is_an_outage_after_the_wait(database: DatabaseUrls) -> None:
    settings = Settings(database_pool_size=1)
    engine = create_engine(database.login, settings, wait_seconds=0.1)
    units = SqlUnitOfWorkFactory(engine, settings)
    async with units.for_system():
        with pytest.raises(Unavailable):
            async with units.for_system():
                raise AssertionError("the pool has one connection")
    await engine.dispose()


async def test_concurrent_units_of_work_see_their_own_workspace(
    units: Units, tenant: Tenant, neighbour: Tenant
) -> None:
    async def who(workspace: Tenant) -> bool:
        async with units.for_workspace(workspace.workspace_id) as uow:
            return (await uow.workspaces.get()).id == workspace.workspace_id

    assert all(await asyncio.gather(*(who(one) for one in (tenant, neighbour) * 20)))


async def test_an_unknown_workspace_sees_nothing(
    units: Units, tenant: Tenant, database: DatabaseUrls
) -> None:
    owner = await connect(database.owner)
    try:
        assert await owner.fetchval("SELECT count(*) FROM knowledge_bases") == 1
    finally:
        await owner.close()
    async with units.for_workspace(new_id()) as uow:
        assert await uow.knowledge_bases.count() == 0
        with pytest.raises(NotFound):
            await uow.workspaces.get()
