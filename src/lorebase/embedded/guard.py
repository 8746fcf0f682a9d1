"""Ends the children when the supervisor dies, on systems without a parent death signal.

A small process reads a pipe that only the supervisor holds; the pipe's end is the supervisor's.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable


class Guard:
    """The supervisor's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lorebase.embedded.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    @property
    def pid(self) -> int:
        """The process id of the guard."""
        return self._process.pid

    def watch(self, pid: int, orphan_signal: int) -> None:
        """Has the process sent the signal when we are gone."""
        self._tell(f"watch {pid} {int(orphan_signal)}")

    def forget(self, pid: int) -> None:
        """The process has ended; its id may be given to another."""
        self._tell(f"forget {pid} 0")

    def close(self) -> None:
        """Ends the guard, which signals whatever it still watches."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def _tell(self, line: str) -> None:
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


def guard_if_needed() -> Guard | None:
    """A guard where the system does not tie a child's life to its parent's."""
    return None if sys.platform == "linux" else Guard()


def watched_at_the_end(lines: Iterable[str]) -> dict[int, int]:
    """Process ids and signals that are left when the lines end."""
    watched: dict[int, int] = {}
    for line in lines:
        verb, pid, number = line.split()
        if verb == "watch":
            watched[int(pid)] = int(number)
        else:
            watched.pop(int(pid), None)
    return watched


def main() -> None:
    """Reads until the supervisor is gone, then signals what it left."""
    for pid, number in watched_at_the_end(sys.stdin).items():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


if __name__ == "__main__":
    main()
