"""Which lines of a PDF are headings."""

from __future__ import annotations

import pytest

from lorebase.clients.parsing.pdf_headings import OutlineEntry, body_height_of, heading_lines
from lorebase.clients.parsing.pdf_lines import Line


def line(text: str, height: float = 10.0, bottom: float = 500.0) -> Line:
    return Line(text, left=72, right=400, bottom=bottom, end=bottom, height=height)


def found(pages: list[list[Line]], *outline: OutlineEntry) -> list[tuple[int, str]]:
    places = heading_lines(pages, outline, body_height_of(pages))
    return [(places[id(part)].level, part.text) for page in pages for part in page if id(part) in places]


def paragraph(count: int = 8) -> list[Line]:
    return [line(f"an ordinary line of text, number {number}, as long as most") for number in range(count)]


@pytest.mark.parametrize(
    "printed",
    [
        "Set up",
        "SET UP",
        "2 Set up",
        "2.1 Set up",
        "2.1. Set-up",
        "Chapter 2: Set up",
        "A.3 Set up",
        "IV. Set up",
    ],
)
def test_an_outline_entry_finds_its_line_with_or_without_a_number(printed: str) -> None:
    heading = line(printed)
    assert found([[*paragraph(), heading]], OutlineEntry(2, "Set up", 0)) == [(2, printed)]


@pytest.mark.parametrize("printed", ["To set up", "Set up the machine", "Setup and more", "See Set up"])
def test_a_line_that_only_holds_the_words_is_no_heading(printed: str) -> None:
    assert found([[*paragraph(), line(printed)]], OutlineEntry(1, "Set up", 0)) == []


def test_a_line_that_begins_with_the_entry_counts_where_the_entry_leads() -> None:
    page = [line("pdf is mentioned here", bottom=700), line("pdf  PDF Graphics Device", bottom=300)]
    assert found([page], OutlineEntry(2, "pdf", 0, top=315.0)) == [(2, "pdf  PDF Graphics Device")]


def test_a_heading_of_two_lines_is_one_heading() -> None:
    first, second = line("3.7 Index vectors; selecting and modifying subsets of a data"), line("set")
    places = heading_lines(
        [[first, second, *paragraph()]],
        [OutlineEntry(2, "Index vectors; selecting and modifying subsets of a data set", 0)],
        10.0,
    )
    assert places[id(first)] == places[id(second)]


def test_entries_on_one_page_are_found_in_order() -> None:
    page = [line("Aims"), *paragraph(2), line("Scope"), *paragraph(2), line("Aims")]
    entries = [OutlineEntry(1, "Aims", 0), OutlineEntry(2, "Scope", 0), OutlineEntry(1, "Aims", 0)]
    assert found([page], *entries) == [(1, "Aims"), (2, "Scope"), (1, "Aims")]


@pytest.mark.parametrize("page", [-1, 1, 10**9])
def test_entries_that_lead_nowhere_are_ignored(page: int) -> None:
    assert found([[line("Aims"), *paragraph()]], OutlineEntry(1, "Aims", page)) == []


def test_an_outline_without_words_is_ignored() -> None:
    assert found([[line("***"), *paragraph()]], OutlineEntry(1, "***", 0)) == []


def test_larger_letters_are_headings_by_their_size() -> None:
    page = [
        line("The Guide", 24),
        *paragraph(),
        line("Set up", 16),
        *paragraph(),
        line("Linux", 13),
        *paragraph(),
    ]
    assert found([page]) == [(1, "The Guide"), (2, "Set up"), (3, "Linux")]


def test_sizes_beyond_three_share_a_level() -> None:
    page = [line("A cover", 40), *paragraph(), line("Part", 30), *paragraph(), line("Chapter", 20)]
    page += [*paragraph(), line("Section", 15), *paragraph(), line("Below", 13), *paragraph()]
    assert [level for level, _ in found([page])] == [1, 2, 3, 3, 3]


def test_posters_numbers_and_mostly_large_pages_have_no_headings() -> None:
    poster = [line(f"Poster line {number}", 30) for number in range(4)]
    assert found([[*poster, *paragraph(20)]]) == []
    assert found([[line("12 345.67", 30), *paragraph()]]) == []
    assert found([[line("Large heading", 30), *paragraph(1)]]) == []


def test_without_places_there_are_no_headings() -> None:
    assert body_height_of([]) == 0.0
    assert found([[Line("unplaced"), Line("lines")]]) == []


def test_the_height_of_the_body_is_that_of_most_letters() -> None:
    assert body_height_of([[line("Title", 24), *paragraph()], [line("x", 8.1)]]) == 10.0
