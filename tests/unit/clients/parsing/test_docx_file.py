"""Word files: what they say, and archives that mean harm."""

from __future__ import annotations

import pytest

from lorebase.clients.parsing.docx_file import parse_docx
from lorebase.clients.parsing.extraction import Extraction, Limits
from lorebase.core.errors import DocumentRefused, ErrorCode
from tests.factories_files import (
    MACRO_TYPE,
    RawDocx,
    archive,
    archive_with_overlap,
    archive_with_twins,
    docx,
)

LIMITS = Limits(20, 30.0, 1 << 30, 1_000_000, 50)
RELATIONSHIPS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
    'Id="r1" Type="attachedTemplate" Target="http://127.0.0.1:9/evil.dotm" TargetMode="External"/>'
    "</Relationships>"
)


def parse(content: bytes) -> Extraction:
    return parse_docx(content, LIMITS)


def refusal(content: bytes) -> ErrorCode:
    with pytest.raises(DocumentRefused) as caught:
        parse(content)
    return caught.value.code


def body(markup: str) -> str:
    return parse(RawDocx(body=markup).build()).text


def test_paragraphs_headings_lists_and_tables_are_read() -> None:
    extraction = parse(
        docx(
            [
                ("Title", "The Guide"),
                ("Heading 1", "Set up"),
                ("Normal", "Do this."),
                ("List Bullet", "first"),
                ("List Bullet", "second"),
                ("Heading 2", "On Linux"),
                ("Normal", "Do that."),
            ],
            table=[["name", "city"], ["Ada", "London"], ["Bob", ""]],
        )
    )
    assert extraction.text == (
        "The Guide\n\nSet up\n\nDo this.\n- first\n- second\n\nOn Linux\n\nDo that.\n\n"
        "name | city\nAda | London\nBob"
    )
    assert [(h.level, h.title, extraction.text[h.start : h.end]) for h in extraction.headings] == [
        (1, "Set up", "Set up"),
        (2, "On Linux", "On Linux"),
    ]
    assert extraction.title == "The Guide"


def test_the_title_of_the_properties_comes_first() -> None:
    assert parse(docx([("Title", "On the page")], title="In the properties")).title == "In the properties"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a\tb\nc"),
        ("<w:p><w:r><w:t>co</w:t><w:noBreakHyphen/><w:t>op</w:t></w:r></w:p>", "co-op"),
        (
            "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>",
            "new",
        ),
        ("<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>7</w:t></w:r></w:p>", "7"),
        (
            "<w:sdt><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>",
            "in a control",
        ),
        ("<w:p><w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink></w:p>", "link"),
        (
            "<w:p><w:r><w:t>outer</w:t><w:pict><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p>"
            "</w:txbxContent></w:pict></w:r></w:p>",
            "outer\n\nboxed",
        ),
        (
            '<w:p><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="3"/></w:numPr></w:pPr>'
            "<w:r><w:t>x</w:t></w:r></w:p>",
            "  - x",
        ),
        (
            "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc>"
            "<w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
            "a b | c",
        ),
    ],
)
def test_runs_are_read_as_they_look(markup: str, text: str) -> None:
    assert body(markup).rstrip() == text


def test_an_outline_level_makes_a_heading() -> None:
    markup = '<w:p><w:pPr><w:outlineLvl w:val="1"/></w:pPr><w:r><w:t>Part</w:t></w:r></w:p>'
    extraction = parse(RawDocx(body=markup).build())
    assert [(heading.level, heading.title) for heading in extraction.headings] == [(2, "Part")]


def test_styles_that_are_based_on_each_other_in_a_circle_do_no_harm() -> None:
    styles = (
        '<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        '<w:style w:styleId="A"><w:basedOn w:val="B"/></w:style>'
        '<w:style w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>'
    )
    markup = '<w:p><w:pPr><w:pStyle w:val="A"/></w:pPr><w:r><w:t>text</w:t></w:r></w:p>'
    assert parse(RawDocx(body=markup, extra={"word/styles.xml": styles.encode()}).build()).text == "text"


