"""Blobs in a directory of this machine."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from lorebase.core.errors import ErrorCode, NotFound, Unavailable

READ_BYTES = 256 * 1024
PART_PREFIX = ".part-"


class DirectoryBlobStore:
    """Implements the BlobStore port; bytes are synced to the disk before `put` returns."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Writes beside the place and moves there in one step, so a key never shows half its bytes."""
        target = self._path(key)
        try:
            handle, part = await asyncio.to_thread(_create_beside, target)
        except OSError as error:
            raise _unavailable() from error
        try:
            with handle:
                async for chunk in chunks:
                    await asyncio.to_thread(_write, handle, chunk)
                await asyncio.to_thread(_publish, handle, part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[Path]:
        """The file itself: it must not be changed."""
        path = self._path(key)
        if not path.is_file():
            raise NotFound("There is no such object.")
        yield path

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The bytes in pieces of 256 KiB."""
        try:
            handle = await asyncio.to_thread(self._path(key).open, "rb")
        except FileNotFoundError as error:
            raise NotFound("There is no such object.") from error
        with handle:
            while piece := await asyncio.to_thread(handle.read, READ_BYTES):
                yield piece

    async def delete(self, key: str) -> None:
        """Removes the file."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """All keys that begin with the prefix, in order."""
        for path in await asyncio.to_thread(self._files, prefix):
            if not path.name.startswith(PART_PREFIX):
                yield path.relative_to(self._root).as_posix()

    async def leftovers(self, prefix: str, before: datetime) -> AsyncIterator[str]:
        """Parts that nobody has written to since `before`: their process died. One that slept fails."""
        for path in await asyncio.to_thread(self._files, prefix):
            if path.name.startswith(PART_PREFIX) and await asyncio.to_thread(_is_older, path, before):
                yield path.relative_to(self._root).as_posix()

    def _files(self, prefix: str) -> list[Path]:
        folder = self._root / prefix.rpartition("/")[0]
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [path for path in files if path.relative_to(self._root).as_posix().startswith(prefix)]

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root.resolve()):
            raise NotFound("There is no such object.")
        return path


def _is_older(path: Path, before: datetime) -> bool:
    try:
        return path.stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        # It was published or given up meanwhile.
        return False


def _create_beside(target: Path) -> tuple[IO[bytes], Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=PART_PREFIX, dir=target.parent)
    # Without a buffer nothing is left to be written when the file is closed: on a full disk that would fail
    # once more, with an error that hides the first.
    return os.fdopen(descriptor, "wb", buffering=0), Path(name)


def _write(handle: IO[bytes], chunk: bytes) -> None:
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[handle.write(rest) :]
    except OSError as error:
        raise _unavailable() from error


def _publish(handle: IO[bytes], part: Path, target: Path) -> None:
    try:
        os.fsync(handle.fileno())
        part.replace(target)
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise _unavailable() from error


def _unavailable() -> Unavailable:
    return Unavailable("The blob store cannot be written.", code=ErrorCode.STORAGE_UNAVAILABLE)
