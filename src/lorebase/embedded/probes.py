"""Readiness probes: each answers within a second, from the same loop that supervises."""

from __future__ import annotations

import http.client
import socket
import struct
from pathlib import Path

SECONDS = 1.0
_PROTOCOL_3_0 = 196608


def postgres_accepts(directory: Path, user: str, port: int = 5432) -> bool:
    """Whether PostgreSQL asks for a password, as opposed to refusing because it still recovers."""
    fields = f"user\0{user}\0database\0postgres\0\0".encode()
    startup = struct.pack("!ii", len(fields) + 8, _PROTOCOL_3_0) + fields
    return _exchange(directory / f".s.PGSQL.{port}", startup).startswith(b"R")


def valkey_answers(path: Path) -> bool:
    """Whether Valkey answers PING; while it loads its file it answers an error instead."""
    return _exchange(path, b"PING\r\n").startswith(b"+PONG")


def socket_accepts(path: Path) -> bool:
    """Whether something listens on the Unix socket."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(path))
            return True
    except OSError:
        return False


def http_is_ok(host: str, port: int, path: str) -> bool:
    """Whether GET answers 200."""
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _exchange(path: Path, request: bytes) -> bytes:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(path))
            connection.sendall(request)
            return connection.recv(64)
    except OSError:
        return b""
