"""Translates what asyncpg and SQLAlchemy raise into the family of errors, without the values they quote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from lorebase.core.errors import (
    BadInput,
    Conflict,
    ErrorCode,
    LorebaseError,
    NotFound,
    Transient,
    Unavailable,
)

# SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
UNIQUE_VIOLATION = "23505"
FOREIGN_KEY_VIOLATION = "23503"
STATEMENT_CANCELLED = "57014"
_BUSY = frozenset({"40001", "40P01", "55P03"})
_UNREADABLE_TEXT = frozenset({"22021", "22P05"})
_TOO_LONG_FOR_AN_INDEX = "54000"
# Connection exceptions, operator intervention, too many connections, killed idle transactions, bad logins.
_OUT_OF_REACH = ("08", "57", "53", "25P03", "28")

_DATABASE_EXCEPTIONS = (
    DBAPIError,
    PendingRollbackError,
    PoolTimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)

# A server that is killed in the middle of an answer leaves asyncpg's protocol in a state of its own, and what
# is asked next (a rollback as a rule) is refused with an InternalClientError.
_LOST_CONNECTIONS = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    PoolTimeoutError,
    PendingRollbackError,
)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Around each call to the database: raises our errors in place of the driver's."""
    try:
        yield
    except _DATABASE_EXCEPTIONS as error:
        ours = translate(error)
        if ours is None:
            raise
        # The driver's message quotes rows and values; the chain would carry it into a log.
        raise ours from None


def translate(error: Exception) -> LorebaseError | None:
    """Our error for the driver's; None for a mistake in a statement, whose message quotes no values."""
    if any(isinstance(cause, UnicodeEncodeError) for cause in _chain(_cause(error))):
        return _unreadable_text()
    state = sqlstate(error)
    if state is None:
        return _without_state(error)
    if state.startswith(_OUT_OF_REACH):
        return unavailable(state)
    if state in _BUSY or isinstance(_cause(error), asyncpg.InvalidCachedStatementError):
        return Transient("The database is busy. Try again.", code=ErrorCode.OVERLOADED)
    return _refused_values(error, state)


def _refused_values(error: Exception, state: str) -> LorebaseError | None:
    details = {"sqlstate": state, "constraint": _cause_attribute(error, "constraint_name")}
    if state == FOREIGN_KEY_VIOLATION:
        return NotFound("There is no such object.", details=details)
    if state == UNIQUE_VIOLATION:
        return Conflict("There is one with the same value already.", details=details)
    if state in _UNREADABLE_TEXT:
        return _unreadable_text()
    if state == _TOO_LONG_FOR_AN_INDEX:
        return BadInput("A key is too long.")
    if state[:2] in {"22", "23"}:
        return Transient("The database refused a value.", code=ErrorCode.INTERNAL, details=details)
    return None


def _without_state(error: Exception) -> LorebaseError | None:
    cause = _cause(error)
    if isinstance(cause, _LOST_CONNECTIONS):
        return unavailable(type(cause).__name__)
    return None


def _unreadable_text() -> BadInput:
    return BadInput("The text contains characters that cannot be stored.", code=ErrorCode.INVALID_TEXT)


def unavailable(reason: str) -> Unavailable:
    """PostgreSQL is out of reach; `reason` is a code, never a message."""
    return Unavailable(
        "The database is out of reach. Try again later.",
        code=ErrorCode.DATABASE_UNAVAILABLE,
        details={"reason": reason},
    )


def is_lost_connection(error: Exception) -> bool:
    """Whether a connection was found dead: another one may work at once."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def sqlstate(error: Exception) -> str | None:
    """The five-character code of the driver's error."""
    value = _cause_attribute(error, "sqlstate")
    return value if value else None


def _cause(error: Exception) -> BaseException:
    adapted = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return adapted.__cause__ or adapted


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _cause_attribute(error: Exception, name: str) -> str | None:
    value = getattr(_cause(error), name, None)
    return value if isinstance(value, str) else None
