"""PDF: pages into paragraphs, and files that mean harm."""

from __future__ import annotations

import pytest

from lorebase.clients.parsing.extraction import Extraction, Limits
from lorebase.clients.parsing.pdf_file import parse_pdf
from lorebase.core.errors import DocumentRefused, ErrorCode
from tests.factories_files import (
    PdfPage,
    pdf,
    pdf_with_content,
    pdf_with_page_loop,
    raw_pdf,
    simple_pdf,
    stream,
)

LIMITS = Limits(20, 30.0, 1 << 30, 1_000_000, 50)
WRAPPED = [
    "This is the first line of a paragraph that is wrapped by its writer and",
    "goes on in a second line which is about as long as the first one was, so",
    "that it is plain to see where it ends.",
]


def parse(content: bytes) -> Extraction:
    return parse_pdf(content, LIMITS)


def refusal(content: bytes) -> ErrorCode:
    with pytest.raises(DocumentRefused) as caught:
        parse(content)
    return caught.value.code


def page_text(extraction: Extraction, number: int) -> str:
    ends = [*(page.start for page in extraction.pages[1:]), len(extraction.text)]
    return extraction.text[extraction.pages[number - 1].start : ends[number - 1]].strip()


def test_every_page_begins_where_it_says() -> None:
    extraction = parse(simple_pdf("First page.", "Second page.", "Third page."))
    assert [page.number for page in extraction.pages] == [1, 2, 3]
    assert [page_text(extraction, number) for number in (1, 2, 3)] == [
        "First page.",
        "Second page.",
        "Third page.",
    ]


def test_wrapped_lines_are_joined_and_paragraphs_kept_apart() -> None:
    lines = [(line, 11.0) for line in [*WRAPPED, "", *WRAPPED]]
    paragraph = " ".join(WRAPPED)
    assert parse(pdf([PdfPage(lines)])).text == f"{paragraph}\n\n{paragraph}"


def test_short_lines_and_list_items_keep_their_line() -> None:
    lines = [("Shopping", 11.0), ("- milk", 11.0), ("- bread and butter", 11.0), ("tea", 11.0)]
    assert parse(pdf([PdfPage(lines)])).text == "Shopping\n- milk\n- bread and butter\ntea"


def test_a_paragraph_that_runs_over_the_page_is_whole() -> None:
    pages = [PdfPage([("The sentence begins on this page and goes", 11)]), PdfPage([("on over there.", 11)])]
    extraction = parse(pdf(pages))
    assert extraction.text == "The sentence begins on this page and goes on over there."
    assert extraction.text[extraction.pages[1].start :].strip() == "on over there."


def test_running_headers_and_page_numbers_are_left_out() -> None:
    pages = [
        PdfPage([(f"Text number {name}.", 11)], header=f"Chapter 1: Beginnings {10 + number}")
        for number, name in enumerate(["one", "two", "three", "four"])
    ]
    extraction = parse(pdf(pages))
    assert "Beginnings" not in extraction.text
    assert extraction.text.count("Text number") == 4


def test_a_header_of_two_pages_only_is_kept() -> None:
    extraction = parse(pdf([PdfPage([("Text.", 11)], header="Confidential") for _ in range(2)]))
    assert extraction.text.count("Confidential") == 2


def test_headings_come_from_the_outline() -> None:
    page = PdfPage([("1 Introduction", 11), ("", 11), ("Some text here.", 11), ("", 11), ("1.1 Aims", 11)])
    outline = [("Introduction", 0, 0), ("Aims", 0, 1), ("Not on the page", 0, 1)]
    extraction = parse(pdf([page], outline=outline))
    found = [(h.level, h.title, extraction.text[h.start : h.end]) for h in extraction.headings]
    assert found == [(1, "1 Introduction", "1 Introduction"), (2, "1.1 Aims", "1.1 Aims")]


def test_without_an_outline_large_letters_are_headings() -> None:
    body = [(line, 10.0) for line in WRAPPED * 3]
    page = PdfPage([("The Great Guide", 24), ("", 10), *body, ("", 10), ("Set up", 14), *body])
    extraction = parse(pdf([page]))
    assert [(h.level, h.title) for h in extraction.headings] == [(1, "The Great Guide"), (2, "Set up")]
    assert extraction.title == "The Great Guide"


def test_the_title_of_the_file_is_taken_unless_it_is_a_file_name() -> None:
    assert parse(pdf([PdfPage([("Text.", 11)])], title="Annual report")).title == "Annual report"
    assert parse(pdf([PdfPage([("Text.", 11)])], title="report-final.docx")).title is None
    assert parse(pdf([PdfPage([("Text.", 11)])], title="untitled")).title is None


def test_a_password_is_told_apart() -> None:
    assert refusal(pdf([PdfPage([("Secret.", 11)])], password="open sesame")) is ErrorCode.ENCRYPTED


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n",
        b"%PDF-1.4\ngarbage" * 50,
        simple_pdf("Hello")[:300],
        pdf_with_page_loop(),
        raw_pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [] /Count 0 >>"}),
    ],
    ids=["header only", "garbage", "cut off", "page loop", "no pages"],
)
def test_damaged_files_are_corrupt(content: bytes) -> None:
    assert refusal(content) is ErrorCode.CORRUPT


def test_more_pages_than_allowed_are_refused() -> None:
    assert refusal(simple_pdf(*["page"] * 51)) is ErrorCode.PAGE_LIMIT


def test_a_lying_number_of_pages_is_not_believed() -> None:
    content = pdf_with_content(b"BT /F1 12 Tf 72 700 Td (One) Tj ET", pages=2_000_000_000)
    assert [page.number for page in parse(content).pages] == [1]


def test_scripts_and_attached_files_are_ignored() -> None:
    content = pdf_with_content(
        b"BT /F1 12 Tf 72 700 Td (Visible words) Tj ET",
        extra_catalogue=b"/OpenAction << /S /JavaScript /JS (app.alert('boo')) >>"
        b" /Names << /EmbeddedFiles << /Names [(evil.exe) << /Type /Filespec /F (evil.exe) >>] >> >>",
    )
    assert parse(content).text == "Visible words"


def test_a_page_without_text_is_empty_and_not_an_error() -> None:
    assert parse(pdf_with_content(b"0 0 100 100 re f")).text == ""


def test_a_stream_of_two_hundred_thousand_operators_is_read() -> None:
    content = b"BT /F1 12 Tf 72 700 Td " + b"(a) Tj " * 200_000 + b"ET"
    assert parse(pdf_with_content(content)).text.count("a") > 1000


def test_text_past_the_limit_is_refused() -> None:
    lines = [b"1 0 0 1 0 %d Tm (" % height + b"word " * 400 + b") Tj\n" for height in range(700)]
    content = pdf_with_content(b"BT /F1 1 Tf " + b"".join(lines) + b"ET")
    assert refusal(content) is ErrorCode.TOO_LARGE


def test_a_broken_page_is_left_out_with_a_warning() -> None:
    content = raw_pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>",
            4: stream(b"BT /F1 12 Tf 72 700 Td (Readable) Tj ET"),
            5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            6: b"(not a page)",
        }
    )
    extraction = parse(content)
    assert extraction.text == "Readable"
