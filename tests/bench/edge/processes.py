"""Servers in processes of their own, whose CPU time and memory the system tells."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from lorebase.embedded.ports import free_port
from lorebase.embedded.valkey import valkey_part
from tests.integration.embedded_parts import clean_environment, start_part, wait_until

ROOT = Path(__file__).parents[3]
START_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """What it has spent so far, in its own code and in the system's."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        """Memory it holds."""
        return int(self.process.memory_info().rss)


@contextmanager
def valkey() -> Iterator[str]:
    """The URL of a Valkey that lasts as long as the bench."""
    with tempfile.TemporaryDirectory(prefix="lb-", dir="/tmp") as name:
        base = Path(name)
        socket_path = base / "valkey.sock"
        part = valkey_part(base / "valkey", socket_path, base / "valkey.log", clean_environment())
        child = start_part(part)
        try:
            yield f"unix://{socket_path}"
        finally:
            child.stop()


@contextmanager
def server(kind: str, redis_url: str) -> Iterator[Server]:
    """One of the servers, ready."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.edge.servers", kind, str(port), redis_url]
    child = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(child, port), f"the start of the {kind} server", START_SECONDS)
        yield Server(port, psutil.Process(child.pid))
    finally:
        child.terminate()
        child.wait()


def _listens(child: subprocess.Popen[bytes], port: int) -> bool:
    assert child.poll() is None, "the server ended"
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
