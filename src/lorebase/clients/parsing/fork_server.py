"""The process that all parsing processes are forked from: small, single-threaded, with the parsers loaded.

It listens on one socket. Each message on it carries one connection: a child is forked that serves it. When
the other end of a connection is closed its child is killed; when a child ends, its exit status is written to
its connection. So the asking side owns each child's life and learns of its death by reading alone.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
from collections.abc import Iterator
from typing import NoReturn

import orjson

from lorebase.clients.parsing import sandbox
from lorebase.clients.parsing.child import serve
from lorebase.clients.parsing.extraction import Limits
from lorebase.clients.parsing.messages import MANY_DOCUMENTS, TRAILER, TRAILER_MARK

DOCUMENTS_PER_WARM_PROCESS = 1000


def main(control_fd: int, parent: int, limits: bytes) -> None:
    """Serves until the other end of the control socket is closed."""
    sandbox.die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=control_fd)
    # Children share these pages as long as the collector does not write to them.
    gc.collect()
    gc.freeze()
    _ForkServer(control, Limits(**orjson.loads(limits))).run()


class _ForkServer:
    def __init__(self, control: socket.socket, limits: Limits) -> None:
        self._control = control
        self._limits = limits
        self._connections: dict[int, socket.socket] = {}
        self._pid_of_descriptor: dict[int, int] = {}
        self._poll = select.poll()
        self._death_reader, self._death_writer = os.pipe()
        os.set_blocking(self._death_reader, False)
        os.set_blocking(self._death_writer, False)

    def run(self) -> None:
        signal.set_wakeup_fd(self._death_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(self._death_reader, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            # In this order: a closed descriptor's number may be given out again by the next step.
            for descriptor in ready & self._pid_of_descriptor.keys():
                self._kill(descriptor)
            if self._death_reader in ready:
                self._bury_the_dead()
            if self._control.fileno() in ready and not self._accept():
                self._kill_all()
                return

    def _accept(self) -> bool:
        kind, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        if not kind:
            return False
        for descriptor in descriptors:
            self._fork(socket.socket(fileno=descriptor), kind)
        return True

    def _fork(self, connection: socket.socket, kind: bytes) -> None:
        documents = DOCUMENTS_PER_WARM_PROCESS if kind == MANY_DOCUMENTS else 1
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(connection, documents, server)
        self._connections[pid] = connection
        self._pid_of_descriptor[connection.fileno()] = pid
        # No events asked for: a closed other end is always reported.
        self._poll.register(connection, 0)

    def _become_child(self, connection: socket.socket, documents: int, server: int) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sandbox.die_with_parent(server)
            kept = os.dup2(connection.fileno(), 3) if connection.fileno() != 3 else 3
            os.closerange(4, 1024)
            serve(socket.socket(fileno=kept), self._limits, documents)
            status = 0
        finally:
            os._exit(status)

    def _bury_the_dead(self) -> None:
        os.read(self._death_reader, 4096)
        for pid, status in _ended_children():
            connection = self._connections.pop(pid)
            if self._pid_of_descriptor.pop(connection.fileno(), None):
                self._poll.unregister(connection)
            connection.settimeout(1.0)
            # Often nobody waits for the news: the child was killed because the asker had left.
            with contextlib.suppress(OSError):
                connection.sendall(TRAILER.pack(TRAILER_MARK, os.waitstatus_to_exitcode(status)))
            _drain(connection)
            connection.close()

    def _kill(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        os.kill(self._pid_of_descriptor.pop(descriptor), signal.SIGKILL)

    def _kill_all(self) -> None:
        for pid in self._connections:
            os.kill(pid, signal.SIGKILL)
        for pid in self._connections:
            os.waitpid(pid, 0)


def _drain(connection: socket.socket) -> None:
    # A socket closed with a request unread would reset the connection, and the exit status be lost.
    connection.setblocking(False)
    with contextlib.suppress(OSError):
        while connection.recv(65_536):
            continue


def _ended_children() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status
