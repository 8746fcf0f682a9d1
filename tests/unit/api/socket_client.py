"""A WebSocket client without a network: it speaks ASGI with the application."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.unit.api.edge import Edge
from tests.unit.api.fake_services import SECRET

SUBPROTOCOL = "graphql-transport-ws"
Message = dict[str, object]


class Closed(Exception):
    """The server closed the connection."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class SocketClient:
    """One connection."""

    def __init__(
        self,
        edge: Edge,
        *subprotocols: str,
        headers: Mapping[str, str] | None = None,
        path: str = "/graphql",
        root_path: str = "",
    ) -> None:
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self.subprotocol: object = None
        self.accepted = False
        self._blocked: float = 0
        scope = {
            "type": "websocket",
            "path": path,
            "root_path": root_path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
            "subprotocols": list(subprotocols),
        }
        self._incoming.put_nowait({"type": "websocket.connect"})
        app = edge.app(scope, self._incoming.get, self._put)  # type: ignore[arg-type]
        self.task = asyncio.ensure_future(app)

    async def _put(self, message: object) -> None:
        if self._blocked:
            self._blocked -= 1
            await asyncio.Event().wait()
        await self._outgoing.put(message)  # type: ignore[arg-type]

    def block(self, messages: float = math.inf) -> None:
        """Takes nothing more, or not so many of the next messages."""
        self._blocked = messages

    async def send(self, message: object) -> None:
        await self.send_raw(text=json.dumps(message))

    async def send_raw(self, *, text: str | None = None, data: bytes | None = None) -> None:
        await self._incoming.put({"type": "websocket.receive", "text": text, "bytes": data})

    async def receive(self) -> Message:
        """The next message; Closed when there is none."""
        message = await asyncio.wait_for(self._outgoing.get(), 5)
        if message["type"] == "websocket.accept":
            self.accepted = True
            self.subprotocol = message.get("subprotocol")
            return await self.receive()
        if message["type"] == "websocket.close":
            raise Closed(int(str(message["code"])), str(message.get("reason", "")))
        content = json.loads(str(message["text"]))
        assert isinstance(content, dict)
        return content

    async def closed(self) -> Closed:
        """How the server ends the connection; what it still says is read over."""
        while True:
            try:
                await self.receive()
            except Closed as closed:
                return closed

    async def initialise(self, payload: object = None) -> None:
        """Opens the connection as a valid caller."""
        default = {"authorization": f"Bearer {SECRET}"}
        await self.send({"type": "connection_init", "payload": payload or default})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, name: str, query: str, variables: object = None) -> None:
        """Starts an operation."""
        await self.send(
            {"id": name, "type": "subscribe", "payload": {"query": query, "variables": variables}}
        )

    async def leave(self) -> None:
        """Drops the connection."""
        await self._incoming.put({"type": "websocket.disconnect", "code": 1006})
        await asyncio.wait_for(self.task, 5)


@asynccontextmanager
async def connect(edge: Edge, *subprotocols: str) -> AsyncIterator[SocketClient]:
    """A connection that is dropped at the end."""
    client = SocketClient(edge, *(subprotocols or (SUBPROTOCOL,)))
    try:
        yield client
    finally:
        await client.leave()
