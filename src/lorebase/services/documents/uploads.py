"""Bytes on their way into the blob store: measured, hashed, recognised, and cut at the limit."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, ErrorCode, LimitExceeded, LorebaseError
from lorebase.core.ids import new_id
from lorebase.ports.blob_store import BlobStore
from lorebase.schemas.documents import StoredUpload
from lorebase.services.documents.media_types import HEAD_BYTES, safe_file_name, sniff

_log = logging.getLogger(__name__)


class Uploads:
    """Stores sources under `workspace/version`, each under a key of its own."""

    def __init__(self, *, blobs: BlobStore, settings: Settings) -> None:
        self._blobs = blobs
        self._settings = settings

    async def store(
        self, workspace_id: UUID, chunks: AsyncIterator[bytes], file_name: str | None, media_type: str | None
    ) -> StoredUpload:
        """Stores the stream while reading it, never more than the limit.

        LimitExceeded(TOO_LARGE); DocumentRefused(EMPTY_DOCUMENT, UNSUPPORTED_TYPE, ENCRYPTED). After any
        failure nothing stays behind.
        """
        measured = _Measured(chunks, self._settings.max_upload_bytes)
        name = safe_file_name(file_name) if file_name else None
        kind = sniff(await measured.head(HEAD_BYTES), name, media_type)
        key = f"{workspace_id}/{new_id()}"
        try:
            await self._blobs.put(key, measured.all())
        except BaseException:
            await self.discard(key)
            raise
        return StoredUpload(
            blob_key=key,
            byte_size=measured.size,
            content_hash=measured.digest.hexdigest(),
            media_type=kind,
            file_name=name,
        )

    async def store_text(self, workspace_id: UUID, body: str, media_type: str) -> StoredUpload:
        """Stores text given inline, as UTF-8; also INVALID_TEXT for lone surrogates."""
        try:
            content = body.encode()
        except UnicodeEncodeError as error:
            message = "The text contains half of a surrogate pair."
            raise BadInput(message, code=ErrorCode.INVALID_TEXT, field=["source", "text", "body"]) from error
        if len(content) > self._settings.max_inline_text_bytes:
            raise _too_large(self._settings.max_inline_text_bytes)
        return await self.store(workspace_id, _once(content), None, media_type)

    async def discard(self, blob_key: str) -> None:
        """Removes bytes that no document took; what cannot be removed now is left to reconciliation."""
        try:
            await self._blobs.delete(blob_key)
        except LorebaseError as error:
            _log.warning("unused blob not removed", extra={"blob_key": blob_key, "code": error.code})


class _Measured:
    """A stream of bytes that counts, hashes and ends with TOO_LARGE past the limit."""

    def __init__(self, chunks: AsyncIterator[bytes], limit: int) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._chunks = chunks
        self._limit = limit
        self._ahead: list[bytes] = []

    async def head(self, length: int) -> bytes:
        """The first `length` bytes or more, or all there is; they stay part of the stream."""
        seen = 0
        while seen < length and (chunk := await self._next()) is not None:
            self._ahead.append(chunk)
            seen += len(chunk)
        return b"".join(self._ahead)[:length]

    async def all(self) -> AsyncIterator[bytes]:
        """The whole stream, from its first byte."""
        for chunk in self._ahead:
            yield chunk
        self._ahead = []
        while (piece := await self._next()) is not None:
            yield piece

    async def _next(self) -> bytes | None:
        chunk = await anext(self._chunks, None)
        if chunk is not None:
            self.size += len(chunk)
            self.digest.update(chunk)
            if self.size > self._limit:
                raise _too_large(self._limit)
        return chunk


def _too_large(limit: int) -> LimitExceeded:
    message = f"The source is larger than {limit} bytes."
    return LimitExceeded(message, code=ErrorCode.TOO_LARGE, field=["source"], details={"limit": limit})


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
