"""The connection to PostgreSQL: engine, roles, and the refusal of logins that could see every tenant."""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from lorebase.core.config import Settings
from lorebase.core.errors import Conflict, Permanent
from lorebase.repositories.database_errors import cause_of, translated_errors

OLDEST_VERSION = 16
TENANT_ROLE = "lorebase_tenant"
SYSTEM_ROLE = "lorebase_system"

_CONNECT_SECONDS = 10
# A frozen process must not hold row locks for ever: sweepers skip locked rows.
_IDLE_IN_TRANSACTION_MS = 30_000


def create_engine(url: str, settings: Settings, wait_seconds: float = _CONNECT_SECONDS) -> AsyncEngine:
    """The engine of a process: a pool of `database_pool_size` connections that log no values.

    `wait_seconds` bounds how long a unit of work waits for one of them.
    They are not probed when taken: a unit of work whose first statement finds a dead one takes another.
    """
    engine = create_async_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=wait_seconds,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "server_settings": {
                "application_name": "lorebase",
                "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_MS),
                "jit": "off",
                "statement_timeout": str(settings.database_statement_timeout_ms),
                "TimeZone": "UTC",
            },
        },
    )
    event.listen(engine.sync_engine, "handle_error", _give_up_what_broke)
    return engine


def _give_up_what_broke(context: ExceptionContext) -> None:
    # A server that ends a connection says so first. When asyncpg has read that and not yet the end, it counts
    # the connection as open and yet can send nothing over it any more.
    if isinstance(cause_of(context.original_exception), asyncpg.InternalClientError):
        context.is_disconnect = True


def create_owner_engine(url: str) -> AsyncEngine:
    """An engine for the owner's short tasks: no pool, no statement timeout."""
    return create_async_engine(
        url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": _CONNECT_SECONDS}
    )


async def check_version(connection: AsyncConnection) -> None:
    """Raises Permanent on a server older than 16: grants there cannot say whether a member inherits."""
    number = int(str(await connection.scalar(text("SHOW server_version_num"))))
    if number < OLDEST_VERSION * 10_000:
        raise Permanent(
            f"PostgreSQL {number // 10_000} is too old: Lorebase needs {OLDEST_VERSION} or newer."
        )


async def ensure_roles(owner_url: str, login_url: str) -> None:
    """Makes the group roles and the login of `login_url` when missing, and the login a member of both.

    An existing login keeps its password. Raises Conflict when both URLs name the same role.
    """
    login = make_url(login_url)
    if login.username == make_url(owner_url).username:
        raise Conflict(
            "The application must not log in as the owner: give LOREBASE_DATABASE_URL another role."
        )
    engine = create_owner_engine(owner_url)
    try:
        # Roles belong to the whole server: another migration may be making them at this moment.
        for pause in (0.1, 0.3, 1.0):
            try:
                return await _make_roles(engine, login)
            except (Conflict, DBAPIError):
                await asyncio.sleep(pause)
        await _make_roles(engine, login)
    finally:
        await engine.dispose()


async def _make_roles(engine: AsyncEngine, login: URL) -> None:
    with translated_errors():
        async with engine.begin() as connection:
            await check_version(connection)
            await make_group_roles(connection)
            await _make_login(connection, str(login.username), str(login.password or ""))


async def make_group_roles(connection: AsyncConnection) -> None:
    """Makes the roles that hold the grants when they are missing; nobody can log in as them."""
    for role in (TENANT_ROLE, SYSTEM_ROLE):
        if not await _role_exists(connection, role):
            await connection.execute(text(f"CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS"))


async def _make_login(connection: AsyncConnection, name: str, password: str) -> None:
    if not await _role_exists(connection, name):
        create = await _format(connection, "CREATE ROLE %I LOGIN NOSUPERUSER PASSWORD %L", name, password)
        await connection.exec_driver_sql(create)
    for role, options in ((TENANT_ROLE, "INHERIT TRUE"), (SYSTEM_ROLE, "INHERIT FALSE, SET TRUE")):
        if not await _is_member(connection, name, role):
            grant = await _format(connection, f"GRANT {role} TO %I WITH {options}", name)
            await connection.exec_driver_sql(grant)


async def _role_exists(connection: AsyncConnection, role: str) -> bool:
    found = await connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    return found is not None


async def _is_member(connection: AsyncConnection, name: str, role: str) -> bool:
    statement = text(
        "SELECT 1 FROM pg_auth_members WHERE roleid = CAST(:role AS regrole) AND member = to_regrole(:name) "
        "AND inherit_option = :inherits AND set_option"
    )
    found = await connection.scalar(
        statement, {"role": role, "name": f'"{name}"', "inherits": role == TENANT_ROLE}
    )
    return found is not None


async def _format(connection: AsyncConnection, template: str, *values: str) -> str:
    # Statements about roles take no bind parameters: the server quotes the values.
    names = ", ".join(f"CAST(:value{number} AS text)" for number in range(len(values)))
    bound = {f"value{number}": value for number, value in enumerate(values)}
    return str(
        await connection.scalar(text(f"SELECT format(:template, {names})"), {"template": template, **bound})
    )


_LOGIN_FACTS = text(
    """
    SELECT rolsuper OR rolbypassrls AS sees_everything,
           EXISTS (
               SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
               WHERE nspname = current_schema() AND relkind IN ('r', 'p')
                 AND pg_has_role(pg_roles.oid, relowner, 'MEMBER')
           ) AS owns_tables,
           (
               SELECT count(*) FROM pg_roles AS needed
               WHERE needed.rolname IN (:tenant, :system) AND pg_has_role(pg_roles.oid, needed.oid, 'MEMBER')
           ) AS roles
    FROM pg_roles WHERE rolname = session_user
    """
)


async def check_login_role(engine: AsyncEngine) -> None:
    """Raises Permanent unless row-level security binds the login: a superuser or an owner escapes it."""
    with translated_errors():
        async with engine.connect() as connection:
            await check_version(connection)
            result = await connection.execute(_LOGIN_FACTS, {"tenant": TENANT_ROLE, "system": SYSTEM_ROLE})
            facts = result.one()
    if facts.sees_everything:
        raise Permanent(
            "The database login is a superuser or has BYPASSRLS: tenants would not be kept apart."
        )
    if facts.owns_tables:
        raise Permanent("The database login owns tables: give LOREBASE_DATABASE_URL a role that owns none.")
    if facts.roles != 2:
        raise Permanent(
            f"The database login is not a member of {TENANT_ROLE} and {SYSTEM_ROLE}: run `lorebase migrate`."
        )
