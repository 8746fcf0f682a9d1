"""What a process that reads foreign files gives up before it does."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

from lorebase.clients.parsing.extraction import Limits

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_OPEN_FILES = 32
_GRACE_SECONDS = 5.0
# Loaded once, before any fork: loading it in each child would cost more than the fork.
_C_LIBRARY = ctypes.CDLL(None)


def die_with_parent(parent: int) -> None:
    """Has the kernel kill this process as soon as `parent` is gone; a no-op where the kernel cannot (macOS,
    where the end of the connection to the parent does it)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def restrict(limits: Limits) -> None:
    """No new files, no core dumps, no new processes or privileges, and a bound on memory beyond what is
    already mapped. None of it can be undone."""
    mapped = _mapped_bytes()
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    if mapped:
        _lower(resource.RLIMIT_AS, mapped + limits.memory_bytes)


def start_clock(limits: Limits) -> None:
    """Ends the process by a signal once this document has used its CPU time, or far more than its wall time
    in case nobody watches."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + limits.cpu_seconds, hard))
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds + _GRACE_SECONDS)


def stop_clock() -> None:
    """Between two documents no time runs."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))


def _mapped_bytes() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        _C_LIBRARY.prctl(option, int(value), 0, 0, 0)
