"""A fault-injecting proxy in front of one store: it passes bytes on, cuts connections, or swallows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

_READ_BYTES = 64 * 1024


class Mode(StrEnum):
    """CUT breaks connections at once; in a BLACK_HOLE they stay open and nothing moves."""

    OPEN = "open"
    CUT = "cut"
    BLACK_HOLE = "black hole"


class Proxy:
    """Listens on one Unix socket and connects to another, which need not be there yet."""

    def __init__(self, listen: Path, upstream: Callable[[], Path]) -> None:
        self.mode = Mode.OPEN
        self._listen = listen
        self._upstream = upstream
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begins to listen."""
        self._server = await asyncio.start_unix_server(self._serve, self._listen)

    async def close(self) -> None:
        """Breaks every connection and listens no more."""
        if self._server:
            self._server.close()
        self._flows.set()
        self._abort()

    def cut(self) -> None:
        """Breaks every connection, and each new one as soon as it is made."""
        self.mode = Mode.CUT
        self._flows.set()
        self._abort()

    def swallow(self) -> None:
        """Takes connections and bytes, and passes nothing on in either direction."""
        self.mode = Mode.BLACK_HOLE
        self._flows.clear()

    def mend(self, *, drop: bool = False) -> None:
        """Passes everything again; what was swallowed arrives late, or is lost with its connection."""
        self.mode = Mode.OPEN
        if drop:
            self._abort()
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._flows.wait()
            if self.mode is Mode.OPEN and not writer.transport.is_closing():
                # Without a store behind it the client sees its connection break, as it would without us.
                with suppress(OSError):
                    await self._join(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._upstream())
        self._open.add(up_writer)
        pumps = {
            asyncio.create_task(self._pump(reader, up_writer)),
            asyncio.create_task(self._pump(up_reader, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._open.discard(up_writer)
            up_writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(_READ_BYTES):
                await self._flows.wait()
                if sink.transport.is_closing():
                    return
                sink.write(data)
                await sink.drain()

    def _abort(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()
