"""What files are taken for, and what they may be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.errors import DocumentRefused, ErrorCode
from lorebase.core.media_types import MediaType
from lorebase.services.documents.media_types import HEAD_BYTES, safe_file_name, sniff
from tests.factories_files import EXECUTABLE, MACRO_TYPE, PNG, RawDocx, archive, docx, simple_pdf

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def refusal(head: bytes, name: str | None, declared: str | None = None) -> ErrorCode:
    with pytest.raises(DocumentRefused) as caught:
        sniff(head, name, declared)
    return caught.value.code


@pytest.mark.parametrize(
    ("head", "name", "declared", "expected"),
    [
        (b"Hello there", "notes.txt", None, MediaType.TEXT),
        (b"Hello there", None, None, MediaType.TEXT),
        (b"def main(): ...", "main.py", "text/x-python", MediaType.TEXT),
        (b"Title\n=====", "index.rst", None, MediaType.TEXT),
        (b"2026 INFO started", "app.log", "application/octet-stream", MediaType.TEXT),
        (b"# Title", "README.md", None, MediaType.MARKDOWN),
        (b"# Title", "readme", "text/markdown; charset=utf-8", MediaType.MARKDOWN),
        (b"<p>hi", "page.htm", None, MediaType.HTML),
        (b"\xef\xbb\xbf <!DOCTYPE html><p>", "page.txt", "text/plain", MediaType.HTML),
        (b"<!-- note --><?x?><html>", None, "text/html", MediaType.HTML),
        (b"<!-- note -->\n<HTML lang=en>", None, None, MediaType.HTML),
        (b'<?xml version="1.0"?><svg xmlns="x">', "drawing", None, MediaType.HTML),
        (b'<?xml version="1.0"?><feed>', "feed.xml", "application/xml", MediaType.TEXT),
        (b"a,b\n1,2", "table.csv", None, MediaType.CSV),
        (b"a\tb\n1\t2", "table.tsv", None, MediaType.CSV),
        (b"a,b\n1,2", "table", "text/csv", MediaType.CSV),
        (b'{"a": 1}', "data.json", None, MediaType.JSON),
        (b'{"a": 1}\n{"a": 2}', "data.jsonl", None, MediaType.JSON),
        (b'{"a": 1}', None, None, MediaType.JSON),
        (b"[1, 2]", None, None, MediaType.JSON),
        (b"[1] Smith et al.", None, None, MediaType.TEXT),
        (b"// comment\n{}", "settings.json", None, MediaType.TEXT),
        (b"%PDF-1.7\n%\xe2\xe3", "anything.bin", None, MediaType.PDF),
        (b"\n%PDF-1.4 1 0 obj", "page.html", "text/html", MediaType.PDF),
        (b"# Title\n%PDF-1.4 starts 1 0 obj", "about-pdf.md", None, MediaType.MARKDOWN),
        ("grüße".encode("utf-16"), "note.txt", None, MediaType.TEXT),
        ("plain wide text".encode("utf-16-le"), "note.txt", None, MediaType.TEXT),
        (b"one \x00 zero byte in a line of text", "note.txt", None, MediaType.TEXT),
        (b"caf\xe9 in Latin-1", "note.txt", None, MediaType.TEXT),
    ],
)
def test_content_decides_and_names_tell_texts_apart(
    head: bytes, name: str | None, declared: str | None, expected: MediaType
) -> None:
    assert sniff(head, name, declared) is expected


def test_a_pdf_that_is_also_a_web_page_is_a_pdf() -> None:
    polyglot = b"<html><script>alert(1)</script>\n" + simple_pdf("Hello")
    assert sniff(polyglot, "page.html", "text/html") is MediaType.PDF


def test_real_files_are_recognised_by_their_first_bytes_alone() -> None:
    assert sniff(simple_pdf("Hello")[:HEAD_BYTES], None, None) is MediaType.PDF
    assert sniff(docx([("Normal", "Hello")])[:HEAD_BYTES], None, None) is MediaType.DOCX
    assert sniff(docx([("Normal", "Hello")])[:600], "cut-off.docx", None) is MediaType.DOCX


def test_a_word_file_with_uncompressed_parts_is_recognised() -> None:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as stored:
        for name, content in RawDocx().parts().items():
            stored.writestr(name, content)
    assert sniff(buffer.getvalue(), None, None) is MediaType.DOCX


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (archive({"a.txt": b"hello"}), "report.pdf"),
        (archive({"a.txt": b"hello"}), "report.docx"),
        (EXECUTABLE, "report.pdf"),
        (EXECUTABLE, "notes.txt"),
        (PNG, "picture.txt"),
        (b"just words", "report.pdf"),
        (b"just words", "report.docx"),
        (b"just words", "picture.png"),
        (archive({"xl/workbook.xml": b"<x/>", "[Content_Types].xml": b"<x/>"}), "table.xlsx"),
        (archive({"META-INF/MANIFEST.MF": b"", "word/a": b""}), "library.jar"),
        (RawDocx(content_type=MACRO_TYPE).build(), "letter.docx"),
        (RawDocx(extra={"word/vbaProject.bin": b"macro"}).build(), "letter.docx"),
        (RawDocx().build(), "letter.docm"),
        (b"{\\rtf1 hello}", "letter.txt"),
        (OLE + bytes(512), "letter.doc"),
        (OLE + bytes(512), "letter"),
    ],
)
def test_what_cannot_be_read_is_refused_whatever_it_is_called(head: bytes, name: str) -> None:
    assert refusal(head, name) is ErrorCode.UNSUPPORTED_TYPE


def test_a_declared_pdf_that_is_not_one_is_refused() -> None:
    assert refusal(b"just words", None, "application/pdf") is ErrorCode.UNSUPPORTED_TYPE


def test_an_office_file_with_a_password_is_told_apart() -> None:
    head = OLE + bytes(512) + "EncryptedPackage".encode("utf-16-le")
    assert refusal(head, "letter.docx") is ErrorCode.ENCRYPTED


def test_an_empty_file_is_told_apart() -> None:
    assert refusal(b"", "notes.txt") is ErrorCode.EMPTY_DOCUMENT


def test_many_false_headers_in_an_archive_cost_nothing_much() -> None:
    assert refusal(b"PK\x03\x04" + b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaa\xff\xff\xff\xff" * 2000, "a.zip")


@given(
    st.binary(min_size=1, max_size=2000), st.none() | st.text(max_size=30), st.none() | st.text(max_size=20)
)
def test_any_bytes_get_a_type_or_a_refusal(head: bytes, name: str | None, declared: str | None) -> None:
    allowed = {*MediaType, ErrorCode.UNSUPPORTED_TYPE, ErrorCode.ENCRYPTED}
    assert verdict(head, name, declared) in allowed


def verdict(head: bytes, name: str | None, declared: str | None) -> MediaType | ErrorCode:
    try:
        return sniff(head, name, declared)
    except DocumentRefused as refused:
        return refused.code


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\letter.docx", "letter.docx"),
        ("/", "unnamed"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a\x00b\nc.txt", "abc.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066hidden\u2069.txt", "hidden.txt"),
        ("cafe\u0301.txt", "café.txt"),
        ("\ud800lone.txt", "lone.txt"),
        ("CON", "CON"),
        ("  spaced .txt. ", "spaced .txt"),
        ("نامه\u200cها.txt", "نامه\u200cها.txt"),
    ],
)
def test_names_become_harmless_labels(name: str, safe: str) -> None:
    assert safe_file_name(name) == safe


def test_long_names_keep_their_extension() -> None:
    label = safe_file_name("x" * 300 + ".pdf")
    assert len(label) == 200
    assert label.endswith("x.pdf")


@given(st.text(max_size=600))
def test_labels_are_short_visible_and_stable(name: str) -> None:
    label = safe_file_name(name)
    assert 0 < len(label) <= 200
    assert "/" not in label
    assert "\\" not in label
    assert all(letter.isprintable() or letter.isspace() or letter in "\u200c\u200d" for letter in label)
    assert safe_file_name(label) == label
