"""Probes say no, in time, to silence, strangers and half-started servers; ports are free or taken."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorebase.embedded.errors import PortTaken
from lorebase.embedded.ports import ensure_free, free_port, reachable_host
from lorebase.embedded.probes import http_is_ok, postgres_accepts, socket_accepts, valkey_answers
from lorebase.embedded.stop_request import StopRequest


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


class OneAnswer:
    """A server that gives each caller the same answer, or nothing at all."""

    def __init__(self, listener: socket.socket, answer: bytes) -> None:
        self._listener = listener
        self._answer = answer
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if connection.recv(1024) == b"":
                    return
                connection.sendall(self._answer)

    def close(self) -> None:
        with socket.socket(self._listener.family) as last:
            last.connect(self._listener.getsockname())
        self._thread.join()
        self._listener.close()


def unix_server(path: Path, answer: bytes) -> OneAnswer:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    return OneAnswer(listener, answer)


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (b"+PONG\r\n", True),
        (b"-LOADING Valkey is loading the dataset in memory\r\n", False),
        (b"-NOAUTH\r\n", False),
        (b"x", False),
    ],
)
def test_valkey_is_ready_when_it_says_pong(folder: Path, answer: bytes, ready: bool) -> None:
    server = unix_server(folder / "s", answer)
    try:
        assert valkey_answers(folder / "s") is ready
    finally:
        server.close()


@pytest.mark.parametrize(
    ("answer", "ready"),
    [(b"R\0\0\0\x17\0\0\0\x0a", True), (b"E\0\0\0\x10SFATAL\0C57P03\0", False), (b"N", False)],
)
def test_postgresql_is_ready_when_it_asks_for_a_password(folder: Path, answer: bytes, ready: bool) -> None:
    server = unix_server(folder / ".s.PGSQL.5432", answer)
    try:
        assert postgres_accepts(folder, "someone") is ready
    finally:
        server.close()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, False), (301, False)])
def test_http_is_ready_at_200(status: int, ready: bool) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = OneAnswer(listener, f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
    try:
        assert http_is_ok("127.0.0.1", port, "/readyz") is ready
    finally:
        server.close()


def test_silence_is_a_no(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / "silent"))
        silent.listen()
        assert not valkey_answers(folder / "silent")
        assert socket_accepts(folder / "silent")


def test_nonsense_over_http_is_a_no() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = OneAnswer(listener, b"220 smtp here\r\n")
    try:
        assert not http_is_ok("127.0.0.1", listener.getsockname()[1], "/")
    finally:
        server.close()


def test_nobody_there_is_a_no(folder: Path) -> None:
    assert not socket_accepts(folder / "missing")
    assert not valkey_answers(folder / "missing")
    assert not postgres_accepts(folder, "someone")
    assert not http_is_ok("127.0.0.1", free_port(), "/")


def test_a_stale_socket_is_a_no(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(folder / "stale"))
    assert not socket_accepts(folder / "stale")


def test_a_free_port_is_accepted() -> None:
    ensure_free("127.0.0.1", free_port())


def test_a_taken_port_is_refused_with_its_culprit_and_a_way_out() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            ensure_free("127.0.0.1", port)
    assert f"127.0.0.1:{port}" in caught.value.message
    assert f"process {os.getpid()}" in caught.value.message
    assert f"LOREBASE_PORT={min(port + 1, 65_535)}" in caught.value.message


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(PortTaken, match=r"192\.0\.2\.1"):
        ensure_free("192.0.2.1", free_port())


@pytest.mark.parametrize(
    ("bound", "reached"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.7", "10.0.0.7")]
)
def test_a_server_bound_everywhere_is_reached_on_the_loopback(bound: str, reached: str) -> None:
    assert reachable_host(bound) == reached


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_becomes_a_wish_to_stop_and_a_second_one_hurries(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopRequest() as request:
        assert not request.asked()
        os.kill(os.getpid(), number)
        assert request.asked()
        assert not request.hurried()
        os.kill(os.getpid(), number)
        assert request.hurried()
    assert signal.getsignal(number) is before
