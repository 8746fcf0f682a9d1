"""Blobs in S3-compatible object storage."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from lorebase.clients.blob_directory import DirectoryBlobStore
from lorebase.core.errors import ErrorCode, NotFound, Unavailable
from lorebase.ports.blob_store import BlobStore


class ObjectBlobStore:
    """Implements the BlobStore port over obstore; credentials and endpoint come from AWS_… variables."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Uploads in parts; the object appears when the last part is there."""
        source = _Source(chunks)
        try:
            await obstore.put_async(self._store, key, source.pieces())
        except Exception as error:
            if source.problem is not None:
                # It was the sender that broke off, not the store.
                raise source.problem from None
            if isinstance(error, (BaseError, OSError)):
                raise _unavailable() from error
            raise

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[Path]:
        """A copy in a temporary file, removed at the end of the block."""
        with tempfile.NamedTemporaryFile(prefix="lorebase-") as copy:
            async for piece in self.read(key):
                await asyncio.to_thread(copy.write, piece)
            copy.flush()
            yield Path(copy.name)

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The bytes as they arrive."""
        try:
            found = await obstore.get_async(self._store, key)
            async for piece in found.stream():
                yield bytes(piece)
        except FileNotFoundError as error:
            raise NotFound("There is no such object.") from error
        except (BaseError, OSError) as error:
            raise _unavailable() from error

    async def delete(self, key: str) -> None:
        """Removes the object."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _unavailable() from error

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """All keys that begin with the prefix."""
        folder, _, start = prefix.rpartition("/")
        try:
            async for page in obstore.list(self._store, prefix=folder or None):
                for entry in page:
                    if entry["path"].startswith(f"{folder}/{start}" if folder else start):
                        yield entry["path"]
        except (BaseError, OSError) as error:
            raise _unavailable() from error

    async def leftovers(self, prefix: str, before: datetime) -> AsyncIterator[str]:
        """None: parts of a multipart upload cannot be listed; a lifecycle rule of the bucket ends them."""
        unseen: tuple[str, ...] = ()
        for key in unseen:
            yield key


class _Source:
    """Passes a stream on and remembers what broke it: the library would wrap that in an error of its own."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.problem: Exception | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except Exception as problem:
            self.problem = problem
            raise


def blob_store(url: str | None, home: Path) -> BlobStore:
    """The store a URL names: `file:///folder`, `s3://bucket/prefix`, or a folder below `home`."""
    if url is None:
        return DirectoryBlobStore(home / "blobs")
    parts = urlsplit(url)
    if parts.scheme == "file":
        return DirectoryBlobStore(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        return ObjectBlobStore(S3Store.from_url(url))
    raise ValueError("LOREBASE_BLOB_URL must begin with file:/// or s3://.")


def local_object_store(root: Path) -> ObjectBlobStore:
    """The object adapter over a local directory: lets tests hold it to the contract without a server."""
    return ObjectBlobStore(LocalStore(root, mkdir=True))


def _unavailable() -> Unavailable:
    return Unavailable("The blob store does not answer.", code=ErrorCode.STORAGE_UNAVAILABLE)
