"""What happens to every request: a trace id, a line in the log, headers that make browsers careful."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lorebase.api.graphql.errors import MASKED_MESSAGE, log_bug, masked_extensions
from lorebase.api.metrics import Metrics
from lorebase.api.transports.problems import json_response
from lorebase.core.logging import new_trace_id, trace

logger = logging.getLogger("lorebase.access")

TRACE_HEADER = "X-Trace-Id"
TRACE_ID = re.compile(r"[0-9a-f]{32}")
TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
NO_TRACE = "0" * 32

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def trace_id_of(headers: Headers) -> str:
    """The trace id that the caller sent (`X-Trace-Id`, or W3C `traceparent`), or a new one."""
    given = headers.get(TRACE_HEADER, "").lower()
    parent = TRACE_PARENT.fullmatch(headers.get("traceparent", "").lower())
    found = given if TRACE_ID.fullmatch(given) else parent.group(1) if parent else NO_TRACE
    return found if found != NO_TRACE else new_trace_id()


class RequestSurroundings:
    """Middleware: traces, logs and hardens every request, and answers for what nobody caught."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the request inside its trace."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        with trace(trace_id_of(Headers(scope=scope))) as trace_id:
            response = _Response(send, trace_id)
            # Many small messages go to a socket: none of them has a header or a status.
            sent = response if scope["type"] == "http" else send
            began = time.perf_counter()
            try:
                await self._app(scope, receive, sent)
            except Exception as failure:  # noqa: BLE001 - the last place where a bug can be masked
                await self._mask(failure, scope, receive, response)
            finally:
                self._note(scope, response.status or _socket_status(scope), time.perf_counter() - began)

    async def _mask(self, failure: Exception, scope: Scope, receive: Receive, response: _Response) -> None:
        log_bug(failure, response.trace_id, str(scope["path"]))
        if response.status or scope["type"] == "websocket":
            return
        content = {
            "errors": [{"message": MASKED_MESSAGE, "extensions": masked_extensions(response.trace_id)}]
        }
        await json_response(content, 500)(scope, receive, response)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # Neither the query string nor any header: both may hold what must not be kept.
        method = str(scope.get("method", "WEBSOCKET"))
        self._metrics.request(method, status)
        facts = {"method": method, "path": _safe_path(str(scope["path"])), "status": status}
        logger.info("request", extra={**facts, "milliseconds": round(seconds * 1000, 1)})


class _Response:
    """Adds headers to the response and notes its status."""

    def __init__(self, send: Send, trace_id: str) -> None:
        self._send = send
        self.trace_id = trace_id
        self.status = 0

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            headers = MutableHeaders(scope=message)
            headers[TRACE_HEADER] = self.trace_id
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        return self._send(message)


def _socket_status(scope: Scope) -> int:
    return 101 if scope.get("state", {}).get("accepted") else 0


def _safe_path(path: str) -> str:
    # A download link opens a document: whoever reads the log must not be able to follow it.
    return "/downloads/…" if path.startswith("/downloads/") else path[:200]
