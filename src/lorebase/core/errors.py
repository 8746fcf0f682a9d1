"""The family of errors: every expected failure is one of these, everything else is a bug."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ErrorCode(StrEnum):
    """Stable codes, shown to clients in `extensions.code` or on jobs and answers."""

    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    WRONG_STATE = "WRONG_STATE"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    GATE_REFUSED = "GATE_REFUSED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    OVERLOADED = "OVERLOADED"
    RATE_LIMITED = "RATE_LIMITED"
    TOO_LARGE = "TOO_LARGE"
    UNSUPPORTED_TYPE = "UNSUPPORTED_TYPE"
    EMPTY_DOCUMENT = "EMPTY_DOCUMENT"
    INVALID_TEXT = "INVALID_TEXT"
    ENCRYPTED = "ENCRYPTED"
    CORRUPT = "CORRUPT"
    NO_TEXT = "NO_TEXT"
    PAGE_LIMIT = "PAGE_LIMIT"
    DECOMPRESSION_LIMIT = "DECOMPRESSION_LIMIT"
    PARSE_TIMEOUT = "PARSE_TIMEOUT"
    PARSE_CRASHED = "PARSE_CRASHED"
    TITLE_TOO_LONG = "TITLE_TOO_LONG"
    VECTOR_STORE_UNAVAILABLE = "VECTOR_STORE_UNAVAILABLE"
    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    MODEL_REFUSED = "MODEL_REFUSED"
    MODEL_MISBEHAVED = "MODEL_MISBEHAVED"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    CANCELLED = "CANCELLED"
    LEASE_LOST = "LEASE_LOST"
    INTERNAL = "INTERNAL_SERVER_ERROR"


class LorebaseError(Exception):
    """An expected failure.

    `message` is fit for end users and never carries document text; `retryable` says whether the same
    request may succeed later; `details` adds typed facts such as `field` or `retryAfterSeconds`.
    """

    code: ErrorCode = ErrorCode.INTERNAL
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        code: ErrorCode | None = None,
        retryable: bool | None = None,
        field: list[str] | None = None,
        details: Mapping[str, str | int | float | None] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.retryable = type(self).retryable if retryable is None else retryable
        self.field = field
        self.details = dict(details or {})


class BadInput(LorebaseError):
    """What the caller sent cannot be used; the message says what to do."""

    code = ErrorCode.BAD_USER_INPUT


class Unauthenticated(LorebaseError):
    """No valid credentials."""

    code = ErrorCode.UNAUTHENTICATED


class Forbidden(LorebaseError):
    """The caller may see the object but not do this to it."""

    code = ErrorCode.FORBIDDEN


class NotFound(LorebaseError):
    """Absent, or invisible to the caller: both look the same."""

    code = ErrorCode.NOT_FOUND


class Conflict(LorebaseError):
    """The object changed meanwhile, a unique value is taken, or the state does not allow it."""

    code = ErrorCode.CONFLICT


class LimitExceeded(LorebaseError):
    """A quota or limit was reached; `details["limit"]` is the limit."""

    code = ErrorCode.LIMIT_EXCEEDED


class Permanent(LorebaseError):
    """Trying again cannot help. In a worker this class alone ends a job for good."""


class DocumentRefused(Permanent):
    """The document itself cannot be ingested; always given a specific code."""


class Transient(LorebaseError):
    """An outage or a busy part: try again later; `details["retryAfterSeconds"]` when known."""

    retryable = True


class RateLimited(Transient):
    """The caller spent its points; `details["retryAfterSeconds"]` says when there are enough again."""

    code = ErrorCode.RATE_LIMITED


class Unavailable(Transient):
    """A part we depend on does not answer; always given a specific code. Burns no attempts."""


class LeaseLost(LorebaseError):
    """Another worker has the job now: stop at once and write nothing."""

    code = ErrorCode.LEASE_LOST
    retryable = True


class JobCancelled(LorebaseError):
    """Someone asked the job to stop."""

    code = ErrorCode.CANCELLED
