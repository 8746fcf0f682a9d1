"""One supervised part: how it starts, when it counts as ready, how it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lorebase.embedded.account import Account

Probe = Callable[[], bool]
"""Says at once (within about a second) whether the part can be used now; it never raises."""


@dataclass(frozen=True)
class OneShotResult:
    """How a one-shot part ended: its exit status, its standard output, the end of its log."""

    returncode: int
    output: str
    log_tail: str


def _exited_with_zero(result: OneShotResult) -> bool:
    return result.returncode == 0


@dataclass(frozen=True)
class Part:
    """A long-running service.

    Without a `probe` it counts as ready once it has lived for `settle_seconds`. `environment` is the
    child's whole environment. `orphan_signal` reaches it when the supervisor dies without a word; stores
    get the signal that lets them close their files.
    """

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    probe: Probe | None
    address: str = ""
    account: Account | None = None
    directory: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    stop_seconds: float = 10.0
    start_seconds: float = 60.0
    settle_seconds: float = 2.0


@dataclass(frozen=True)
class OneShot:
    """A command that must succeed before the next stage starts; `finished` receives its result."""

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    account: Account | None = None
    directory: Path | None = None
    start_seconds: float = 120.0
    stop_seconds: float = 10.0
    address: str = ""
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    accepts: Callable[[OneShotResult], bool] = field(default=_exited_with_zero)
    finished: Callable[[OneShotResult], None] = field(default=lambda result: None)


Stage = tuple[Part | OneShot, ...]
