"""HTTP by hand: a client that reads while it sends, and counts how much it got rid of."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.e2e.client import Json

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """Status and JSON body of a response, and how many bytes of the request's body had left by then."""

    status: int
    body: Json
    sent: int

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str(self.body["errors"][0]["extensions"]["code"])


def post(url: str, headers: dict[str, str], pieces: Iterator[bytes], length: int | None) -> Answer:
    """Sends a body that claims to be `length` bytes long (None: chunked) until the server answers."""
    address = urlsplit(url)
    size = {"Content-Length": str(length)} if length is not None else {"Transfer-Encoding": "chunked"}
    lines = [f"{name}: {value}" for name, value in {"Host": address.netloc, **headers, **size}.items()]
    head = "\r\n".join([f"POST {address.path} HTTP/1.1", *lines, "", ""]).encode()
    with closing(socket.create_connection((address.hostname, address.port), PATIENCE_SECONDS)) as connection:
        connection.sendall(head)
        sent = _send_until_answered(connection, pieces, framed=length is None)
        status, body = _read_response(connection)
    return Answer(status, body, sent)


def _send_until_answered(connection: socket.socket, pieces: Iterator[bytes], *, framed: bool) -> int:
    sent = 0
    for piece in pieces:
        if _readable(connection, 0):
            return sent
        try:
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if framed else piece)
        except ConnectionError:
            # Cut off; the answer may be waiting to be read nevertheless.
            return sent
        sent += len(piece)
    return sent


def _readable(connection: socket.socket, seconds: float) -> bool:
    return bool(select.select([connection], [], [], seconds)[0])


def _read_response(connection: socket.socket) -> tuple[int, Json]:
    received = b""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _is_whole(received):
        assert time.monotonic() < deadline, received
        piece = connection.recv(65_536)
        assert piece, f"the connection ended after {received!r}"
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def _is_whole(received: bytes) -> bool:
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        return False
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(body) >= int(lengths[0])
