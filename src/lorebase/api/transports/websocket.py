"""GraphQL over WebSocket: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from lorebase.api.graphql.engine import Engine
from lorebase.api.metrics import Metrics
from lorebase.api.transports.authentication import ContextFor
from lorebase.api.transports.closing import SUBPROTOCOL_UNKNOWN, Closed
from lorebase.api.transports.connection import Connection
from lorebase.api.transports.origins import is_welcome
from lorebase.core.config import EdgeSettings

SUBPROTOCOL = "graphql-transport-ws"


class WebSocketTransport:
    """The endpoint `/graphql` for WebSockets."""

    def __init__(
        self, engine: Engine, settings: EdgeSettings, context_for: ContextFor, metrics: Metrics
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._context_for = context_for
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection to its end; a page of an origin that is not allowed gets none (HTTP 403)."""
        websocket = WebSocket(scope, receive, send)
        if not is_welcome(Headers(scope=websocket.scope), self._settings):
            await websocket.close()
            return
        known = SUBPROTOCOL in websocket.scope.get("subprotocols", ())
        await websocket.accept(SUBPROTOCOL if known else None)
        websocket.state.accepted = True
        # Nobody reads them again; a socket may stay open for hours.
        websocket.scope["headers"].clear()
        connection = Connection(
            receive,
            send,
            engine=self._engine,
            settings=self._settings,
            context_for=self._context_for,
            metrics=self._metrics,
        )
        try:
            with contextlib.suppress(WebSocketDisconnect):
                if not known:
                    raise Closed(SUBPROTOCOL_UNKNOWN, "Subprotocol not acceptable")
                await connection.serve()
        except Closed as closed:
            await connection.end()
            await self._farewell(websocket, closed)
        finally:
            await connection.end()

    async def _farewell(self, websocket: WebSocket, closed: Closed) -> None:
        # A client that reads nothing may not even take the farewell.
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(self._settings.stream_send_timeout_seconds):
                await websocket.close(closed.code, closed.reason)


class SocketEntrance:
    """Middleware: leads the WebSockets of a path straight to their transport.

    On the way through routing and its middleware every layer would hold memory for as long as a socket is
    open, and touch each message; none of them has anything to do for a WebSocket.
    """

    def __init__(self, app: ASGIApp, path: str, transport: WebSocketTransport) -> None:
        self._app = app
        self._path = path
        self._transport = transport

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serves the WebSocket, or passes on whatever else it is."""
        if (
            scope["type"] == "websocket"
            and scope["path"].removeprefix(scope.get("root_path", "")) == self._path
        ):
            return self._transport(scope, receive, send)
        return self._app(scope, receive, send)
