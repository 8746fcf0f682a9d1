"""The asking side of the fork server: starts it, asks for parsing processes, starts it again if it dies."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import orjson

from lorebase.clients.parsing.extraction import Limits
from lorebase.clients.parsing.messages import LENGTH, ParseRequest, exit_status

_BOOTSTRAP = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from lorebase.clients.parsing.fork_server import main
main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].encode())
"""
_STOP_SECONDS = 5.0


class ChildEnded(Exception):
    """A parsing process ended before it answered: `status` is its exit status, negative for a signal, or None
    if the fork server died with it."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"A parsing process ended with status {status}.")
        self.status = status


class Connection:
    """One parsing process, alive as long as this is open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply_limit: int) -> None:
        self._reader = reader
        self._writer = writer
        self._reply_limit = reply_limit

    @property
    def ended(self) -> bool:
        """Whether the process is known to have ended."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def ask(self, request: ParseRequest) -> bytes:
        """The answer to one request. Raises ChildEnded."""
        body = orjson.dumps(request)
        try:
            self._writer.write(LENGTH.pack(len(body)) + body)
            await self._writer.drain()
            (size,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            if size > self._reply_limit:
                raise ChildEnded(1)
            return await self._reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            raise ChildEnded(exit_status(error.partial)) from error
        except ConnectionError as error:
            raise ChildEnded(None) from error

    def close(self) -> None:
        """Kills the process if it has not ended."""
        self._writer.transport.abort()


class ParsingProcesses:
    """All processes that read files for this one. Start it from the thread that lives as long as the service:
    the kernel ends the fork server with the thread that made it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def connect(self, kind: bytes) -> Connection:
        """A new parsing process for one document or for many."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            self._hand_over(theirs, kind)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return Connection(reader, writer, 8 * self._limits.max_characters + (1 << 20))

    async def close(self) -> None:
        """Ends the fork server and with it every parsing process."""
        server, self._server = self._server, None
        if self._control is not None:
            self._control.close()
            self._control = None
        if server is None:
            return
        try:
            await asyncio.to_thread(server.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            await asyncio.to_thread(server.wait)

    def _hand_over(self, connection: socket.socket, kind: bytes) -> None:
        for attempt in (1, 2):
            try:
                socket.send_fds(self._running(), [kind], [connection.fileno()])
                return
            except OSError:
                self._discard()
                if attempt == 2:
                    raise

    def _running(self) -> socket.socket:
        if self._control is None or self._server is None or self._server.poll() is not None:
            self._discard()
            self._control, self._server = _start(self._limits)
        return self._control

    def _discard(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()
        if self._control is not None:
            self._control.close()
        self._server = self._control = None


def _start(limits: Limits) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    path = orjson.dumps([entry for entry in sys.path if entry]).decode()
    arguments = [path, str(theirs.fileno()), str(os.getpid()), orjson.dumps(limits).decode()]
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-c", _BOOTSTRAP, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    # Never waited on: a fork server that hangs shows by a full socket and is replaced.
    ours.setblocking(False)
    return ours, server
