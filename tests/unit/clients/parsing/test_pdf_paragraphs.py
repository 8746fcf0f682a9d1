"""Lines of print become paragraphs."""

from __future__ import annotations

import pytest

from lorebase.clients.parsing.block_writer import BlockWriter
from lorebase.clients.parsing.extraction import Extraction
from lorebase.clients.parsing.pdf_headings import Place
from lorebase.clients.parsing.pdf_lines import HYPHEN, Line
from lorebase.clients.parsing.pdf_paragraphs import ParagraphWriter

FULL = "a line that is as wide as its column and goes"


def lines(*texts: str, gap: float = 12.0, left: float = 72.0, top: float = 700.0) -> list[Line]:
    made = []
    for place, text in enumerate(texts):
        bottom = top - gap * place
        made.append(Line(text, left, left + 7 * len(text), bottom, bottom, 10.0))
    return made


def written(*pages: list[Line], headings: dict[int, Place] | None = None) -> Extraction:
    writer = BlockWriter(100_000)
    paragraphs = ParagraphWriter(writer, headings or {}, list(pages))
    for number, page in enumerate(pages, start=1):
        writer.open_page(number)
        paragraphs.page(page)
    paragraphs.finish()
    return writer.finish()


def test_full_lines_go_on_and_short_ones_end() -> None:
    assert written(lines(FULL, FULL, "on.", FULL)).text == f"{FULL} {FULL} on.\n\n{FULL}"


def test_a_short_line_without_a_full_stop_ends_its_line_only() -> None:
    assert (
        written(lines("$ cd work", "$ run the program now", FULL)).text
        == f"$ cd work\n$ run the program now\n{FULL}"
    )


def test_a_wider_gap_parts_paragraphs() -> None:
    above, below = lines(FULL, FULL), lines(FULL, FULL, top=650)
    assert written(above + below).text == f"{FULL} {FULL}\n\n{FULL} {FULL}"


def test_a_new_column_parts_paragraphs() -> None:
    left, right = lines(FULL, FULL), lines(FULL, FULL, left=400)
    assert written(left + right).text == f"{FULL} {FULL}\n\n{FULL} {FULL}"


def test_an_indent_after_a_full_stop_parts_paragraphs() -> None:
    first, second, third = lines(FULL, FULL[:-4] + "end.", FULL)
    third.left += 15
    assert written([first, second, third]).text == f"{FULL} {second.text}\n\n{FULL}"


def test_another_size_parts_paragraphs() -> None:
    page = lines(FULL, FULL)
    page[1].height = 16
    assert written(page).text == f"{FULL}\n\n{FULL}"


def test_raised_letters_stay_on_their_line() -> None:
    page = lines("the form x", "2", "is square", gap=3)
    assert written(page).text == "the form x 2 is square"


@pytest.mark.parametrize("mark", ["•", "-", "*", "1.", "12)", "(a)", "b."])
def test_items_begin_lines_of_their_own(mark: str) -> None:
    assert written(lines(FULL, f"{mark} item of a list")).text == f"{FULL}\n{mark} item of a list"


def test_entries_of_a_table_of_contents_are_not_joined() -> None:
    entry = "1.1 The first of all the sections in here … 12"
    assert written(lines(entry, entry)).text == f"{entry}\n{entry}"


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        ([f"it is com{HYPHEN}puted"], "it is computed"),
        ([f"it is com{HYPHEN} puted"], "it is computed"),
        ([f"a non{HYPHEN}empty set", "any non-empty set"], "a non-empty set\nany non-empty set"),
        ([f"the 1{HYPHEN}2 range"], "the 1-2 range"),
        ([f"end{HYPHEN}"], "end-"),
        ([f"a{HYPHEN}b{HYPHEN}c"], "abc"),
    ],
)
def test_words_broken_at_the_end_of_a_line_are_made_whole(texts: list[str], text: str) -> None:
    assert written(lines(*texts)).text == text


def test_a_line_of_a_megabyte_is_mended_in_one_pass() -> None:
    word = "x" * 500_000
    writer = BlockWriter(2_000_000)
    page = lines(f"{word} {word}")
    ParagraphWriter(writer, {}, [page]).page(page)
    assert len(writer.finish().text) == 1_000_001


def test_sentences_run_on_over_the_page_and_paragraphs_do_not() -> None:
    assert written(lines(FULL), lines("on here.")).text == f"{FULL} on here."
    assert written(lines("The end."), lines("on here.")).text == "The end.\n\non here."
    assert written(lines(FULL), lines("New page.")).text == f"{FULL}\n\nNew page."


def test_an_empty_page_between_does_not_part_a_sentence() -> None:
    extraction = written(lines(FULL), [], lines("on here."))
    assert extraction.text == f"{FULL} on here."
    assert [page.number for page in extraction.pages] == [1, 2, 3]


def test_headings_stand_alone_and_lines_of_one_are_joined() -> None:
    page = lines("Before.", "A heading of", "two lines", "Another", "After.")
    one, other = Place(1, 0), Place(1, 1)
    headings = {id(page[1]): one, id(page[2]): one, id(page[3]): other}
    extraction = written(page, headings=headings)
    assert extraction.text == "Before.\n\nA heading of two lines\n\nAnother\n\nAfter."
    assert [heading.title for heading in extraction.headings] == ["A heading of two lines", "Another"]


def test_a_heading_that_ends_the_document_is_a_heading() -> None:
    page = lines("Text.", "The last")
    extraction = written(page, headings={id(page[1]): Place(2, 0)})
    assert [(heading.level, heading.title) for heading in extraction.headings] == [(2, "The last")]


def test_lines_without_places_keep_to_themselves() -> None:
    assert written([Line("one"), Line("two")]).text == "one\ntwo"
