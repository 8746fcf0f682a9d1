"""Connections to OpenAI-compatible servers: who is asked, how often, and what their errors mean."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import backoff
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AsyncOpenAI,
    AuthenticationError,
    OpenAIError,
    PermissionDeniedError,
    RateLimitError,
)

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LorebaseError, Permanent, Transient, Unavailable

Result = TypeVar("Result")

LOCAL_PROVIDER = "local"
REMOTE_PROVIDER = "openai"
FIRST_DELAY_SECONDS = 0.25
LONGEST_DELAY_SECONDS = 20.0
BUSY_STATUSES = frozenset({408, 409, 425, 429})


class ModelConnections:
    """One client a provider, for the life of the process. Retries are ours, so the client makes none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[str, AsyncOpenAI] = {}
        self.retry_seconds = settings.model_retry_seconds

    def client(self, provider: str) -> AsyncOpenAI:
        """The client of a provider; the local server is asked without a key of anybody's."""
        if provider not in self._clients:
            self._clients[provider] = self._connect(provider)
        return self._clients[provider]

    def _connect(self, provider: str) -> AsyncOpenAI:
        settings = self._settings
        timeout = settings.model_timeout_seconds
        if provider == LOCAL_PROVIDER:
            if not settings.local_models_url:
                raise Unavailable(
                    "The local model server is not configured: set LOREBASE_LOCAL_MODELS_URL.",
                    code=ErrorCode.MODEL_UNAVAILABLE,
                )
            return AsyncOpenAI(
                api_key="local", base_url=settings.local_models_url, timeout=timeout, max_retries=0
            )
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
        return AsyncOpenAI(api_key=key, base_url=settings.openai_base_url, timeout=timeout, max_retries=0)

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()


def is_worth_retrying(error: BaseException) -> bool:
    """Whether the provider was busy, broken or out of reach, rather than refusing what was sent."""
    if isinstance(error, APIStatusError):
        exhausted = error.code == "insufficient_quota"
        return not exhausted and (error.status_code in BUSY_STATUSES or error.status_code >= 500)
    return isinstance(error, APIConnectionError)


def retry_after_seconds(error: BaseException) -> float | None:
    """What `Retry-After` asked for, in seconds (RFC 9110, 10.2.3; its date form is ignored)."""
    if not isinstance(error, APIStatusError):
        return None
    value = error.response.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else None


def waits() -> Generator[float, Any, None]:
    """Seconds before each next try: what the provider asked for, or full jitter over doubling delays."""
    error = yield 0.0
    ceiling = FIRST_DELAY_SECONDS
    while True:
        asked = retry_after_seconds(error)
        error = yield asked if asked is not None else random.uniform(0, ceiling)
        ceiling = min(ceiling * 2, LONGEST_DELAY_SECONDS)


async def retried(call: Callable[[], Awaitable[Result]], max_seconds: float) -> Result:
    """Makes a call, and makes it again with backoff for at most `max_seconds` while that may help."""

    @backoff.on_exception(
        waits,
        OpenAIError,
        giveup=lambda error: not is_worth_retrying(error),
        max_time=max_seconds,
        jitter=None,
        logger=None,
    )
    async def attempt() -> Result:
        return await call()

    return await attempt()


@contextmanager
def translating() -> Iterator[None]:
    """Turns everything a call to a model may raise into our errors; unreadable JSON is a ValueError there."""
    try:
        yield
    except OpenAIError as error:
        raise _translated(error) from error
    except ValueError as error:
        raise Transient(
            "The model provider sent something unreadable.", code=ErrorCode.MODEL_MISBEHAVED
        ) from error


def _translated(error: OpenAIError) -> LorebaseError:
    """Our error for theirs. Their text may repeat what was sent, so it goes no further."""
    if isinstance(error, AuthenticationError | PermissionDeniedError):
        return Permanent("The model provider refuses the API key.", code=ErrorCode.MODEL_REFUSED)
    if is_worth_retrying(error):
        busy = isinstance(error, RateLimitError)
        return Unavailable(
            "The model provider is busy." if busy else "The model provider does not answer.",
            code=ErrorCode.MODEL_UNAVAILABLE,
            details={"retryAfterSeconds": retry_after_seconds(error)},
        )
    if isinstance(error, APIStatusError):
        return Permanent(
            f"The model provider refuses the request (status {error.status_code}).",
            code=ErrorCode.MODEL_REFUSED,
        )
    if isinstance(error, APIError):
        return Transient("The model provider broke off.", code=ErrorCode.MODEL_MISBEHAVED)
    return Transient("The model provider sent something unreadable.", code=ErrorCode.MODEL_MISBEHAVED)
