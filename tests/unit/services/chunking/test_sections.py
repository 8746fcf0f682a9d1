"""Sections, their paths, and which of them share chunks."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lorebase.schemas.parsing import HeadingSpan, PageSpan
from lorebase.services.chunking.atoms import measure
from lorebase.services.chunking.boundaries import boundaries_of
from lorebase.services.chunking.packing import Packer
from lorebase.services.chunking.section_groups import groups_of
from lorebase.services.chunking.sections import SectionIndex, sections_of, usable_headings
from tests.fakes.tokenizer import FakeTokenizer


def outlined(*parts: tuple[int, str, int]) -> tuple[str, list[HeadingSpan]]:
    """A text of headings (level, title) with so many words under each; level 0 is text without a heading."""
    text = ""
    headings = []
    for level, title, count in parts:
        if level:
            headings.append(
                HeadingSpan(start=len(text), end=len(text) + len(title), level=level, title=title)
            )
            text += title + "\n"
        text += " ".join(["word"] * count) + "\n"
    return text, headings


def groups(*parts: tuple[int, str, int], max_tokens: int = 160) -> list[list[str]]:
    """The titles of the sections in each group."""
    text, headings = outlined(*parts)
    boundaries = boundaries_of(text, headings, lines_are_units=False, barrier_level=3)
    atoms = measure(text, boundaries, FakeTokenizer(), max_tokens, max_tokens * 8)
    packer = Packer(atoms, max_tokens, max_tokens * 8, 0)
    spans = [
        (atoms.positions[group.first], atoms.positions[group.last])
        for group in groups_of(atoms, sections_of(text, headings), packer)
    ]
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    return [[h.title for h in headings if start <= h.start < end] for start, end in spans]


def test_the_path_leads_from_the_topmost_heading_down() -> None:
    text, headings = outlined(
        (0, "", 3), (1, "One", 3), (2, "Two", 3), (4, "Four", 3), (2, "Other", 3), (1, "New", 3)
    )
    assert [section.path for section in sections_of(text, headings)] == [
        (),
        ("One",),
        ("One", "Two"),
        ("One", "Two", "Four"),
        ("One", "Other"),
        ("New",),
    ]


def test_a_document_that_begins_deep_has_a_path_all_the_same() -> None:
    text, headings = outlined((3, "Deep", 2), (2, "Higher", 2), (3, "Deep again", 2))
    assert [section.path for section in sections_of(text, headings)] == [
        ("Deep",),
        ("Higher",),
        ("Higher", "Deep again"),
    ]


def test_headings_with_nothing_below_them_are_known() -> None:
    text, headings = outlined((1, "Empty", 0), (2, "Full", 2))
    assert [section.has_body for section in sections_of(text, headings)] == [False, True]


def test_a_text_without_headings_is_one_section() -> None:
    assert [(section.start, section.end, section.path) for section in sections_of("words", [])] == [
        (0, 5, ())
    ]
    assert len(sections_of("", [])) == 1


def test_the_path_of_a_chunk_is_what_its_sections_share() -> None:
    text, headings = outlined((1, "One", 0), (2, "Two", 3), (2, "Three", 3), (1, "Four", 3))
    index = SectionIndex(sections_of(text, headings), [])
    starts = [heading.start for heading in headings]
    assert index.path(0, starts[2]) == ("One", "Two")
    assert index.path(0, starts[1]) == ("One",)
    assert index.path(starts[1], starts[3]) == ("One",)
    assert index.path(starts[2], len(text)) == ()
    assert index.path(starts[3], len(text)) == ("Four",)


def test_the_page_is_the_last_that_began() -> None:
    index = SectionIndex(
        sections_of("x" * 30, []), [PageSpan(start=20, number=3), PageSpan(start=5, number=2)]
    )
    assert [index.page(start) for start in (0, 4, 5, 19, 20, 29)] == [None, None, 2, 2, 3, 3]
    assert SectionIndex(sections_of("x", []), []).page(0) is None


def test_sections_of_some_size_stand_alone() -> None:
    assert groups((1, "One", 50), (2, "Two", 50), (1, "Three", 50)) == [["One"], ["Two"], ["Three"]]


def test_sections_below_level_three_stay_with_those_above() -> None:
    assert groups((3, "One", 50), (4, "Two", 50), (5, "Three", 50), (3, "Four", 50)) == [
        ["One", "Two", "Three"],
        ["Four"],
    ]


def test_tiny_sections_join_those_below_and_beside_until_there_is_enough() -> None:
    assert groups((1, "One", 3), (2, "Two", 15), (2, "Three", 25), (2, "Four", 50)) == [
        ["One", "Two", "Three"],
        ["Four"],
    ]


def test_a_tiny_section_before_a_higher_one_joins_backwards_if_it_fits() -> None:
    assert groups((1, "One", 50), (2, "Two", 5), (1, "Three", 50)) == [["One", "Two"], ["Three"]]
    assert groups((1, "One", 158), (2, "Two", 5), (1, "Three", 50)) == [["One"], ["Two"], ["Three"]]


def test_a_tiny_section_at_the_end_joins_backwards() -> None:
    assert groups((1, "One", 50), (1, "Two", 5)) == [["One", "Two"]]


def test_a_tiny_document_is_one_group() -> None:
    assert groups((1, "One", 1)) == [["One"]]


SPANS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(-2, 20), st.integers(1, 6)).map(
        lambda span: HeadingSpan(start=span[0], end=span[0] + span[1], level=span[2], title="x")
    ),
    max_size=12,
)


@given(SPANS)
def test_of_any_headings_those_are_used_that_are_in_order_and_inside(spans: list[HeadingSpan]) -> None:
    usable = usable_headings(spans, 40)
    end = 0
    for heading in usable:
        assert end <= heading.start < heading.end <= 40
        end = heading.end
    sections = sections_of("y" * 40, usable)
    assert [section.start for section in sections[1:]] == [section.end for section in sections[:-1]]
    assert (sections[0].start, sections[-1].end) == (0, 40)
