"""Which files `lorebase ingest` takes from the paths it is given, and under which keys."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from glob import glob, has_magic
from pathlib import Path, PurePosixPath

from lorebase.cli.errors import UsageFailed
from lorebase.cli.ingesting.ingest_walk import walk
from lorebase.core.config import MIB

# Types that hold no text for us: not worth the upload. Everything else the server looks into itself.
_NO_TEXT = frozenset(
    {
        *(".7z", ".bz2", ".gz", ".jar", ".rar", ".tar", ".tgz", ".whl", ".xz", ".zip", ".zst"),
        *(".avif", ".bmp", ".gif", ".ico", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
        *(".aac", ".avi", ".flac", ".m4a", ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".ogg", ".wav", ".webm"),
        *(".a", ".bin", ".class", ".dll", ".dylib", ".exe", ".o", ".pyc", ".so", ".wasm"),
        *(".eot", ".otf", ".ttf", ".woff", ".woff2"),
        *(".db", ".inv", ".onnx", ".parquet", ".pickle", ".pkl", ".safetensors", ".sqlite"),
    }
)


@dataclass(frozen=True)
class SourceFile:
    """A file, the key it is kept under and its size in bytes."""

    path: Path
    external_id: str
    size: int

    @property
    def name(self) -> str:
        """Its name, as far as it is text."""
        return PurePosixPath(self.external_id).name


@dataclass
class Selection:
    """What is taken; keys and reasons of what is passed over and of what cannot be taken."""

    files: list[SourceFile] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Choice:
    """Globs over the path within a folder, or over any name in it: what to take and what to leave out.

    `own_home` is never entered: Lorebase keeps its secrets there.
    """

    taken: Sequence[str] = ()
    left_out: Sequence[str] = ()
    own_home: Path | None = None

    def of_folder(self, within: PurePosixPath) -> bool:
        """Whether a folder may hold something wanted."""
        return not _matches(within, self.left_out)

    def of_file(self, within: PurePosixPath) -> bool:
        """Whether a file is wanted, its folders being so."""
        return (not self.taken or _matches(within, self.taken)) and self.of_folder(within)


def select_files(paths: Sequence[Path], choice: Choice, largest: int) -> Selection:
    """The files at and below the paths. A path that does not exist may be a glob; hidden files are left out.

    A file is kept under the name of the folder it was found by and its path within. UsageFailed for a path
    that leads nowhere. What was named itself and cannot be taken has failed; what was found is skipped.
    """
    return _Selector(choice, largest).select(paths)


class _Selector:
    def __init__(self, choice: Choice, largest: int) -> None:
        self._choice = choice
        self._largest = largest
        self._selection = Selection()
        self._keys: dict[str, Path] = {}

    def select(self, paths: Sequence[Path]) -> Selection:
        for path, name in (found for given in paths for found in _named(given)):
            if os.path.isdir(path):
                self._take_folder(path, name)
            elif self._choice.of_file(PurePosixPath(path.name)):
                self._take(path, name, self._selection.failed)
        return self._selection

    def _take_folder(self, root: Path, name: PurePosixPath) -> None:
        def unreadable(within: PurePosixPath, reason: str) -> None:
            self._selection.failed.append((_as_text(name / within), reason))

        def passed_over(within: PurePosixPath, reason: str) -> None:
            self._selection.skipped.append((_as_text(name / within), reason))

        def wanted(within: PurePosixPath) -> bool:
            return self._choice.of_folder(within) and root / within != self._choice.own_home

        for within in walk(root, wanted, passed_over, unreadable):
            if self._choice.of_file(within):
                self._take(root / within, name / within, self._selection.skipped)

    def _take(self, path: Path, name: PurePosixPath, refused: list[tuple[str, str]]) -> None:
        key = _as_text(name)
        try:
            status = path.stat()
        except OSError as error:
            nowhere = path.is_symlink() and error.errno in (errno.ENOENT, errno.ELOOP)
            problem = "a link that leads nowhere" if nowhere else error.strerror or str(error)
            (refused if nowhere else self._selection.failed).append((key, problem))
            return
        if reason := _why_not(path, status, self._largest):
            refused.append((key, reason))
        elif key not in self._keys:
            self._keys[key] = path
            self._selection.files.append(SourceFile(path, key, status.st_size))
        elif self._keys[key] != path:
            other = _as_text(PurePosixPath(self._keys[key]))
            same = f"{other} has the same key: ingest a folder that holds both"
            self._selection.failed.append((key, same))


def _named(given: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """The paths that are meant, absolute, each with the name it has by the folder it was found in."""
    path = Path(os.path.abspath(given))
    if os.path.lexists(path):
        yield path, PurePosixPath(path.name if os.path.isdir(path) else path.relative_to(path.parent.parent))
        return
    fixed = next(place for place in path.parents if not has_magic(str(place)))
    recursive = "**" in path.parts
    found = [Path(name) for name in sorted(glob(str(path), recursive=True)) if os.path.lexists(name)]
    # `**` finds the files in the folders that it finds too.
    wanted = [path for path in found if not (recursive and path.is_dir())]
    if not wanted:
        raise UsageFailed(f"There is no file or folder {_as_text(PurePosixPath(given))}.")
    for path in wanted:
        yield path, PurePosixPath(path.relative_to(fixed.parent))


def _why_not(path: Path, status: os.stat_result, largest: int) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if path.suffix.lower() in _NO_TEXT:
        return "UNSUPPORTED_MEDIA_TYPE: a type without text"
    if status.st_size == 0:
        return "EMPTY_DOCUMENT: the file is empty"
    if status.st_size > largest:
        return f"TOO_LARGE: larger than {largest // MIB} MiB"
    return None


def _matches(within: PurePosixPath, patterns: Sequence[str]) -> bool:
    return any(fnmatch(str(within), pattern) or fnmatch(within.name, pattern) for pattern in patterns)


def _as_text(path: PurePosixPath) -> str:
    """The path as text; bytes of a name that are not UTF-8 are written as `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