def test_the_table_of_contents_is_left_out_and_notes_are_added() -> None:
    styles = (
        '<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        '<w:style w:styleId="T"><w:name w:val="toc 1"/></w:style></w:styles>'
    )
    notes = (
        '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:footnote>'
        "<w:p><w:r><w:t>a note</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )
    markup = (
        '<w:p><w:pPr><w:pStyle w:val="T"/></w:pPr><w:r><w:t>Chapter 1 ... 5</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>text</w:t></w:r></w:p>"
    )
    extra = {"word/styles.xml": styles.encode(), "word/footnotes.xml": notes.encode()}
    assert parse(RawDocx(body=markup, extra=extra).build()).text == "text\n\na note"


def test_strict_files_are_read() -> None:
    parts = RawDocx().parts()
    strict = parts["word/document.xml"].replace(
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
    )
    assert parse(archive({**parts, "word/document.xml": strict})).text == "Hello"


def test_an_outside_entity_is_never_read() -> None:
    doctype = '<!DOCTYPE x [<!ENTITY leak SYSTEM "file:///etc/passwd">]>'
    content = RawDocx(before=doctype, body="<w:p><w:r><w:t>&leak;</w:t></w:r></w:p>").build()
    assert refusal(content) is ErrorCode.CORRUPT


def test_a_billion_laughs_are_refused() -> None:
    entities = '<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + level)} "{("&" + chr(97 + level) + ";") * 10}">' for level in range(9)
    )
    content = RawDocx(
        before=f"<!DOCTYPE x [{entities}]>", body="<w:p><w:r><w:t>&j;</w:t></w:r></w:p>"
    ).build()
    assert refusal(content) is ErrorCode.CORRUPT


def test_what_points_outside_is_never_fetched() -> None:
    extra = {"word/_rels/settings.xml.rels": RELATIONSHIPS.encode(), "word/_rels/document.xml.rels": b"<x/>"}
    assert parse(RawDocx(extra=extra).build()).text == "Hello"


def test_macros_are_refused() -> None:
    assert refusal(RawDocx(content_type=MACRO_TYPE).build()) is ErrorCode.UNSUPPORTED_TYPE
    assert refusal(RawDocx(extra={"word/vbaProject.bin": b"x"}).build()) is ErrorCode.UNSUPPORTED_TYPE


def test_another_kind_of_archive_is_refused() -> None:
    assert refusal(archive({"a.txt": b"hello"})) is ErrorCode.UNSUPPORTED_TYPE
    assert refusal(RawDocx(content_type="application/x-sheet").build()) is ErrorCode.UNSUPPORTED_TYPE


def test_names_that_climb_out_are_ignored_and_nothing_is_written() -> None:
    extra = {"../../etc/evil": b"x", "/absolute": b"x", "C:\\evil": b"x"}
    assert parse(RawDocx(extra=extra).build()).text == "Hello"


@pytest.mark.parametrize(
    "extra",
    [
        {"word/media/bomb.bin": bytes(60_000_000)},
        {f"word/media/{number}.bin": bytes([number]) * 1_000_000 for number in range(106)},
        {f"word/{number}": b"" for number in range(10_001)},
    ],
    ids=["ratio", "size", "entries"],
)
def test_archives_that_unpack_to_too_much_are_refused_unopened(extra: dict[str, bytes]) -> None:
    assert refusal(RawDocx(extra=extra).build()) is ErrorCode.DECOMPRESSION_LIMIT


def test_entries_with_one_name_or_in_one_place_are_corrupt() -> None:
    assert refusal(archive_with_twins(RawDocx().parts(), "word/document.xml")) is ErrorCode.CORRUPT
    assert refusal(archive_with_overlap(RawDocx().parts())) is ErrorCode.CORRUPT


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04", RawDocx().build()[:200], b"garbage", RawDocx(body="<w:p>").build()],
    ids=["header only", "cut off", "garbage", "broken XML"],
)
def test_damaged_files_are_corrupt(content: bytes) -> None:
    assert refusal(content) is ErrorCode.CORRUPT


def test_a_file_without_its_document_is_corrupt() -> None:
    parts = RawDocx().parts()
    del parts["word/document.xml"]
    assert refusal(archive(parts)) is ErrorCode.CORRUPT


def test_an_entry_with_flipped_bits_is_corrupt() -> None:
    content = bytearray(RawDocx(body="<w:p><w:r><w:t>" + "Hello " * 400 + "</w:t></w:r></w:p>").build())
    place = content.find(b"word/document.xml") + 60
    content[place : place + 8] = bytes(8)
    assert refusal(bytes(content)) is ErrorCode.CORRUPT


def test_an_entry_with_a_password_is_told_apart() -> None:
    content = bytearray(RawDocx().build())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(mark)
        content[place + offset] |= 1
    assert refusal(bytes(content)) is ErrorCode.ENCRYPTED
