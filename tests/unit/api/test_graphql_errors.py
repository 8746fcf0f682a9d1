"""What clients see of errors, and what the log keeps."""

from __future__ import annotations

import logging

import pytest
from graphql import GraphQLError

from lorebase.api.graphql.enums import UserErrorCode
from lorebase.api.graphql.errors import MASKED_MESSAGE, format_error, format_errors
from lorebase.api.graphql.user_errors import (
    ConflictUserError,
    GenericUserError,
    QuotaUserError,
    to_user_error,
)
from lorebase.core.errors import (
    BadInput,
    Conflict,
    ErrorCode,
    Forbidden,
    LimitExceeded,
    LorebaseError,
    NotFound,
    Unauthenticated,
    Unavailable,
)

SECRET = "the patient's name is in this message"


def wrapped(error: Exception, *path: str | int) -> GraphQLError:
    return GraphQLError(str(error), path=path, original_error=error)


def test_an_expected_error_carries_code_trace_and_facts() -> None:
    error = Unavailable(
        "The vector store does not answer.",
        code=ErrorCode.VECTOR_STORE_UNAVAILABLE,
        details={"retry_after_seconds": 5},
    )
    assert format_error(wrapped(error, "search"), "t1") == {
        "message": "The vector store does not answer.",
        "path": ["search"],
        "extensions": {
            "code": "VECTOR_STORE_UNAVAILABLE",
            "retryable": True,
            "traceId": "t1",
            "retryAfterSeconds": 5,
        },
    }


def test_a_field_at_fault_is_named() -> None:
    formatted = format_error(wrapped(BadInput("No.", field=["first"]), "a"), "t")
    assert formatted["extensions"] == {
        "code": "BAD_USER_INPUT",
        "retryable": False,
        "traceId": "t",
        "field": ["first"],
    }


@pytest.mark.parametrize("error", [RuntimeError(SECRET), KeyError(SECRET), LorebaseError(SECRET)])
def test_an_unknown_error_is_masked(error: Exception) -> None:
    formatted = format_error(wrapped(error, "node", "title"), "t2")
    assert formatted["message"] == MASKED_MESSAGE
    assert formatted["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "retryable": False, "traceId": "t2"}
    assert SECRET not in str(formatted)


def test_an_unknown_error_is_logged_once_with_its_place_but_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails() -> None:
        raise RuntimeError(SECRET)

    with pytest.raises(RuntimeError) as caught, caplog.at_level(logging.DEBUG):
        fails()
    format_error(wrapped(caught.value, "node", 0), "t3")
    (record,) = caplog.records
    facts = vars(record)
    assert (facts["error_type"], facts["place"], facts["request_trace"]) == ("RuntimeError", "node/0", "t3")
    assert any(frame.endswith(" fails") for frame in facts["trail"])
    assert SECRET not in str(facts)


def test_expected_errors_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        format_error(wrapped(NotFound("There is no such object.")), "t")
    assert caplog.records == []


def test_graphql_s_own_messages_stay_and_get_a_code() -> None:
    (formatted,) = format_errors([GraphQLError("Cannot query field 'x'.")], "t", "GRAPHQL_VALIDATION_FAILED")
    assert formatted == {
        "message": "Cannot query field 'x'.",
        "extensions": {"code": "GRAPHQL_VALIDATION_FAILED", "retryable": False, "traceId": "t"},
    }


def test_a_message_that_quotes_a_whole_request_is_cut() -> None:
    formatted = format_error(GraphQLError("x" * 100_000), "t")
    assert formatted["message"] == "x" * 500 + "…"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("m"), UserErrorCode.INVALID),
        (BadInput("m", code=ErrorCode.EMPTY_DOCUMENT), UserErrorCode.BLANK),
        (BadInput("m", code=ErrorCode.TITLE_TOO_LONG), UserErrorCode.TOO_LARGE),
        (BadInput("m", code=ErrorCode.UNSUPPORTED_TYPE), UserErrorCode.UNSUPPORTED_MEDIA_TYPE),
        (NotFound("m"), UserErrorCode.NOT_FOUND),
        (Forbidden("m"), UserErrorCode.FORBIDDEN),
        (Conflict("m", code=ErrorCode.WRONG_STATE), UserErrorCode.WRONG_STATE),
        (Conflict("m", code=ErrorCode.IDEMPOTENCY_MISMATCH), UserErrorCode.IDEMPOTENCY_MISMATCH),
        (LimitExceeded("m"), UserErrorCode.LIMIT_EXCEEDED),
        (LimitExceeded("m", code=ErrorCode.TOO_LARGE, details={"limit": 1}), UserErrorCode.TOO_LARGE),
    ],
)
def test_expected_failures_of_mutations_become_user_errors(error: LorebaseError, code: UserErrorCode) -> None:
    shown = to_user_error(error)
    assert isinstance(shown, GenericUserError)
    assert (shown.code, shown.message, shown.field) == (code, "m", None)


def test_a_conflict_has_a_type_of_its_own() -> None:
    shown = to_user_error(Conflict("The slug is taken.", field=["slug"]))
    assert isinstance(shown, ConflictUserError)
    assert (shown.field, shown.existing) == (["input", "slug"], None)


def test_a_quota_says_its_limit_and_when_to_come_back() -> None:
    details = {"limit": 50_000, "retryAfterSeconds": 60}
    shown = to_user_error(LimitExceeded("Too many open jobs.", details=details))
    assert isinstance(shown, QuotaUserError)
    assert shown.limit == 50_000
    assert shown.retry_at is not None
    assert shown.retry_at.tzinfo is not None


def test_a_path_that_starts_at_the_input_is_not_lengthened() -> None:
    shown = to_user_error(BadInput("m", field=["input", "source"]))
    assert shown is not None
    assert shown.field == ["input", "source"]


@pytest.mark.parametrize(
    "error", [Unauthenticated("m"), Unavailable("m", code=ErrorCode.DATABASE_UNAVAILABLE), LorebaseError("m")]
)
def test_what_is_no_fault_of_the_input_is_no_user_error(error: LorebaseError) -> None:
    assert to_user_error(error) is None
