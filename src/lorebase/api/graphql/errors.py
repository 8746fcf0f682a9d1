"""What clients see of errors: expected ones with their code, everything else masked and logged once."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from enum import StrEnum

from graphql import GraphQLError
from pydantic.alias_generators import to_camel
from strawberry.exceptions import StrawberryInputCoercionError

from lorebase.core.errors import ErrorCode, LorebaseError

logger = logging.getLogger(__name__)

FormattedError = dict[str, object]

MESSAGE_MAXIMUM = 500

MASKED_MESSAGE = "Something went wrong on our side. Quote the trace id when you report it."


class RequestErrorCode(StrEnum):
    """Codes of requests that are refused before anything runs."""

    PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    BAD_REQUEST = "BAD_USER_INPUT"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    PERSISTED_QUERY_MISMATCH = "PERSISTED_QUERY_MISMATCH"
    NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"


class RequestRefused(Exception):
    """A request that was never run: it does not parse, does not fit the schema, or may not be run."""

    def __init__(self, errors: list[GraphQLError], code: RequestErrorCode) -> None:
        super().__init__(code)
        self.errors = errors
        self.code = code


def format_errors(
    errors: Sequence[GraphQLError], trace_id: str, code: str = RequestErrorCode.BAD_REQUEST
) -> list[FormattedError]:
    """Errors as a response carries them; `code` is given to those that say nothing of their own."""
    return [format_error(error, trace_id, code) for error in errors]


def format_error(
    error: GraphQLError, trace_id: str, code: str = RequestErrorCode.BAD_REQUEST
) -> FormattedError:
    """One error as a response carries it."""
    cause = root_cause(error)
    formatted: FormattedError = {"message": MASKED_MESSAGE}
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        formatted["path"] = error.path
    if isinstance(cause, LorebaseError) and cause.code is not ErrorCode.INTERNAL:
        return {**formatted, "message": cause.message, "extensions": lorebase_extensions(cause, trace_id)}
    if isinstance(cause, GraphQLError | StrawberryInputCoercionError):
        extensions = {"code": str(code), "retryable": False, **(error.extensions or {}), "traceId": trace_id}
        return {**formatted, "message": shortened(error.message), "extensions": extensions}
    log_bug(cause, trace_id, "/".join(str(part) for part in error.path or ()))
    return {**formatted, "extensions": masked_extensions(trace_id)}


def shortened(message: str) -> str:
    """A message that quotes no more of a request than a person would read."""
    return message if len(message) <= MESSAGE_MAXIMUM else f"{message[:MESSAGE_MAXIMUM]}…"


def root_cause(error: BaseException) -> BaseException:
    """The exception that a GraphQLError was made of, or the error itself."""
    while isinstance(error, GraphQLError) and error.original_error is not None:
        error = error.original_error
    return error


def lorebase_extensions(error: LorebaseError, trace_id: str) -> dict[str, object]:
    """`code`, `retryable`, `traceId` and the typed facts of an expected error."""
    facts = {to_camel(name): value for name, value in error.details.items()}
    extensions: dict[str, object] = {
        **facts,
        "code": str(error.code),
        "retryable": error.retryable,
        "traceId": trace_id,
    }
    if error.field:
        extensions["field"] = error.field
    return extensions


def masked_extensions(trace_id: str) -> dict[str, object]:
    """Extensions of an error whose cause is nobody's business."""
    return {"code": str(ErrorCode.INTERNAL), "retryable": False, "traceId": trace_id}


def log_bug(cause: BaseException, trace_id: str, place: str) -> None:
    """Logs where an unknown error came from, without its message: that may quote a document."""
    frames = traceback.extract_tb(cause.__traceback__)
    trail = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
    logger.error(
        "unexpected error",
        extra={"error_type": type(cause).__name__, "place": place, "trail": trail, "request_trace": trace_id},
    )
