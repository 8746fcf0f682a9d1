"""The real adapters keep the same promises as the fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lorebase.clients.blob_directory import DirectoryBlobStore
from lorebase.clients.blob_objects import ObjectBlobStore, local_object_store
from lorebase.clients.redis_streams import RedisEventStream
from lorebase.core.errors import NotFound
from tests.contracts.test_blob_store import BlobStoreContract
from tests.contracts.test_event_stream import EventStreamContract


class TestRedisEventStream(EventStreamContract):
    @pytest.fixture
    async def streams(self, redis_url: str) -> AsyncIterator[RedisEventStream]:
        made = RedisEventStream(redis_url, max_events=5000, expire_seconds=60)
        yield made
        await made.close()


class TestDirectoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> DirectoryBlobStore:
        return DirectoryBlobStore(tmp_path / "blobs")


class TestObjectBlobStore(BlobStoreContract):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> ObjectBlobStore:
        return local_object_store(tmp_path / "objects")


async def test_a_key_cannot_leave_its_directory(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path / "blobs")

    async def one() -> AsyncIterator[bytes]:
        yield b"x"

    with pytest.raises(NotFound):
        await store.put("../outside", one())
    assert not (tmp_path / "outside").exists()
