"""Walks a folder: its files and those of the folders below it, none that is hidden."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

Report = Callable[[PurePosixPath, str], None]
"""Told the path below the root of what is passed over, and why."""


def walk(
    root: Path, wanted: Callable[[PurePosixPath], bool], passed_over: Report, unreadable: Report
) -> Iterator[PurePosixPath]:
    """Paths of the files below the root, relative to it, each folder's in the order of their names.

    Folders that are not `wanted` are not entered. Links to folders are not followed: they may lead in
    circles, or out of what was meant to be taken.
    """
    folders = [PurePosixPath()]
    while folders:
        folder = folders.pop()
        try:
            files, below, links = _look_into(root / folder)
        except OSError as error:
            unreadable(folder, error.strerror or str(error))
            continue
        for name in links:
            passed_over(folder / name, "a link to a folder: name it to take it in")
        yield from (folder / name for name in files)
        folders += [folder / name for name in reversed(below) if wanted(folder / name)]


def _look_into(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Names of the files, of the folders and of the links to folders."""
    files: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                (links if entry.is_symlink() and os.path.isdir(entry) else files).append(entry.name)
    return files, folders, links
