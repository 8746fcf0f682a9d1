"""Files for our eyes only, replaced as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

_MODE = 0o600


def write_private(path: Path, text: str) -> None:
    """Replaces the file by `text`, readable by its owner alone; a crash leaves the old one or the new one."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    half.replace(path)


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """The secret kept in the file; made and kept at the first call."""
    try:
        kept = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        path.chmod(_MODE)
        return kept
    made = make()
    write_private(path, made + "\n")
    return made
