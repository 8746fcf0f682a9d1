"""One child process: it dies with its parent, writes to a file, and ends when asked."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO

from lorebase.embedded.guard import Guard
from lorebase.embedded.part import OneShot, Part

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _tie_to_parent(death_signal: int, parent: int) -> Callable[[], None] | None:
    """What the child runs after its user is set and before exec; a change of user would undo it."""
    if _LIBC is None:
        return None
    prctl = _LIBC.prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(127)

    return tie


class Child:
    """A process of the part `part`. Start it from the main thread: Linux ties it to that thread."""

    def __init__(self, part: Part | OneShot, guard: Guard | None = None) -> None:
        self.part = part
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._over = True

    @property
    def pid(self) -> int | None:
        """The process id while it runs or has not been collected; None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process with its output in the log, in a session of its own, away from Ctrl-C."""
        part = self.part
        part.log.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(part, OneShot):
            # A file, as opposed to a pipe, never makes the child wait for a reader.
            self._output = tempfile.TemporaryFile()  # noqa: SIM115
        with open(part.log, "ab", buffering=0, opener=_private) as log:
            self._process = self._spawn(log)
        self._over = False
        if self._guard:
            self._guard.watch(self._process.pid, part.orphan_signal)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        part, account = self.part, self.part.account
        return subprocess.Popen(
            part.command,
            env=dict(part.environment),
            cwd=part.directory,
            stdin=subprocess.DEVNULL,
            stdout=self._output or log,
            stderr=log,
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            # Safe here: the supervisor has no threads.
            preexec_fn=_tie_to_parent(part.orphan_signal, os.getpid()),  # noqa: PLW1509
        )

    def poll(self) -> int | None:
        """The exit status, or None while it runs (or was never started)."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def read_output(self) -> str:
        """What a one-shot wrote to standard output; call it once, after it ended."""
        if self._output is None:
            return ""
        with self._output as stream:
            stream.seek(0)
            return stream.read().decode("utf-8", "replace")

    def signal(self, number: int) -> None:
        """Sends a signal; a process that has ended meanwhile is no error."""
        if self.running and self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def kill(self) -> None:
        """Ends the process, and what it may have left in its process group, at once."""
        if self._process is None or self._over:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        # Later the id may belong to someone else.
        self._over = True
        if self._guard:
            self._guard.forget(self._process.pid)

    def stop(self, seconds: float | None = None) -> bool:
        """Asks the process to end and waits; after `seconds` kills it. True when it ended by itself."""
        if self._process is None or not self.running:
            return True
        self.signal(self.part.stop_signal)
        try:
            self._process.wait(self.part.stop_seconds if seconds is None else seconds)
        except subprocess.TimeoutExpired:
            return False
        finally:
            self.kill()
        return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
