"""Blocks, breaks and the offsets of headings and pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.clients.parsing.block_writer import BlockWriter
from lorebase.clients.parsing.extraction import Heading, Page
from lorebase.core.errors import DocumentRefused, ErrorCode


@pytest.fixture
def writer() -> BlockWriter:
    return BlockWriter(1_000)


def test_white_space_in_running_text_is_one_space(writer: BlockWriter) -> None:
    for piece in ("one", " two", "\n\tthree ", " ", "four", "five"):
        writer.words(piece)
    assert writer.finish().text == "one two three fourfive"


def test_breaks_come_between_words_only_and_the_greater_counts(writer: BlockWriter) -> None:
    writer.separate(2)
    writer.words("one")
    writer.separate(1)
    writer.separate(2)
    writer.separate(1)
    writer.words("two")
    writer.separate(1)
    writer.words("three")
    writer.separate(2)
    assert writer.finish().text == "one\n\ntwo\nthree"


def test_a_break_swallows_the_spaces_beside_it(writer: BlockWriter) -> None:
    writer.words("one ")
    writer.separate(1)
    writer.words(" two")
    assert writer.finish().text == "one\ntwo"


def test_code_keeps_its_lines_and_indentation(writer: BlockWriter) -> None:
    writer.words("see")
    writer.separate(2)
    writer.verbatim("\n  if a:\n      b\n\n")
    writer.separate(2)
    writer.words("end")
    assert writer.finish().text == "see\n\n  if a:\n      b\n\nend"


def test_a_mark_waits_for_words(writer: BlockWriter) -> None:
    writer.prefix("- ")
    writer.separate(1)
    writer.words("one")
    writer.separate(1)
    writer.prefix("- ")
    writer.words("  ")
    assert writer.finish().text == "- one"


def test_cells_have_bars_between_them_and_none_at_the_ends_of_a_row(writer: BlockWriter) -> None:
    for row in (["a", "b"], ["", "c", "", "d"], ["e", "", ""]):
        writer.separate(1)
        for cell in row:
            writer.cell()
            writer.words(f" {cell} ")
    assert writer.finish().text == "a | b\nc | | d\ne"


def test_a_heading_covers_its_words_and_no_break(writer: BlockWriter) -> None:
    writer.words("before")
    writer.separate(2)
    writer.open_heading(2)
    writer.words("The ")
    writer.words("title")
    writer.close_heading()
    writer.separate(2)
    writer.words("after")
    extraction = writer.finish()
    assert extraction.headings == [Heading(8, 17, 2, "The title")]
    assert extraction.text[8:17] == "The title"


def test_a_heading_may_be_called_otherwise(writer: BlockWriter) -> None:
    writer.open_heading(5)
    writer.words("run(coro)")
    writer.close_heading("asyncio.run")
    assert writer.finish().headings == [Heading(0, 9, 5, "asyncio.run")]


def test_a_heading_without_words_is_none(writer: BlockWriter) -> None:
    writer.open_heading(1)
    writer.words("  ")
    writer.close_heading()
    writer.words("text")
    writer.close_heading()
    assert writer.finish().headings == []


def test_pages_begin_where_the_last_ended(writer: BlockWriter) -> None:
    writer.open_page(1)
    writer.words("one")
    writer.open_page(2)
    writer.open_page(3)
    writer.separate(2)
    writer.words("three")
    assert writer.finish().pages == [Page(0, 1), Page(3, 2), Page(3, 3)]


def test_what_cannot_be_stored_is_dropped_and_not_counted(writer: BlockWriter) -> None:
    writer.words("a\x00b\ud800")
    writer.open_heading(1)
    writer.words(" c\x07d")
    writer.close_heading()
    extraction = writer.finish()
    assert extraction.text == "ab cd"
    assert extraction.text[extraction.headings[0].start : extraction.headings[0].end] == "cd"


def test_a_text_that_grows_too_long_is_refused_at_once(writer: BlockWriter) -> None:
    writer.words("x" * 1_000)
    with pytest.raises(DocumentRefused) as caught:
        writer.words("y")
    assert caught.value.code is ErrorCode.TOO_LARGE


STEPS = st.one_of(
    st.tuples(st.just("words"), st.text(alphabet="ab \n\x00", max_size=6)),
    st.tuples(st.just("separate"), st.integers(1, 2)),
    st.tuples(st.just("open_heading"), st.integers(1, 6)),
    st.tuples(st.just("open_page"), st.integers(1, 9)),
)


@given(st.lists(STEPS, max_size=40))
def test_offsets_fit_the_text_whatever_the_order_of_calls(steps: list[tuple[str, object]]) -> None:
    writer = BlockWriter(1_000)
    for name, argument in steps:
        getattr(writer, name)(argument)
        if name == "words":
            writer.close_heading()
    extraction = writer.finish()
    assert extraction.text == extraction.text.strip()
    assert "\n\n\n" not in extraction.text
    assert all(0 <= page.start <= len(extraction.text) for page in extraction.pages)
    for heading in extraction.headings:
        assert extraction.text[heading.start : heading.end].strip()
