"""Walks a folder: every real folder once, whatever links lead to it, and no file that is hidden."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

Report = Callable[[PurePosixPath, str], None]
"""Told the path below the root of what cannot be read, and why."""


def walk(
    root: Path, wanted: Callable[[PurePosixPath], bool], unreadable: Report
) -> Iterator[PurePosixPath]:
    """Paths of the files below the root, relative to it, each folder's in the order of their names.

    Folders that are not `wanted` are not entered. Links to folders are followed last, so that a file is
    found under its real name first, and each real folder is entered once: a loop ends by itself.
    """
    entered: set[tuple[int, int]] = set()
    links = deque([PurePosixPath()])
    while links:
        folders = [links.popleft()]
        while folders:
            folder = folders.pop()
            try:
                files, below, linked = _look_into(root / folder, entered)
            except OSError as error:
                unreadable(folder, error.strerror or str(error))
                continue
            yield from (folder / name for name in files)
            folders += [folder / name for name in reversed(below) if wanted(folder / name)]
            links += [folder / name for name in linked if wanted(folder / name)]


def _look_into(
    path: Path, entered: set[tuple[int, int]]
) -> tuple[list[str], list[str], list[str]]:
    """Names of the files, of the folders and of the links to folders; nothing for a folder seen before."""
    status = path.stat()
    identity = (status.st_dev, status.st_ino)
    files: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    if identity in entered:
        return files, folders, links
    entered.add(identity)
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(entry.name)
            else:
                files.append(entry.name)
    return files, folders, links


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads in a circle is no folder; reading it as a file will say what is wrong.
        return False
