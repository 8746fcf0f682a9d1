"""TCP ports of this machine."""

from __future__ import annotations

import contextlib
import socket

import psutil  # type: ignore[import-untyped]

from lorebase.embedded.errors import PortTaken

LOOPBACK = "127.0.0.1"
_ANY = {"": LOOPBACK, "0.0.0.0": LOOPBACK, "::": "::1"}


def free_port() -> int:
    """A port of the loopback that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def reachable_host(host: str) -> str:
    """The address under which a server bound to `host` is reached from this machine."""
    return _ANY.get(host, host)


def ensure_free(host: str, port: int) -> None:
    """Refuses with the name of the culprit, where it may be known, when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1)
        except OSError as error:
            raise PortTaken(
                f"Cannot listen on {host}:{port} ({error.strerror}{_culprit(port)}). "
                f"Stop that program, or choose another port: LOREBASE_PORT={min(port + 1, 65_535)}."
            ) from error


def _culprit(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if listens and connection.pid:
                return f"; {psutil.Process(connection.pid).name()}, process {connection.pid}, listens there"
    return ""
