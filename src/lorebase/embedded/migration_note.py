"""Remembers what the last migration was made for, so that an unchanged stack starts without one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from lorebase.core.config import Settings
from lorebase.core.resources import resource_directory
from lorebase.embedded.environment import settings_environment
from lorebase.embedded.private_file import write_private


class MigrationNote:
    """A file with the fingerprint of code, settings and stores at the last migration.

    Any file of ours that was touched since, any other setting, and any store that was replaced makes it
    differ; then the migration runs, which does no harm when it finds nothing to do.
    """

    def __init__(self, path: Path, settings: Settings, stores: Iterable[Path]) -> None:
        self._path = path
        self._stores = tuple(stores)
        sources = (Path(__file__).parents[1], resource_directory("migrations"), settings.models_directory)
        own = [_trace(file) for source in sources for file in sorted(source.rglob("*")) if _counts(file)]
        self._made_from = [json.dumps(settings_environment(settings), sort_keys=True), *own]

    def is_current(self) -> bool:
        """Whether nothing has changed since the note was written."""
        try:
            return self._path.read_text(encoding="utf-8").strip() == self._fingerprint()
        except OSError:
            return False

    def write(self) -> None:
        """Notes that the stores are now as this code and these settings want them."""
        write_private(self._path, self._fingerprint() + "\n")

    def _fingerprint(self) -> str:
        stores = [f"{store} {store.stat().st_ino}" for store in self._stores]
        return hashlib.sha256("\n".join((*self._made_from, *stores)).encode()).hexdigest()


def _counts(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts


def _trace(file: Path) -> str:
    found = file.stat()
    return f"{file} {found.st_size} {found.st_mtime_ns}"
