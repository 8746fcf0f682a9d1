"""Requests that are answered without running anything."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from lorebase.api.graphql.errors import FormattedError, RequestErrorCode, lorebase_extensions
from lorebase.api.transports.negotiation import JSON
from lorebase.core.errors import ErrorCode, LorebaseError
from lorebase.core.logging import current_trace_id
from lorebase.schemas.rate_limits import Budget

RETRY_AFTER_SECONDS = 5
STATUS = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.BAD_USER_INPUT: 400,
    ErrorCode.RATE_LIMITED: 429,
}


class Problem(Exception):
    """A request that cannot be served: an HTTP status, a message for people and a code for programs."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str = RequestErrorCode.BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})

    @property
    def error(self) -> FormattedError:
        """The problem as a GraphQL error."""
        extensions = {"code": str(self.code), "retryable": False, "traceId": current_trace_id()}
        return {"message": self.message, "extensions": extensions}


def problem_response(problem: Problem, media_type: str | None = None) -> Response:
    """The response to a problem."""
    return json_response({"errors": [problem.error]}, problem.status, media_type, problem.headers)


def error_response(error: LorebaseError, media_type: str | None = None) -> Response:
    """The response to an expected error outside of any operation."""
    status = STATUS.get(error.code, 503 if error.retryable else 400)
    pause = {"Retry-After": str(error.details.get("retryAfterSeconds", RETRY_AFTER_SECONDS))}
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: pause, 503: pause}.get(status, {})
    formatted = {"message": error.message, "extensions": lorebase_extensions(error, current_trace_id())}
    return json_response({"errors": [formatted]}, status, media_type, headers)


def budget_headers(budget: Budget | None) -> dict[str, str]:
    """What is left of a key's points: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/."""
    if budget is None:
        return {}
    return {
        "RateLimit-Policy": f'"points";q={budget.limit};w=60',
        "RateLimit": f'"points";r={budget.remaining}',
    }


def json_response(
    content: object,
    status: int = 200,
    media_type: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """JSON that no cache keeps."""
    common = {"Cache-Control": "no-store", "Vary": "Accept"}
    return Response(
        orjson.dumps(content),
        status,
        headers={**common, **(headers or {})},
        media_type=f"{media_type or JSON}; charset=utf-8",
    )
