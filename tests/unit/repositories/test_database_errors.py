"""The driver's errors become ours, without the values they quote."""

from __future__ import annotations

import asyncpg
import pytest
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
from lorebase.repositories.database_errors import is_lost_connection, sqlstate, translate, translated_errors

SECRET = "Key (title)=(the secret plan) already exists."


def wrapped(cause: Exception, *, lost: bool = False) -> DBAPIError:
    """As SQLAlchemy passes an error of asyncpg on."""
    adapted = Exception(str(cause))
    adapted.__cause__ = cause
    return DBAPIError("SELECT", {}, adapted, connection_invalidated=lost)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (asyncpg.UniqueViolationError(SECRET), Conflict, ErrorCode.CONFLICT),
        (asyncpg.ForeignKeyViolationError(SECRET), NotFound, ErrorCode.NOT_FOUND),
        (asyncpg.CheckViolationError(SECRET), Transient, ErrorCode.INTERNAL),
        (asyncpg.NotNullViolationError(SECRET), Transient, ErrorCode.INTERNAL),
        (asyncpg.DataError(SECRET), Transient, ErrorCode.INTERNAL),
        (asyncpg.CharacterNotInRepertoireError(SECRET), BadInput, ErrorCode.INVALID_TEXT),
        (asyncpg.UntranslatableCharacterError(SECRET), BadInput, ErrorCode.INVALID_TEXT),
        (asyncpg.ProgramLimitExceededError(SECRET), BadInput, ErrorCode.BAD_USER_INPUT),
        (asyncpg.DeadlockDetectedError(SECRET), Transient, ErrorCode.OVERLOADED),
        (asyncpg.SerializationError(SECRET), Transient, ErrorCode.OVERLOADED),
        (asyncpg.LockNotAvailableError(SECRET), Transient, ErrorCode.OVERLOADED),
        (asyncpg.InvalidCachedStatementError(SECRET), Transient, ErrorCode.OVERLOADED),
        (asyncpg.CannotConnectNowError(SECRET), Unavailable, ErrorCode.DATABASE_UNAVAILABLE),
        (asyncpg.AdminShutdownError(SECRET), Unavailable, ErrorCode.DATABASE_UNAVAILABLE),
        (asyncpg.CrashShutdownError(SECRET), Unavailable, ErrorCode.DATABASE_UNAVAILABLE),
        (asyncpg.TooManyConnectionsError(SECRET), Unavailable, ErrorCode.DATABASE_UNAVAILABLE),
        (asyncpg.QueryCanceledError(SECRET), Unavailable, ErrorCode.DATABASE_UNAVAILABLE),
        (asyncpg.ConnectionDoesNotExistError(SECRET), Unavailable, ErrorCode.DATABASE_UNAVAILABLE),
        (asyncpg.InvalidPasswordError(SECRET), Unavailable, ErrorCode.DATABASE_UNAVAILABLE),
        (asyncpg.InterfaceError(SECRET), Unavailable, ErrorCode.DATABASE_UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("wrap", [wrapped, lambda error: error], ids=["by SQLAlchemy", "bare"])
def test_each_error_of_the_driver_has_its_kind(
    error: Exception, kind: type[LorebaseError], code: ErrorCode, wrap: object
) -> None:
    ours = translate(wrap(error))  # type: ignore[operator]
    assert type(ours) is kind
    assert ours.code is code
    assert "secret" not in f"{ours} {ours.details}"


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        FileNotFoundError(),
        TimeoutError(),
        PoolTimeoutError("pool"),
        PendingRollbackError("gone"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        wrapped(asyncpg.InternalClientError("got result for unknown protocol state 3")),
    ],
)
def test_a_database_out_of_reach_is_unavailable(error: Exception) -> None:
    ours = translate(error)
    assert isinstance(ours, Unavailable)
    assert ours.retryable


def test_a_mistake_in_a_statement_stays_what_it_is() -> None:
    mistake = wrapped(asyncpg.UndefinedColumnError('column "x" does not exist'))
    assert translate(mistake) is None
    with pytest.raises(DBAPIError), translated_errors():
        raise mistake


def test_a_lone_surrogate_is_invalid_text() -> None:
    refused = asyncpg.DataError("invalid input for query argument $1: 'secret'")
    refused.__cause__ = UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
    ours = translate(wrapped(refused))
    assert isinstance(ours, BadInput)
    assert ours.code is ErrorCode.INVALID_TEXT


def test_the_chain_does_not_carry_the_drivers_message_on() -> None:
    with pytest.raises(Conflict) as raised, translated_errors():
        raise wrapped(asyncpg.UniqueViolationError(SECRET))
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_errors_of_services_pass_through() -> None:
    with pytest.raises(NotFound), translated_errors():
        raise NotFound("There is no such document.")


def test_only_an_invalidated_connection_is_worth_another_try() -> None:
    gone = asyncpg.ConnectionDoesNotExistError("gone")
    assert is_lost_connection(wrapped(gone, lost=True))
    assert not is_lost_connection(wrapped(gone))
    assert not is_lost_connection(OSError())


def test_the_state_is_read_through_the_wrapping() -> None:
    assert sqlstate(wrapped(asyncpg.UniqueViolationError("x"))) == "23505"
    assert sqlstate(OSError()) is None
