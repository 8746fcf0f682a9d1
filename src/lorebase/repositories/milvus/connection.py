"""Clients of one Milvus: an asynchronous one for each event loop, connected on first use."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from lorebase.repositories.milvus.errors import translated
from lorebase.repositories.milvus.library import AsyncMilvusClient
from lorebase.repositories.milvus.rendering import LITE, SERVER, Dialect

# A server that was built small calls itself `…-lite` too, and understands what servers do.
_LITE_VERSION = "milvus_lite"

# gRPC tries ever more rarely, at last every two minutes: so long a Milvus that is back would seem to be away.
RECONNECT = {
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
}


@dataclass(frozen=True)
class MilvusConnection:
    """A connected client and how the other side reads filters."""

    client: AsyncMilvusClient
    dialect: Dialect


@dataclass
class _Loop:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: MilvusConnection | None = None


class MilvusConnections:
    """Hands out the connection of the running event loop; gRPC channels belong to the loop that made them."""

    def __init__(self, uri: str, token: str | None, timeout_seconds: float) -> None:
        self._uri = uri
        self._token = token or ""
        self._timeout = timeout_seconds
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()

    async def get(self) -> MilvusConnection:
        """Connects when needed. Raises Unavailable(VECTOR_STORE_UNAVAILABLE) when nobody answers."""
        loop = self._loops.setdefault(asyncio.get_running_loop(), _Loop())
        if loop.connection is None:
            async with loop.lock:
                if loop.connection is None:
                    loop.connection = await self._connect()
        return loop.connection

    async def close(self) -> None:
        """Closes the connection of the running event loop, if there is one."""
        loop = self._loops.pop(asyncio.get_running_loop(), None)
        if loop and loop.connection:
            await loop.connection.client.close()

    async def _connect(self) -> MilvusConnection:
        client = AsyncMilvusClient(
            uri=self._uri,
            token=self._token,
            timeout=self._timeout,
            dedicated=True,
            grpc_options=RECONNECT,
        )
        try:
            with translated("connect"):
                version = await client.get_server_version(timeout=self._timeout)
        except BaseException:
            await client.close()
            raise
        return MilvusConnection(client, LITE if str(version).startswith(_LITE_VERSION) else SERVER)
