"""One file into text: what every type has in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorebase.clients.parsing.extract import extract
from lorebase.clients.parsing.extraction import Limits
from lorebase.clients.parsing.messages import TRAILER, TRAILER_MARK, exit_status
from lorebase.core.errors import DocumentRefused, ErrorCode
from lorebase.core.media_types import MediaType
from tests.factories_files import docx, pdf_with_content, simple_pdf

SAMPLES = {
    MediaType.TEXT: b"Hello world",
    MediaType.MARKDOWN: b"# Hello world",
    MediaType.HTML: b"<p>Hello world",
    MediaType.CSV: b"Hello,world\n1,2",
    MediaType.JSON: b'{"Hello": "world"}',
    MediaType.PDF: simple_pdf("Hello world"),
    MediaType.DOCX: docx([("Normal", "Hello world")]),
}


def write(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "document"
    path.write_bytes(content)
    return str(path)


def refusal(path: str, media_type: str, limits: Limits) -> ErrorCode:
    with pytest.raises(DocumentRefused) as caught:
        extract(path, media_type, limits)
    return caught.value.code


def test_there_is_a_sample_of_every_type() -> None:
    assert set(SAMPLES) == set(MediaType)


@pytest.mark.parametrize("media_type", MediaType)
def test_every_type_is_read(media_type: MediaType, tmp_path: Path, limits: Limits) -> None:
    extraction = extract(write(tmp_path, SAMPLES[media_type]), media_type, limits)
    assert "Hello" in extraction.text
    assert "world" in extraction.text


@pytest.mark.parametrize("media_type", MediaType)
def test_an_empty_file_of_any_type_is_empty(media_type: MediaType, tmp_path: Path, limits: Limits) -> None:
    assert refusal(write(tmp_path, b""), media_type, limits) is ErrorCode.EMPTY_DOCUMENT


@pytest.mark.parametrize(
    ("media_type", "content", "code"),
    [
        (MediaType.TEXT, "\u200b \n".encode(), ErrorCode.EMPTY_DOCUMENT),
        (MediaType.HTML, b"<div hidden>secret</div>", ErrorCode.EMPTY_DOCUMENT),
        (MediaType.DOCX, docx([("Normal", " ")]), ErrorCode.EMPTY_DOCUMENT),
        (MediaType.PDF, pdf_with_content(b""), ErrorCode.NO_TEXT),
    ],
)
def test_what_nobody_can_read_is_refused(
    media_type: MediaType, content: bytes, code: ErrorCode, tmp_path: Path, limits: Limits
) -> None:
    assert refusal(write(tmp_path, content), media_type, limits) is code


@pytest.mark.parametrize("media_type", ["image/png", "", "text/PLAIN", "application/x-unknown"])
def test_other_types_are_refused(media_type: str, tmp_path: Path, limits: Limits) -> None:
    assert refusal(write(tmp_path, b"x"), media_type, limits) is ErrorCode.UNSUPPORTED_TYPE


def test_titles_are_one_short_line(tmp_path: Path, limits: Limits) -> None:
    path = write(tmp_path, b"<title>" + b"very \n long " * 200 + b"</title><p>text")
    title = extract(path, MediaType.HTML, limits).title
    assert title is not None
    assert title.startswith("very long very")
    assert len(title) <= 500


def test_the_language_of_the_text_is_found_unless_the_file_tells(tmp_path: Path, limits: Limits) -> None:
    english = "The cat and the dog are in the garden, and that is what they have been doing with us. " * 3
    assert extract(write(tmp_path, english.encode()), MediaType.TEXT, limits).language == "en"
    declared = f"<html lang=nl><p>{english}"
    assert extract(write(tmp_path, declared.encode()), MediaType.HTML, limits).language == "nl"


@pytest.mark.parametrize("status", [0, 1, -9, -24, 255])
def test_the_exit_status_is_found_at_the_end_of_a_broken_reply(status: int) -> None:
    assert exit_status(b'{"extraction": {"te' + TRAILER.pack(TRAILER_MARK, status)) == status


@pytest.mark.parametrize("tail", [b"", b"\x00\x00", b'{"extraction": {"text": "half of i'])
def test_a_reply_that_breaks_off_without_a_status_has_none(tail: bytes) -> None:
    assert exit_status(tail) is None
