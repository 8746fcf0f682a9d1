"""The whole stack as a user runs it: started in the background by the command line, one a test session.

A test asks for the fixture `running_stack`, which tests/conftest.py offers to all; importing it into another
module would make a second stack.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lorebase.core.config import Settings
from lorebase.embedded import supervisor
from lorebase.embedded.credentials import Credentials, read_credentials
from lorebase.embedded.home import locate_home
from lorebase.embedded.logs import tail
from lorebase.embedded.ports import free_port
from lorebase.embedded.status import PartState, PartStatus, StackStatus
from tests.integration.embedded_parts import clean_environment, is_alive, wait_until

START_SECONDS = 200
# Short enough for a test to wait until the jobs of a killed worker are free again.
QUICK = {"LOREBASE_JOB_LEASE_SECONDS": "6", "LOREBASE_JOB_SWEEP_SECONDS": "1"}


class RunningStack:
    """A stack that is ready: where it is, who may use it, and a way to kill its parts."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = environment
        self._settings = Settings(home=home)

    @property
    def credentials(self) -> Credentials:
        """Endpoint, key, and the first workspace's ids."""
        found = read_credentials(locate_home(self.home))
        assert found is not None, "the stack wrote no credentials"
        return found

    @property
    def status(self) -> StackStatus:
        """How the supervisor says it is."""
        found = supervisor.status(self._settings)
        assert found is not None, f"the stack is gone:\n{self.log('supervisor')}"
        return found

    def part(self, name: str) -> PartStatus:
        """How one part is: postgres, valkey, milvus, models, worker or api."""
        return next(part for part in self.status.parts if part.name == name)

    def log(self, part: str, lines: int = 40) -> str:
        """The end of a part's log."""
        return tail(locate_home(self.home).log(part), lines=lines)

    def kill(self, name: str) -> int:
        """Kills a part without a word; the id of the process that was."""
        pid = self.part(name).pid
        assert pid is not None, f"{name} does not run"
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_restart(self, name: str, killed: int) -> None:
        """Waits until the supervisor has a new process ready in the place of the killed one."""
        wait_until(lambda: self._is_back(name, killed), f"the restart of {name}")

    def command(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs the command line on this stack, like a user in another terminal."""
        return run_lorebase(self.environment, *words, timeout=timeout)

    def _is_back(self, name: str, killed: int) -> bool:
        part = self.part(name)
        return part.state is PartState.READY and part.pid not in (None, killed) and is_alive(part.pid or 0)


def run_lorebase(
    environment: dict[str, str], *words: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "lorebase.cli", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _environment(home: Path) -> dict[str, str]:
    own = {"LOREBASE_HOME": str(home), "LOREBASE_PORT": str(free_port()), "PYTHONUTF8": "1"}
    return {**clean_environment(), **QUICK, **own}


@contextmanager
def temporary_stack() -> Iterator[RunningStack]:
    """A new stack in a folder of its own; stopped and removed at the end."""
    base = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    base.chmod(0o711)
    home = base / "home"
    environment = _environment(home)
    try:
        started = run_lorebase(environment, "up", "--detach", timeout=START_SECONDS)
        assert started.returncode == 0, started.stdout + started.stderr
        yield RunningStack(home, environment)
    finally:
        supervisor.stop(Settings(home=home))
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def running_stack(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """The session's stack, or the one that already runs in the folder that `--stack-home` names."""
    given = request.config.getoption("--stack-home")
    if given:
        home = Path(given).resolve()
        yield RunningStack(home, {**clean_environment(), "LOREBASE_HOME": str(home)})
        return
    with temporary_stack() as stack:
        yield stack
