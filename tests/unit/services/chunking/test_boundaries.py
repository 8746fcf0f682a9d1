"""Where a text may be cut, and how natural each place is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.schemas.parsing import HeadingSpan
from lorebase.services.chunking.boundaries import Cut, boundaries_of

LONG = "Some quite ordinary words in a line"


def heading(text: str, title: str, level: int) -> HeadingSpan:
    start = text.index(title)
    return HeadingSpan(start=start, end=start + len(title), level=level, title=title)


def places(text: str, *headings: HeadingSpan, lines_are_units: bool = False) -> list[tuple[str, Cut]]:
    """The first word after every cut, and how good the cut is."""
    found = boundaries_of(text, headings, lines_are_units=lines_are_units, barrier_level=3)
    return [
        ((text[position:].split() or [""])[0], Cut(cut))
        for position, cut in zip(found.positions, found.cuts, strict=True)
    ]


def between(separator: str, *, lines_are_units: bool = False, before: str = LONG) -> Cut:
    (_, (_, cut)) = places(f"{before}{separator}Next words", lines_are_units=lines_are_units)
    return cut


@pytest.mark.parametrize(
    ("separator", "cut"),
    [
        ("\n\n", Cut.PARAGRAPH),
        ("\n \t\n", Cut.PARAGRAPH),
        ("\n", Cut.WRAPPED_LINE),
        (". ", Cut.SENTENCE),
        (".\n", Cut.SENTENCE),
        (".\n\n", Cut.PARAGRAPH),
        (";\n", Cut.LINE),
        (" |\n", Cut.LINE),
        ("\n    ", Cut.WRAPPED_LINE),
        ("\n\n    ", Cut.INDENTED_BLOCK),
        (":\n", Cut.WRAPPED_LINE),
        (":\n\n", Cut.WRAPPED_LINE),
    ],
)
def test_what_stands_between_words_makes_the_cut(separator: str, cut: Cut) -> None:
    assert between(separator) is cut


@pytest.mark.parametrize("mark", ["-", "*", "•", "1.", "12)", "a)", "(b)"])
def test_items_of_lists_begin_lines_that_may_be_cut(mark: str) -> None:
    assert places(f"{LONG}\n{mark} the first item")[1] == (mark, Cut.LINE)


def test_every_line_counts_where_lines_are_rows() -> None:
    assert between("\n", lines_are_units=True) is Cut.LINE


@pytest.mark.parametrize("caption", ["Note", "Expected output", "See also"])
def test_a_caption_is_not_cut_from_what_it_announces(caption: str) -> None:
    text = f"{LONG}.\n\n{caption}\n\n{LONG}"
    found = boundaries_of(text, [], lines_are_units=False, barrier_level=3)
    after_it = dict(zip(found.positions, found.cuts, strict=True)).get(text.rindex(LONG), Cut.ANYWHERE)
    assert after_it <= Cut.WRAPPED_LINE
    assert (caption.split(maxsplit=1)[0], Cut.PARAGRAPH) in places(text)


def test_words_within_a_line_are_no_place_to_cut() -> None:
    assert places("One two three four five six seven eight") == [("One", Cut.SECTION)]


def test_headings_begin_sections_down_to_level_three() -> None:
    text = (
        "Introduction\nsome words to begin\nThe second part\nmore words to read\nA small detail\nlast words"
    )
    found = places(
        text,
        heading(text, "Introduction", 1),
        heading(text, "The second part", 3),
        heading(text, "A small detail", 4),
    )
    assert ("The", Cut.SECTION) in found
    assert ("A", Cut.HEADING) in found


def test_a_heading_is_not_cut_from_the_words_below_it() -> None:
    text = "An introduction to it all\n\nThe first words"
    assert places(text, heading(text, "An introduction to it all", 1))[1:] == [("The", Cut.AFTER_HEADING)]


def test_the_words_of_a_heading_are_never_parted() -> None:
    text = "First. Then another sentence. And a third.\nText below"
    title = "First. Then another sentence. And a third."
    assert [cut for _, cut in places(text, heading(text, title, 2))] == [Cut.SECTION, Cut.AFTER_HEADING]


def test_code_between_fences_is_a_poor_place_to_cut() -> None:
    text = f"{LONG}.\n\n```python\nfirst_line = 1\n\nsecond_line = 2\n```\n\n{LONG}"
    assert places(text)[1:] == [
        ("```python", Cut.LINE),
        ("second_line", Cut.INDENTED_BLOCK),
        ("Some", Cut.PARAGRAPH),
    ]


def test_of_places_near_each_other_the_better_is_kept() -> None:
    found = places(f"{LONG}. Yes.\n\n{LONG}")
    assert [cut for _, cut in found] == [Cut.SECTION, Cut.PARAGRAPH]


def test_headings_near_each_other_are_both_kept() -> None:
    text = "One\nTwo\nThe words below the two"
    found = places(text, heading(text, "One", 1), heading(text, "Two", 2))
    assert [cut for _, cut in found][:2] == [Cut.SECTION, Cut.SECTION]


@given(st.text(alphabet="aB.! \n\t-:`|#é\u0301。", max_size=300))
def test_places_ascend_from_the_beginning_and_follow_white_space_or_a_wide_stop(text: str) -> None:
    found = boundaries_of(text, [], lines_are_units=False, barrier_level=3)
    positions = list(found.positions)
    assert positions[0] == 0
    assert positions == sorted(set(positions))
    assert len(positions) == len(found.cuts)
    for position in positions[1:]:
        assert not text[position].isspace()
        assert text[position - 1].isspace() or "。" in text[max(0, position - 8) : position]
