"""The logs of the children: their ends for people, their size for the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LOG_BYTES_MAXIMUM = 32 * 1024 * 1024
_TAIL_BYTES = 16 * 1024


def tail(path: Path, lines: int = 20, since: int = 0) -> str:
    """The last lines written after byte `since`; empty when there is no log."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(since, size - _TAIL_BYTES, 0))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def size(path: Path) -> int:
    """Bytes written so far; 0 when there is no log."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def keep_small(path: Path, maximum: int = LOG_BYTES_MAXIMUM) -> bool:
    """Moves the content of a large log aside; the process that appends to it goes on unawares."""
    if size(path) <= maximum:
        return False
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
    return True


def note(path: Path, line: str) -> None:
    """Adds a line of the supervisor's own to the log of a part."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
