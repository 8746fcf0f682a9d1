"""What a client is sent over its WebSocket: messages, and a ping now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import orjson
from graphql import ExecutionResult
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from lorebase.api.graphql.errors import FormattedError
from lorebase.api.graphql.sharing import SharedResult
from lorebase.api.transports.closing import SEND_TIMEOUT, Closed
from lorebase.api.transports.patience import SendingWatch
from lorebase.api.transports.streaming import result_payload
from lorebase.core.config import EdgeSettings


class Outgoing:
    """The messages to one client. `lose` is called when it is gone or takes too long to receive.

    Thousands of these wait: none has a task of its own, and a message passes few hands.
    """

    __slots__ = ("_lose", "_ping", "_ping_seconds", "_pinging", "_watch", "_websocket")

    def __init__(
        self,
        websocket: WebSocket,
        settings: EdgeSettings,
        lose: Callable[[Closed | WebSocketDisconnect], None],
    ) -> None:
        self._websocket = websocket
        self._lose = lose
        self._watch = SendingWatch(settings.stream_send_timeout_seconds, self._lose_patience)
        self._ping_seconds = settings.subscription_keep_alive_seconds
        self._pinging: asyncio.TimerHandle | None = None
        self._ping: asyncio.Task[None] | None = None

    async def next(self, name: str, result: ExecutionResult) -> None:
        """One result of an operation."""
        payload: object
        payload = orjson.Fragment(result.json) if isinstance(result, SharedResult) else result_payload(result)
        await self.send({"id": name, "type": "next", "payload": payload})

    async def error(self, name: str, errors: list[FormattedError]) -> None:
        """The end of an operation that failed."""
        await self.send({"id": name, "type": "error", "payload": errors})

    async def send(self, message: Mapping[str, object]) -> None:
        """Any message; nothing once the socket was closed. WebSocketDisconnect when the client is gone."""
        text = orjson.dumps(message).decode()
        websocket = self._websocket
        try:
            with self._watch:
                if websocket.application_state is WebSocketState.CONNECTED:
                    await websocket.send({"type": "websocket.send", "text": text})
        except RuntimeError as error:
            raise WebSocketDisconnect from error

    def keep_alive(self) -> None:
        """Pings from now on."""
        self._pinging = asyncio.get_running_loop().call_later(self._ping_seconds, self._start_ping)

    async def end(self) -> None:
        """No more pings; nobody watches any more."""
        self._watch.stop()
        if self._pinging is not None:
            self._pinging.cancel()
        if self._ping is not None:
            self._ping.cancel()
            await asyncio.wait({self._ping})

    def _start_ping(self) -> None:
        self._ping = asyncio.ensure_future(self._send_ping())

    async def _send_ping(self) -> None:
        try:
            await self.send({"type": "ping"})
        except WebSocketDisconnect as gone:
            self._lose(gone)
        else:
            self._ping = None
            self.keep_alive()

    def _lose_patience(self) -> None:
        self._lose(Closed(SEND_TIMEOUT, "The client reads too slowly"))
