"""A running stack in a process of its own, and a home for it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lorebase.core.config import Settings
from lorebase.embedded.home import Home
from lorebase.embedded.ports import free_port
from lorebase.embedded.state import StackRecord, read_state
from lorebase.embedded.status import Phase
from tests.integration.embedded_parts import clean_environment, wait_until

PROJECT = Path(__file__).resolve().parents[3]
COMMAND = (sys.executable, "-m", "tests.integration.embedded.stack")


class Stack:
    """Starts supervisors on one home and looks at what they say."""

    def __init__(self, home: Path) -> None:
        self.home = Home(home)
        self.port = free_port()
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home.path, port=self.port)

    @property
    def environment(self) -> dict[str, str]:
        paths = os.pathsep.join([str(PROJECT / "src"), str(PROJECT)])
        own = {"LOREBASE_HOME": str(self.home.path), "LOREBASE_PORT": str(self.port), "PYTHONPATH": paths}
        return {**clean_environment(), **own}

    def spawn(self, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            COMMAND,
            env={**self.environment, **environment},
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def up(self, **environment: str) -> StackRecord:
        process = self.spawn(**environment)
        wait_until(lambda: self.is_ready(process), "the stack ready")
        return self.record

    def is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, process.communicate()
        state = read_state(self.home.state)
        return bool(state and state.pid == process.pid and state.phase is Phase.READY)

    @property
    def record(self) -> StackRecord:
        state = read_state(self.home.state)
        assert state is not None
        return state

    def pids(self) -> dict[str, int]:
        return {part.name: part.pid for part in self.record.parts if part.pid}

    def restarts(self, name: str) -> int:
        return next(part.restarts for part in self.record.parts if part.name == name)

    def end(self) -> tuple[int, str, str]:
        """Asks the last supervisor to stop; its exit status and what it printed."""
        process = self.processes[-1]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        return process.returncode, out.decode(), err.decode()

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


@contextmanager
def new_home() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    base.chmod(0o711)
    yield base / "the home"
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    with new_home() as path:
        yield path


@pytest.fixture
def stack(home: Path) -> Iterator[Stack]:
    """A stack that is not started yet."""
    with closing(Stack(home)) as stack:
        yield stack


@pytest.fixture(scope="module")
def standing() -> Iterator[Stack]:
    """A stack that runs throughout the module; tests may kill its parts, not its supervisor."""
    with new_home() as path, closing(Stack(path)) as stack:
        stack.up()
        yield stack
