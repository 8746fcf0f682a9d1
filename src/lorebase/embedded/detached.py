"""A supervisor in the background: away from the caller's terminal, pipes and files."""

from __future__ import annotations

import subprocess
import sys
import time

from lorebase.core.config import Settings, process_environment
from lorebase.embedded.environment import settings_environment, with_absolute_python_path
from lorebase.embedded.errors import StartFailed
from lorebase.embedded.home import Home
from lorebase.embedded.logs import size, tail
from lorebase.embedded.state import read_state
from lorebase.embedded.status import Phase, RunningStack

DETACHED_COMMAND = (sys.executable, "-P", "-m", "lorebase.embedded")
_LOOK_SECONDS = 0.1
_STOP_SECONDS = 60.0


def spawn_detached(
    settings: Settings, home: Home, command: tuple[str, ...]
) -> tuple[subprocess.Popen[bytes], int]:
    """Starts the supervisor; returns it with the place in its log where it begins to write."""
    overrides = {**settings_environment(settings), "LOREBASE_HOME": str(home.path), "PYTHONUTF8": "1"}
    environment = with_absolute_python_path(process_environment(overrides))
    log_began = size(home.supervisor_log)
    with home.supervisor_log.open("ab", buffering=0) as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=home.path,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return process, log_began


def wait_until_ready(
    process: subprocess.Popen[bytes], home: Home, log_began: int, seconds: float
) -> RunningStack:
    """Waits for the stack; one that is late is stopped. Raises StartFailed with the end of the log."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        record = read_state(home.state)
        if record and record.pid == process.pid and record.phase is Phase.READY:
            return RunningStack(process.pid, record.url, home.credentials, home.supervisor_log)
        if time.monotonic() >= deadline:
            _end(process)
            raise _failure(home, log_began, f"Lorebase was not ready within {seconds:.0f} s.")
        time.sleep(_LOOK_SECONDS)
    raise _failure(home, log_began, "Lorebase could not start.")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _failure(home: Home, log_began: int, what: str) -> StartFailed:
    log = home.supervisor_log
    return StartFailed(f"{what} The end of {log}:\n{tail(log, lines=40, since=log_began)}")
