"""Expected failures of mutations, returned in `userErrors`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import strawberry

from lorebase.api.graphql.enums import UserErrorCode
from lorebase.api.graphql.nodes import Node
from lorebase.api.graphql.scalars import Long
from lorebase.core.errors import ErrorCode, LorebaseError

CODES = {
    ErrorCode.BAD_USER_INPUT: UserErrorCode.INVALID,
    ErrorCode.FORBIDDEN: UserErrorCode.FORBIDDEN,
    ErrorCode.NOT_FOUND: UserErrorCode.NOT_FOUND,
    ErrorCode.CONFLICT: UserErrorCode.CONFLICT,
    ErrorCode.WRONG_STATE: UserErrorCode.WRONG_STATE,
    ErrorCode.IDEMPOTENCY_MISMATCH: UserErrorCode.IDEMPOTENCY_MISMATCH,
    ErrorCode.LIMIT_EXCEEDED: UserErrorCode.LIMIT_EXCEEDED,
    ErrorCode.TOO_LARGE: UserErrorCode.TOO_LARGE,
    ErrorCode.TITLE_TOO_LONG: UserErrorCode.TOO_LARGE,
    ErrorCode.UNSUPPORTED_TYPE: UserErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.EMPTY_DOCUMENT: UserErrorCode.BLANK,
    ErrorCode.ENCRYPTED: UserErrorCode.INVALID,
    ErrorCode.CORRUPT: UserErrorCode.INVALID,
    ErrorCode.INVALID_TEXT: UserErrorCode.INVALID,
}


@strawberry.interface(description="An expected, actionable failure of a mutation.")
class UserError:
    """What every expected failure says."""

    code: UserErrorCode = strawberry.field(description="Stable machine-readable code.")
    message: str = strawberry.field(description="Human-readable explanation in English.")
    field: list[str] | None = strawberry.field(
        description=(
            'Path of the offending input field, for example `["input", "name"]`; '
            "null when no single field is at fault."
        )
    )


@strawberry.type(description="A failure without further structured detail.")
class GenericUserError(UserError):
    """Any expected failure."""

    field: list[str] | None = strawberry.field(description="Path of the offending input field.")


@strawberry.type(description="A unique value is already taken.")
class ConflictUserError(UserError):
    """A value taken, or a version passed."""

    field: list[str] | None = strawberry.field(description="Path of the offending input field.")
    existing: Node | None = strawberry.field(
        description="The object that already holds the value, when the caller may see it.", default=None
    )


@strawberry.type(description="A quota or rate limit was reached.")
class QuotaUserError(UserError):
    """A limit, and when to try again."""

    field: list[str] | None = strawberry.field(description="Path of the offending input field.")
    limit: Long = strawberry.field(description="The limit that applies.")
    retry_at: datetime | None = strawberry.field(description="When to try again, when known.", default=None)


def to_user_error(error: LorebaseError) -> UserError | None:
    """The member of `userErrors` for an expected failure; None when it belongs in `errors`."""
    code = CODES.get(error.code)
    if code is None:
        return None
    field = _input_path(error.field)
    limit = error.details.get("limit")
    if code is UserErrorCode.CONFLICT:
        return ConflictUserError(code=code, message=error.message, field=field)
    if code is UserErrorCode.LIMIT_EXCEEDED and isinstance(limit, int):
        retry_at = _retry_at(error.details.get("retryAfterSeconds"))
        return QuotaUserError(
            code=code, message=error.message, field=field, limit=Long(limit), retry_at=retry_at
        )
    return GenericUserError(code=code, message=error.message, field=field)


def _input_path(field: list[str] | None) -> list[str] | None:
    if not field:
        return None
    return field if field[0] == "input" else ["input", *field]


def _retry_at(seconds: str | float | None) -> datetime | None:
    return datetime.now(UTC) + timedelta(seconds=seconds) if isinstance(seconds, int | float) else None
