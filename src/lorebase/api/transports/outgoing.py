"""What a client is sent over its WebSocket: messages, and a ping now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import orjson
from graphql import ExecutionResult
from starlette.types import Send
from starlette.websockets import WebSocketDisconnect

from lorebase.api.graphql.errors import FormattedError
from lorebase.api.graphql.sharing import SharedResult
from lorebase.api.transports.closing import SEND_TIMEOUT, Closed
from lorebase.api.transports.patience import SendingWatch
from lorebase.api.transports.streaming import result_payload
from lorebase.core.config import EdgeSettings
from lorebase.core.tasks import begin


class Outgoing:
    """The messages to one client. `lose` is called when it is gone or takes too long to receive.

    Thousands of these wait: none has a task of its own, and a message passes few hands.
    """

    __slots__ = ("_ended", "_late", "_lose", "_ping", "_ping_seconds", "_pinging", "_send", "_watch")

    def __init__(
        self,
        send: Send,
        settings: EdgeSettings,
        lose: Callable[[Closed | WebSocketDisconnect], None],
    ) -> None:
        self._send = send
        self._lose = lose
        self._watch = SendingWatch(settings.stream_send_timeout_seconds, self._lose_patience)
        self._ping_seconds = settings.subscription_keep_alive_seconds
        self._pinging: asyncio.TimerHandle | None = None
        self._ping: asyncio.Task[None] | None = None
        self._late: asyncio.Task[None] | None = None
        self._ended = False

    def next(self, name: str, result: ExecutionResult) -> Awaitable[None]:
        """One result of an operation."""
        if isinstance(result, SharedResult):
            return self._write(f"{next_head(name)}{result.json}}}")
        return self.send({"id": name, "type": "next", "payload": result_payload(result)})

    def next_at_once(self, head: str, result: SharedResult) -> bool:
        """Sends a result before its operation could; not while another message is still on its way.

        `head` is that of its operation, made once by `next_head`.
        """
        if self._ended or self._late is not None or self._watch.sending:
            return False
        try:
            rest = begin(self._send({"type": "websocket.send", "text": f"{head}{result.json}}}"}))
        except (OSError, RuntimeError):
            self._lose(WebSocketDisconnect())
        else:
            if rest is not None:
                self._late = asyncio.ensure_future(self._finish(rest))
        return True

    def error(self, name: str, errors: list[FormattedError]) -> Awaitable[None]:
        """The end of an operation that failed."""
        return self.send({"id": name, "type": "error", "payload": errors})

    def send(self, message: Mapping[str, object]) -> Awaitable[None]:
        """Any message; nothing after the end. WebSocketDisconnect when the client is gone."""
        return self._write(orjson.dumps(message).decode())

    async def _finish(self, rest: Awaitable[None]) -> None:
        try:
            with self._watch:
                await rest
        except (OSError, RuntimeError):
            self._lose(WebSocketDisconnect())
        finally:
            self._late = None

    async def _write(self, text: str) -> None:
        if self._late is not None:
            # It was first: what comes after it in its stream must not overtake it.
            await asyncio.wait({self._late})
        # Past Starlette's WebSocket, which looks at each message: these are all of one kind.
        try:
            with self._watch:
                if not self._ended:
                    await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError) as error:
            raise WebSocketDisconnect from error

    def keep_alive(self) -> None:
        """Pings from now on."""
        self._pinging = asyncio.get_running_loop().call_later(self._ping_seconds, self._start_ping)

    async def end(self) -> None:
        """No more messages, and nobody watches any more."""
        self._ended = True
        self._watch.stop()
        if self._pinging is not None:
            self._pinging.cancel()
        for task in (self._ping, self._late):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

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


def next_head(name: str) -> str:
    """What stands before the payload in each result of an operation."""
    return f'{{"id":{orjson.dumps(name).decode()},"type":"next","payload":'
