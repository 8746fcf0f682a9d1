"""Idle clients ask the owner of Milvus Lite whether it lives, and are not sent away for it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

# HTTP/2 (RFC 9113): the client's preface, frame types and the flag of an answered ping.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 4, 6, 7
ACKNOWLEDGED = 1
PINGS = 10


def frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, 0]) + bytes(4) + payload


def frames(connection: socket.socket) -> Iterator[tuple[int, int]]:
    """Type and flags of each frame that the server sends, until it hangs up."""
    stream = connection.makefile("rb")
    while len(head := stream.read(9)) == 9:
        stream.read(int.from_bytes(head[:3], "big"))
        yield head[3], head[4]


def test_a_client_may_ping_as_often_as_pymilvus_does(milvus_uri: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(milvus_uri.removeprefix("unix:"))
        connection.sendall(PREFACE + frame(SETTINGS) + frame(PING, bytes(8)))
        answered = 0
        for kind, flags in frames(connection):
            assert kind != GOAWAY, f"sent away after {answered} pings"
            if kind == PING and flags == ACKNOWLEDGED:
                answered += 1
                if answered == PINGS:
                    break
                connection.sendall(frame(PING, bytes(8)))
    assert answered == PINGS
