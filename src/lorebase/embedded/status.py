"""What can be told of a stack: its phase and its parts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class PartState(StrEnum):
    """Where a part is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    DONE = "done"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Phase(StrEnum):
    """Where the whole stack is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class PartStatus:
    """One part; `rss_bytes` is its resident memory with its children's, None when it does not run."""

    name: str
    title: str
    state: PartState
    pid: int | None
    address: str
    restarts: int
    rss_bytes: int | None
    log: Path


@dataclass(frozen=True)
class StackStatus:
    """A running stack; `url` is the GraphQL endpoint."""

    pid: int
    phase: Phase
    url: str
    home: Path
    rss_bytes: int | None
    parts: tuple[PartStatus, ...]


@dataclass(frozen=True)
class RunningStack:
    """A detached stack that is ready."""

    pid: int
    url: str
    credentials: Path
    log: Path
