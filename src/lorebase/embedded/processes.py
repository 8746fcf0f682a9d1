"""Other processes of this machine, told apart by id and time of birth."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_BIRTH_TOLERANCE_SECONDS = 1.0


def born(pid: int) -> float | None:
    """When the process began, in seconds since 1970; None when there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def is_same(pid: int, birth: float) -> bool:
    """Whether the process that began at `birth` still runs under that id."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(float(process.create_time()) - birth) < _BIRTH_TOLERANCE_SECONDS
    except psutil.Error:
        return False


def resident_bytes(pid: int) -> int | None:
    """Resident memory of the process and all below it; pages shared among them count each time."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    total = 0
    for process in family:
        with contextlib.suppress(psutil.Error):
            total += int(process.memory_info().rss)
    return total


def working_in(directory: Path, name: str) -> list[tuple[int, float]]:
    """Processes (id, birth) of that name whose working folder is `directory`."""
    found = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, OSError):
            if process.info["name"] == name and process.cwd() == str(directory):
                found.append((process.pid, float(process.create_time())))
    return found


def wait_or_kill(processes: Iterable[tuple[int, float]], patience_seconds: float) -> list[int]:
    """Waits until the processes (id, birth) have ended; kills those that have not. Returns the killed."""
    remaining = list(processes)
    deadline = time.monotonic() + patience_seconds
    while remaining := [(pid, birth) for pid, birth in remaining if is_same(pid, birth)]:
        if time.monotonic() >= deadline:
            break
        time.sleep(0.05)
    for pid, _ in remaining:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [pid for pid, _ in remaining]
