"""Bytes on their way in: measured, recognised, cut at the limit, and never left behind."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.core.errors import BadInput, ErrorCode, LimitExceeded, LorebaseError
from lorebase.services.documents.uploads import Uploads
from tests.factories import WORKSPACE_ID, make_settings, pieces
from tests.fakes.blob_store import FakeBlobStore

LIMIT = 200_000


def uploads(blobs: FakeBlobStore) -> Uploads:
    return Uploads(blobs=blobs, settings=make_settings(max_upload_bytes=LIMIT, max_inline_text_bytes=1000))


LETTERS = st.characters(min_codepoint=32, blacklist_categories=("Cs", "Cc"))


@given(content=st.text(LETTERS, min_size=1, max_size=3000), size=st.integers(1, 4000))
@settings(max_examples=50, deadline=None)
def test_what_is_stored_is_what_was_sent(content: str, size: int) -> None:
    async def check() -> None:
        blobs, sent = FakeBlobStore(), ("Text: " + content).encode()
        stored = await uploads(blobs).store(WORKSPACE_ID, pieces(sent, size), "a.txt", None)
        assert blobs.blobs == {stored.blob_key: sent}
        assert stored.byte_size == len(sent)
        assert stored.content_hash == hashlib.sha256(sent).hexdigest()
        assert stored.blob_key.startswith(f"{WORKSPACE_ID}/")

    asyncio.run(check())


async def test_the_limit_itself_is_allowed_and_one_byte_more_is_not() -> None:
    blobs = FakeBlobStore()
    stored = await uploads(blobs).store(WORKSPACE_ID, pieces(b"a" * LIMIT), "a.txt", None)
    assert stored.byte_size == LIMIT
    with pytest.raises(LimitExceeded) as refused:
        await uploads(blobs).store(WORKSPACE_ID, pieces(b"a" * (LIMIT + 1)), "a.txt", None)
    assert refused.value.code is ErrorCode.TOO_LARGE
    assert refused.value.details == {"limit": LIMIT}
    assert list(blobs.blobs) == [stored.blob_key]


async def test_an_endless_upload_is_cut_at_the_limit() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b"a" * 1000

    with pytest.raises(LimitExceeded):
        await uploads(FakeBlobStore()).store(WORKSPACE_ID, endless(), None, None)
    assert sent <= LIMIT + 1000


async def test_an_abandoned_upload_leaves_no_blob() -> None:
    blobs = FakeBlobStore()

    async def abandoned() -> AsyncIterator[bytes]:
        yield b"a" * 100_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await uploads(blobs).store(WORKSPACE_ID, abandoned(), None, None)
    assert blobs.blobs == {}


async def test_an_empty_file_is_refused() -> None:
    blobs = FakeBlobStore()
    with pytest.raises(LorebaseError) as refused:
        await uploads(blobs).store(WORKSPACE_ID, pieces(b""), "a.txt", "text/plain")
    assert refused.value.code is ErrorCode.EMPTY_DOCUMENT
    assert blobs.blobs == {}


async def test_a_program_called_pdf_is_refused() -> None:
    blobs = FakeBlobStore()
    program = b"MZ" + bytes(range(256)) * 20
    with pytest.raises(LorebaseError) as refused:
        await uploads(blobs).store(WORKSPACE_ID, pieces(program), "a.pdf", "application/pdf")
    assert refused.value.code is ErrorCode.UNSUPPORTED_TYPE
    assert blobs.blobs == {}


async def test_a_dangerous_file_name_becomes_a_label() -> None:
    name = "../../\u202eetc\0/x.txt"
    stored = await uploads(FakeBlobStore()).store(WORKSPACE_ID, pieces(b"text"), name, None)
    assert stored.file_name == "x.txt"
    assert ".." not in stored.blob_key


async def test_inline_text_has_a_limit_of_its_own() -> None:
    blobs = FakeBlobStore()
    stored = await uploads(blobs).store_text(WORKSPACE_ID, "ä" * 500, "text/markdown")
    assert (stored.byte_size, stored.media_type, stored.file_name) == (1000, "text/markdown", None)
    with pytest.raises(LimitExceeded) as refused:
        await uploads(blobs).store_text(WORKSPACE_ID, "ä" * 500 + "a", "text/markdown")
    assert refused.value.details == {"limit": 1000}


async def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(BadInput) as refused:
        await uploads(FakeBlobStore()).store_text(WORKSPACE_ID, "a\ud800b", "text/plain")
    assert refused.value.code is ErrorCode.INVALID_TEXT


async def test_a_store_that_cannot_remove_does_not_hide_the_first_error() -> None:
    class Stubborn(FakeBlobStore):
        async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
            self.down = True
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await uploads(Stubborn()).store(WORKSPACE_ID, pieces(b"text"), None, None)
