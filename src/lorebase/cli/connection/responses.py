"""Reads what the API answers: data, errors, and the errors of mutations."""

from __future__ import annotations

from typing import Any

import httpx
import orjson

from lorebase.cli.errors import ApiRefused

Json = dict[str, Any]

# What a gateway in front of the API says while the API itself starts or is overloaded.
_BUSY_STATUSES = frozenset({408, 425, 429, 502, 503, 504})


def data_of(response: httpx.Response) -> Json:
    """The data of a response; ApiRefused for errors, and for answers that are not GraphQL."""
    try:
        return checked(orjson.loads(response.content), _retry_after(response))
    except orjson.JSONDecodeError:
        status = response.status_code
        raise ApiRefused(
            f"{response.url} answered with status {status} and no GraphQL: is this the endpoint of Lorebase?",
            "UNREADABLE",
            retryable=status in _BUSY_STATUSES,
            retry_after_seconds=_retry_after(response),
        ) from None


def checked(body: object, retry_after_seconds: float | None = None) -> Json:
    """The data of a GraphQL result; ApiRefused with its first error."""
    result = body if isinstance(body, dict) else {}
    errors = result.get("errors")
    if isinstance(errors, list) and errors:
        raise _refusal(errors[0] if isinstance(errors[0], dict) else {}, retry_after_seconds)
    data = result.get("data")
    if not isinstance(data, dict):
        raise ApiRefused("The answer is not GraphQL: is this the endpoint of Lorebase?", "UNREADABLE")
    return data


def payload_of(data: Json, field: str) -> Json:
    """The payload of a mutation; ApiRefused with its first user error."""
    payload: Json = data[field]
    for problem in payload.get("userErrors") or ():
        code = str(problem["code"])
        # A limit on one field (a title too long) stays; one on the whole (too many open jobs) passes.
        passes = code == "LIMIT_EXCEEDED" and not problem.get("field")
        raise ApiRefused(str(problem["message"]), code, retryable=passes)
    return payload


def _refusal(error: Json, retry_after_seconds: float | None) -> ApiRefused:
    extensions = error.get("extensions") or {}
    wait = extensions.get("retryAfterSeconds")
    return ApiRefused(
        str(error.get("message", "The API refused.")),
        str(extensions.get("code", "UNKNOWN")),
        retryable=extensions.get("retryable") is True,
        retry_after_seconds=float(wait) if isinstance(wait, int | float) else retry_after_seconds,
    )


def _retry_after(response: httpx.Response) -> float | None:
    # RFC 9110, 10.2.3; the form with a date is left to our own pauses.
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None
