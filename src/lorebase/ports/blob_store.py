"""Bytes of sources."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol


class BlobStore(Protocol):
    """Durable bytes by key (`workspace/version`); a key is written once."""

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Stores the stream durably before returning. Unavailable(STORAGE_UNAVAILABLE) when it cannot."""
        ...

    def open(self, key: str) -> AbstractAsyncContextManager[Path]:
        """The bytes as a local file for the length of the block. NotFound when there is no such key."""
        ...

    def read(self, key: str) -> AsyncIterator[bytes]:
        """The bytes as a stream."""
        ...

    async def delete(self, key: str) -> None:
        """Removes the bytes; no error when they are gone already."""
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """All keys that begin with the prefix."""
        ...

    def leftovers(self, prefix: str, before: datetime) -> AsyncIterator[str]:
        """What broken `put`s below the prefix left and none has touched since `before`; `delete` takes them.

        No key of a blob is among them. A store that keeps such things out of reach names none.
        """
        ...
