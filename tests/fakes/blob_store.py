"""Blobs in memory; opened ones are lent as files of a temporary directory."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from lorebase.core.errors import ErrorCode, NotFound, Unavailable

_PIECE = 64 * 1024


class FakeBlobStore:
    """Implements the BlobStore port; `down` makes every call fail.

    `parts` are what broken puts left, each with the time of its last byte.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.parts: dict[str, datetime] = {}
        self.down = False

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        self._refuse_when_down()
        content = b"".join([chunk async for chunk in chunks])
        self.blobs[key] = content

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[Path]:
        content = self._content(key)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "blob"
            path.write_bytes(content)
            yield path

    async def read(self, key: str) -> AsyncIterator[bytes]:
        content = self._content(key)
        for start in range(0, len(content), _PIECE):
            yield content[start : start + _PIECE]

    async def delete(self, key: str) -> None:
        self._refuse_when_down()
        self.blobs.pop(key, None)
        self.parts.pop(key, None)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        self._refuse_when_down()
        for key in sorted(self.blobs):
            if key.startswith(prefix):
                yield key

    async def leftovers(self, prefix: str, before: datetime) -> AsyncIterator[str]:
        self._refuse_when_down()
        for key, touched in sorted(self.parts.items()):
            if key.startswith(prefix) and touched < before:
                yield key

    def _content(self, key: str) -> bytes:
        self._refuse_when_down()
        if key not in self.blobs:
            raise NotFound("There is no such object.")
        return self.blobs[key]

    def _refuse_when_down(self) -> None:
        if self.down:
            raise Unavailable("The blob store does not answer.", code=ErrorCode.STORAGE_UNAVAILABLE)
