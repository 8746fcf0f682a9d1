"""Which files `lorebase ingest` takes from the paths it is given."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from lorebase.cli.errors import CommandFailed

# Types that hold no text for us: not worth the upload. Everything else the server looks into itself.
_NO_TEXT = ("image/", "audio/", "video/", "font/")
_NO_TEXT_SUFFIXES = frozenset(
    [".zip", ".gz", ".bz2", ".xz", ".tar", ".7z", ".jar", ".so", ".o", ".a", ".exe", ".dll", ".bin", ".pyc", ".class", ".woff", ".woff2", ".ttf", ".otf", ".eot", ".ico", ".db", ".sqlite", ".inv", ".pickle", ".parquet", ".onnx", ".safetensors"]
)


@dataclass(frozen=True)
class SourceFile:
    """A file and the key it is kept under: the named folder's name and the path below it."""

    path: Path
    external_id: str
    size: int


@dataclass
class Selection:
    """What is taken, and what is passed over and why."""

    files: list[SourceFile] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def select_files(
    paths: Sequence[Path], patterns: Sequence[str], excluded: Sequence[str], largest: int
) -> Selection:
    """The files below the paths, in order. Hidden files and folders are passed over in silence.

    `patterns` (any must match) and `excluded` (none may) are globs over the path within the folder.
    """
    selection = Selection()
    for path in paths:
        if not path.exists():
            raise CommandFailed(f"There is no file or folder {path}.")
        root = path.resolve()
        found = _walk(root) if root.is_dir() else iter([root])
        for file in found:
            within = file.relative_to(root).as_posix() if root.is_dir() else file.name
            if _wanted(within, patterns, excluded):
                key = f"{root.name}/{within}" if root.is_dir() else within
                _add(selection, file, key, largest)
    return selection


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry)
        elif entry.is_file():
            yield entry


def _wanted(within: str, patterns: Sequence[str], excluded: Sequence[str]) -> bool:
    def matches(pattern: str) -> bool:
        return fnmatch(within, pattern) or fnmatch(within.rsplit("/", 1)[-1], pattern)

    return (not patterns or any(map(matches, patterns))) and not any(map(matches, excluded))


def _add(selection: Selection, file: Path, key: str, largest: int) -> None:
    size = file.stat().st_size
    kind = mimetypes.guess_type(file.name)[0] or ""
    if file.suffix.lower() in _NO_TEXT_SUFFIXES or (kind.startswith(_NO_TEXT) and kind != "image/svg+xml"):
        selection.skipped.append((key, "a type without text"))
    elif size == 0:
        selection.skipped.append((key, "empty"))
    elif size > largest:
        selection.skipped.append((key, f"larger than {largest // (1024 * 1024)} MiB"))
    else:
        selection.files.append(SourceFile(file, key, size))
