"""A blob directory on a disk that is full says so, and keeps nothing of what did not fit."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
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
