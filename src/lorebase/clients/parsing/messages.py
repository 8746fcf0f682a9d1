"""What the service's process and the parsing processes say to each other: JSON behind its length."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

LENGTH = struct.Struct(">Q")
# After a child has died the fork server adds this byte, which JSON never holds, and the exit status.
TRAILER = struct.Struct(">Bi")
TRAILER_MARK = 0

ONE_DOCUMENT = b"1"
MANY_DOCUMENTS = b"*"


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """One file to read."""

    path: str
    media_type: str


def send(connection: socket.socket, body: bytes) -> None:
    """Sends one message whole."""
    connection.sendall(LENGTH.pack(len(body)))
    connection.sendall(body)


def receive(connection: socket.socket) -> bytes | None:
    """The next message, or None when the other side has closed."""
    header = _exactly(connection, LENGTH.size)
    return None if header is None else _exactly(connection, LENGTH.unpack(header)[0])


def exit_status(tail: bytes) -> int | None:
    """The exit status that the fork server wrote at the end of a broken reply, or None if it wrote none."""
    if len(tail) < TRAILER.size:
        return None
    mark, status = TRAILER.unpack(tail[-TRAILER.size :])
    return status if mark == TRAILER_MARK else None


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        piece = connection.recv(min(size - len(received), 1 << 20))
        if not piece:
            return None
        received += piece
    return bytes(received)
