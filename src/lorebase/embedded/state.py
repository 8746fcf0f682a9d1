"""The lock that makes a home's supervisor the only one, and the file in which it tells how it is."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel, ValidationError

from lorebase.embedded.private_file import write_private
from lorebase.embedded.status import PartState, Phase


class PartRecord(BaseModel):
    """One part as kept in the file; `born` tells a process from a later one with its id."""

    name: str
    title: str
    state: PartState
    pid: int | None = None
    born: float | None = None
    address: str = ""
    restarts: int = 0
    log: Path


class StackRecord(BaseModel):
    """The supervisor and its parts as kept in the file."""

    pid: int
    born: float
    phase: Phase
    url: str
    run_directory: Path | None = None
    parts: list[PartRecord] = []


def read_state(path: Path) -> StackRecord | None:
    """What was last written; None when there is nothing that can be read."""
    try:
        return StackRecord.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_state(path: Path, record: StackRecord) -> None:
    """Replaces what was written before."""
    write_private(path, record.model_dump_json(indent=1) + "\n")


class HomeLock:
    """An exclusive lock on a file; it ends with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, patience_seconds: float = 1.0) -> bool:
        """Takes the lock; False when another process keeps it, as opposed to looking at it briefly."""
        deadline = time.monotonic() + patience_seconds
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while not _try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return False
            time.sleep(0.05)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Gives the lock back; without one it does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> HomeLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Whether a supervisor holds the lock now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
