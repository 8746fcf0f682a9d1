"""Plain text: encodings and underlined headings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.clients.parsing.cleaning import clean, has_visible_text
from lorebase.clients.parsing.decoding import ENCODING_GUESSED, ENCODING_REPLACED, decode
from lorebase.clients.parsing.extraction import Limits
from lorebase.clients.parsing.text_file import parse_text, underlined_headings
from lorebase.core.errors import DocumentRefused, ErrorCode

SAMPLE = "Grüße an Zoë: 你好, мир!"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_by_its_mark_or_as_utf_8(encoding: str) -> None:
    assert decode(SAMPLE.encode(encoding)) == (SAMPLE, [])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_noticed(encoding: str) -> None:
    assert decode("Plain words, mostly ASCII: é".encode(encoding)) == ("Plain words, mostly ASCII: é", [])


def test_big_endian_utf_16_with_a_mark_is_read() -> None:
    assert decode(b"\xfe\xff" + SAMPLE.encode("utf-16-be")) == (SAMPLE, [])


def test_a_few_broken_bytes_in_utf_8_are_replaced_with_a_warning() -> None:
    text, warnings = decode("äöü".encode() * 20 + b"\xff")
    assert text == "äöü" * 20 + "\ufffd"
    assert warnings == [ENCODING_REPLACED]


def test_what_is_not_unicode_is_read_as_windows_1252_with_a_warning() -> None:
    assert decode("naïve café – “quoted”".encode("cp1252")) == ("naïve café – “quoted”", [ENCODING_GUESSED])


def test_bytes_that_windows_1252_leaves_undefined_do_no_harm() -> None:
    assert decode(b"caf\xe9 \x81\x8d\x90") == ("café ", [ENCODING_GUESSED])


def test_an_encoding_that_the_file_names_is_believed() -> None:
    assert decode("привет".encode("koi8-r"), "KOI8-R") == ("привет", [])


@pytest.mark.parametrize("hint", ["hex", "unicode_escape", "idna", "no-such", "utf-7"])
def test_only_encodings_of_text_are_believed(hint: str) -> None:
    assert decode(b"caf\xe9", hint)[0] == "café"


@given(st.binary(max_size=500))
def test_any_bytes_become_text_that_can_be_stored(content: bytes) -> None:
    text = clean(decode(content)[0])
    text.encode("utf-8")
    assert "\x00" not in text
    assert "\r" not in text


def test_line_ends_are_made_alike_and_control_characters_dropped() -> None:
    assert clean("a\r\nb\rc\fd\ve\x00\x1b[31m\x7f\ud800\tz") == "a\nb\nc\nd\ne[31m\tz"


def test_clean_text_is_returned_as_it_is() -> None:
    assert clean("line\n\ttab") == "line\n\ttab"


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u200b\u200d\ufeff", "\u2800\u3164\u00ad", "\ufe0f\u2063 \u180e"]
)
def test_what_nobody_can_see_is_no_text(text: str) -> None:
    assert not has_visible_text(text)


@pytest.mark.parametrize("text", ["a", "\u200b.", "你", "\U0001f600"])
def test_what_can_be_seen_is_text(text: str) -> None:
    assert has_visible_text(text)


def test_underlined_titles_are_headings_in_the_order_of_their_marks(limits: Limits) -> None:
    text = (
        "=====\nGuide\n=====\n\nIntro.\n\nSet up\n------\n\nText.\n\n"
        "Linux\n~~~~~\n\nText.\n\nUse\n---\n\nText."
    )
    extraction = parse_text(text.encode(), limits)
    assert extraction.text == text
    assert [(heading.level, heading.title) for heading in extraction.headings] == [
        (1, "Guide"),
        (2, "Set up"),
        (3, "Linux"),
        (2, "Use"),
    ]
    assert [text[heading.start : heading.end] for heading in extraction.headings] == [
        "Guide",
        "Set up",
        "Linux",
        "Use",
    ]
    assert extraction.title == "Guide"


@pytest.mark.parametrize(
    "text",
    [
        "too long a title for it\n---",
        "end of a paragraph\nlast line\n---------",
        "+---+\n-----",
        "\n-----\n-----\n",
        "a = 1\n# ----",
    ],
)
def test_other_lines_of_marks_are_no_headings(text: str) -> None:
    assert underlined_headings(text) == []


def test_text_over_the_limit_is_refused(limits: Limits) -> None:
    with pytest.raises(DocumentRefused) as caught:
        parse_text(b"x" * 1_000_001, limits)
    assert caught.value.code is ErrorCode.TOO_LARGE
    assert caught.value.details == {"limit": 1_000_000}


def test_text_at_the_limit_is_read(limits: Limits) -> None:
    assert len(parse_text(b"x" * 1_000_000, limits).text) == 1_000_000
