"""A file whose age tells that the worker's event loop turns."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from lorebase.core.config import Settings

INTERVAL_SECONDS = 5.0
STALE_SECONDS = 30.0


def heartbeat_file(settings: Settings) -> Path:
    """Where the worker of these settings leaves its heartbeat."""
    return settings.worker_heartbeat_file or settings.home / "worker.heartbeat"


async def beat(path: Path) -> None:
    """Touches the file every five seconds, for ever."""
    while True:
        _touch(path)
        await asyncio.sleep(INTERVAL_SECONDS)


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def is_alive(path: Path) -> bool:
    """Whether the file was touched within the last half minute."""
    try:
        return time.time() - path.stat().st_mtime < STALE_SECONDS
    except FileNotFoundError:
        return False
