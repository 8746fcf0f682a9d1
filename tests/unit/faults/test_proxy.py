"""The proxy passes bytes on, breaks connections, and swallows what is sent until it is mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.proxy import Mode, Proxy

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """A server that sends back what it gets, and counts its bytes."""

    def __init__(self) -> None:
        self.received = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            self.received += data
            writer.write(data)
            await writer.drain()
        writer.close()


class Line:
    """A proxy before an echo, and clients of it."""

    def __init__(self, folder: Path) -> None:
        self.echo = Echo()
        self.upstream = folder / "echo"
        self.proxy = Proxy(folder / "proxy", lambda: self.upstream)
        self._listen = folder / "proxy"
        self._clients: list[asyncio.StreamWriter] = []

    async def connect(self) -> Connection:
        reader, writer = await asyncio.open_unix_connection(self._listen)
        self._clients.append(writer)
        return reader, writer

    def hang_up(self) -> None:
        for writer in self._clients:
            writer.close()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    with TemporaryDirectory(prefix="lp-", dir="/tmp") as folder:
        made = Line(Path(folder))
        async with await asyncio.start_unix_server(made.echo.serve, made.upstream) as server:
            await made.proxy.start()
            yield made
            made.hang_up()
            await made.proxy.close()
            server.close()


async def say(connection: Connection, words: bytes) -> bytes:
    """What comes back of the words; less of it when the connection breaks."""
    reader, writer = connection
    writer.write(words)
    try:
        async with asyncio.timeout(10):
            return await reader.readexactly(len(words))
    except asyncio.IncompleteReadError as error:
        return error.partial
    except ConnectionError:
        return b""


async def test_open_it_changes_nothing(line: Line) -> None:
    connection = await line.connect()
    assert await say(connection, b"hello") == b"hello"
    assert await say(connection, b"x" * 200_000) == b"x" * 200_000


async def test_an_end_is_passed_on(line: Line) -> None:
    reader, writer = await line.connect()
    assert await say((reader, writer), b"last") == b"last"
    writer.write_eof()
    assert await reader.read() == b""


async def test_a_cut_breaks_what_is_open_and_what_is_opened(line: Line) -> None:
    before = await line.connect()
    assert await say(before, b"hello") == b"hello"
    line.proxy.cut()
    assert await say(before, b"anyone?") == b""
    assert await say(await line.connect(), b"anyone?") == b""
    assert line.echo.received == b"hello"
    line.proxy.mend()
    assert await say(await line.connect(), b"again") == b"again"


async def test_a_black_hole_keeps_what_is_sent_and_lets_it_arrive_late(line: Line) -> None:
    connection = await line.connect()
    assert await say(connection, b"hello") == b"hello"
    line.proxy.swallow()
    waiting = asyncio.create_task(say(connection, b"late"))
    new = asyncio.create_task(say(await line.connect(), b"new"))
    # The proxy has had every chance to pass it on by the time another server has answered twice.
    for _ in range(2):
        reader, writer = await asyncio.open_unix_connection(line.upstream)
        writer.write(b".")
        assert await reader.readexactly(1) == b"."
        writer.close()
    assert not waiting.done()
    assert not new.done()
    assert line.echo.received == b"hello.."
    line.proxy.mend()
    assert line.proxy.mode is Mode.OPEN
    assert await waiting == b"late"
    assert await new == b"new"


async def test_a_black_hole_may_lose_what_it_swallowed(line: Line) -> None:
    connection = await line.connect()
    assert await say(connection, b"hello") == b"hello"
    line.proxy.swallow()
    waiting = asyncio.create_task(say(connection, b"lost"))
    line.proxy.mend(drop=True)
    assert await waiting == b""
    assert await say(await line.connect(), b"again") == b"again"


async def test_without_its_store_connections_break(line: Line) -> None:
    line.upstream = line.upstream.with_name("nobody")
    assert await say(await line.connect(), b"anyone?") == b""
