"""Cuts request bodies that are too large or too slow, whatever their headers promise."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lorebase.api.transports.negotiation import MULTIPART
from lorebase.api.transports.problems import Problem, problem_response
from lorebase.core.config import EdgeSettings
from lorebase.core.errors import ErrorCode

SLOWEST_BYTES_PER_SECOND = 16 * 1024


def too_large(limit: int) -> Problem:
    """The answer to a body beyond the limit; the rest of it is not read."""
    message = f"The request body is larger than {limit} bytes."
    return Problem(413, message, ErrorCode.TOO_LARGE, {"Connection": "close"})


def too_slow() -> Problem:
    """The answer to a body that trickles in."""
    return Problem(408, "The request body came too slowly.", headers={"Connection": "close"})


class BodyLimit:
    """Middleware: a body is read up to the limit of its kind, and at a minimum rate."""

    def __init__(self, app: ASGIApp, settings: EdgeSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on with a guarded body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = _Started(send)
        try:
            await self._serve(scope, receive, started)
        except Problem as problem:
            if started.answered:
                raise
            await problem_response(problem)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        limit = self._settings.max_body_bytes
        if headers.get("content-type", "").lower().startswith(MULTIPART):
            limit += self._settings.max_upload_bytes
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            raise too_large(limit)
        guard = _Guard(receive, limit, self._settings.request_timeout_seconds)
        await self._app(scope, guard, send)


class _Started:
    """Notes whether the response has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.answered = False

    async def __call__(self, message: Message) -> None:
        self.answered = True
        await self._send(message)


class _Guard:
    """Counts what comes in."""

    def __init__(self, receive: Receive, limit: int, patience: float) -> None:
        self._receive = receive
        self._limit = limit
        self._patience = patience
        self._began = time.monotonic()
        self._received = 0
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(self._remaining()):
                message = await self._receive()
        except TimeoutError as error:
            raise too_slow() from error
        self._received += len(message.get("body", b""))
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        if self._received > self._limit:
            raise too_large(self._limit)
        return message

    def _remaining(self) -> float:
        earned = self._patience + self._received / SLOWEST_BYTES_PER_SECOND
        return max(0.0, earned - (time.monotonic() - self._began))
