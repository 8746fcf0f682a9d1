"""What every BlobStore promises. A subclass of the contract with a fixture `blobs` tests an adapter."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from lorebase.core.errors import NotFound
from lorebase.core.ids import new_id
from lorebase.ports.blob_store import BlobStore
from tests.factories import pieces
from tests.fakes.blob_store import FakeBlobStore


def a_key() -> str:
    return f"{new_id()}/{new_id()}"


async def content_of(blobs: BlobStore, key: str) -> bytes:
    return b"".join([piece async for piece in blobs.read(key)])


async def keys_of(blobs: BlobStore, prefix: str) -> list[str]:
    return [key async for key in blobs.keys(prefix)]


async def leftovers_of(blobs: BlobStore, prefix: str, before: datetime) -> list[str]:
    return [key async for key in blobs.leftovers(prefix, before)]


async def broken(content: bytes) -> AsyncIterator[bytes]:
    yield content
    raise ConnectionResetError("the sender is gone")


class BlobStoreContract:
    @pytest.mark.parametrize("size", [0, 1, 1024, 1_000_000])
    async def test_bytes_come_back_as_they_went_in(self, blobs: BlobStore, size: int) -> None:
        key, content = a_key(), hashlib.shake_128(b"seed").digest(size)
        await blobs.put(key, pieces(content, 100_000))
        assert await content_of(blobs, key) == content

    async def test_a_blob_opens_as_a_local_file(self, blobs: BlobStore) -> None:
        key = a_key()
        await blobs.put(key, pieces(b"some bytes"))
        async with blobs.open(key) as path:
            with path.open("rb") as file:
                assert file.read() == b"some bytes"

    async def test_an_unknown_key_is_not_found(self, blobs: BlobStore) -> None:
        with pytest.raises(NotFound):
            await content_of(blobs, a_key())
        with pytest.raises(NotFound):
            async with blobs.open(a_key()):
                raise AssertionError("there is nothing to open")

    async def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_error(self, blobs: BlobStore) -> None:
        key, other = a_key(), a_key()
        await blobs.put(key, pieces(b"gone"))
        await blobs.put(other, pieces(b"kept"))
        await blobs.delete(key)
        await blobs.delete(key)
        with pytest.raises(NotFound):
            await content_of(blobs, key)
        assert await content_of(blobs, other) == b"kept"

    async def test_a_stream_that_breaks_leaves_nothing(self, blobs: BlobStore) -> None:
        key = a_key()
        with pytest.raises(ConnectionResetError):
            await blobs.put(key, broken(b"half of it"))
        with pytest.raises(NotFound):
            await content_of(blobs, key)
        assert await keys_of(blobs, key) == []
        assert await leftovers_of(blobs, "", datetime.max.replace(tzinfo=UTC)) == []

    async def test_whole_blobs_are_no_leftovers_however_old(self, blobs: BlobStore) -> None:
        key = a_key()
        await blobs.put(key, pieces(b"x"))
        assert await leftovers_of(blobs, "", datetime.max.replace(tzinfo=UTC)) == []

    async def test_keys_are_listed_by_prefix(self, blobs: BlobStore) -> None:
        workspace = f"{new_id()}/"
        mine = sorted(f"{workspace}{new_id()}" for _ in range(3))
        for key in [*mine, a_key()]:
            await blobs.put(key, pieces(b"x"))
        assert sorted(await keys_of(blobs, workspace)) == mine


class TestFakeBlobStore(BlobStoreContract):
    @pytest.fixture
    def blobs(self) -> FakeBlobStore:
        return FakeBlobStore()
