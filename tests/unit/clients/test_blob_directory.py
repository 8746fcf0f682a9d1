"""A blob directory on a full disk says so; what a killed process left in it is found once it is old."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lorebase.clients.blob_directory import DirectoryBlobStore
from lorebase.core.errors import ErrorCode, Unavailable
from tests.factories import pieces


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """No file of this process grows beyond the size: writing fails as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("fits", [0, 1, 3000])
@pytest.mark.parametrize("piece", [1000, 5000])
async def test_a_full_disk_is_an_outage_of_the_store(tmp_path: Path, fits: int, piece: int) -> None:
    store = DirectoryBlobStore(tmp_path)
    with files_limited_to(fits), pytest.raises(Unavailable) as raised:
        await store.put("a/b", pieces(b"x" * 5000, piece))
    assert raised.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert raised.value.retryable
    assert files_in(tmp_path) == []


async def test_once_there_is_room_again_the_same_bytes_are_kept(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    with files_limited_to(10), pytest.raises(Unavailable):
        await store.put("a/b", pieces(b"x" * 5000, 1000))
    await store.put("a/b", pieces(b"x" * 5000, 1000))
    assert (tmp_path / "a" / "b").read_bytes() == b"x" * 5000


# Writes a part of an upload, says so, and waits for bytes that never come.
UPLOADS = """
import asyncio, sys
from pathlib import Path
from lorebase.clients.blob_directory import DirectoryBlobStore

async def chunks():
    yield b"half of it"
    print("written", flush=True)
    await asyncio.Event().wait()

asyncio.run(DirectoryBlobStore(Path(sys.argv[1])).put("a/b", chunks()))
"""


@contextmanager
def uploading(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of an upload."""
    command = [sys.executable, "-c", UPLOADS, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        try:
            yield process
        finally:
            process.kill()


async def leftovers(store: DirectoryBlobStore, prefix: str, age: timedelta) -> list[str]:
    return [key async for key in store.leftovers(prefix, datetime.now(UTC) - age)]


async def test_what_a_process_left_that_was_killed_in_mid_upload_is_found_by_its_age(tmp_path: Path) -> None:
    store, hour = DirectoryBlobStore(tmp_path), timedelta(hours=1)
    with uploading(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
    [part] = files_in(tmp_path)
    assert [key async for key in store.keys("a/")] == []
    assert await leftovers(store, "a/", hour) == []
    # As if the last byte had come two hours ago.
    os.utime(part, times=(part.stat().st_mtime - 7200,) * 2)
    [key] = await leftovers(store, "a/", hour)
    assert await leftovers(store, "b/", hour) == []
    await store.delete(key)
    assert files_in(tmp_path) == []


async def test_an_upload_whose_part_was_taken_away_fails_and_says_so(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"half of it"
        [part] = files_in(tmp_path)
        part.unlink()
        yield b"the rest"

    with pytest.raises(Unavailable):
        await store.put("a/b", chunks())
    assert files_in(tmp_path) == []
