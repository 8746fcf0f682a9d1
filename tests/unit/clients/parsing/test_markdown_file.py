"""Markdown: kept as it is, with headings where CommonMark has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.clients.parsing.extraction import Extraction, Limits
from lorebase.clients.parsing.markdown_file import parse_markdown

LIMITS = Limits(20, 30.0, 1 << 30, 1_000_000, 50)


def parse(text: str) -> Extraction:
    return parse_markdown(text.encode("utf-8", "surrogatepass"), LIMITS)


def titles(text: str) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in parse(text).headings]


def test_the_text_is_kept_as_it_is() -> None:
    text = "# A\n\nSome *words* and [a link](javascript:alert(1)).\n\n<script>x</script>\n"
    assert parse(text).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# One\n\n## Two ##\n\n### Three\n", [(1, "One"), (2, "Two"), (3, "Three")]),
        ("   # Indented", [(1, "Indented")]),
        ("One\n===\n\nTwo\n---\n", [(1, "One"), (2, "Two")]),
        ("# `code` and **bold** [link](http://x)", [(1, "code and bold link")]),
        ("# snake_case stays", [(1, "snake_case stays")]),
        ("## Name {#anchor}", [(2, "Name")]),
        ("# C#", [(1, "C#")]),
        ("#hashtag", []),
        ("####### seven", []),
        ("#", []),
        ("    # code", []),
        ("```\n# comment\n```\n# Real", [(1, "Real")]),
        ("~~~~\n```\n# comment\n~~~\n# still\n~~~~\n# Real", [(1, "Real")]),
        ("```never closed\n# comment", []),
        ("`code` on ``` one line\n# Real", [(1, "Real")]),
        ("<!-- # no\n# no\n-->\n# Real", [(1, "Real")]),
        ("- item\n---\ntext", []),
        ("para\nof two lines\n---\n", []),
        ("---\ntitle: x\n# not this\n---\n# Real", [(1, "Real")]),
        ("| a | b |\n|---|---|\n", []),
    ],
)
def test_headings_are_where_commonmark_has_them(text: str, expected: list[tuple[int, str]]) -> None:
    assert titles(text) == expected


def test_offsets_of_headings_point_to_their_lines() -> None:
    text = "intro\n\n# One\n\n  Two\n---\n"
    extraction = parse(text)
    assert [text[heading.start : heading.end] for heading in extraction.headings] == ["# One", "Two"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\nauthor: me\ntitle: 'The Guide'\n---\n# Other", "The Guide"),
        ("# Guide\n\n## Part", "Guide"),
        ("## Part\n\n# Guide", None),
        ("no heading", None),
        ("---\ntitle:\n---\n# Guide", "Guide"),
    ],
)
def test_the_title_is_that_of_the_front_matter_or_the_first_top_heading(text: str, title: str | None) -> None:
    assert parse(text).title == title


@pytest.mark.parametrize("text", ["#" * 1_000_000, "`" * 1_000_000, "[" * 500_000, "# " + "*_" * 400_000])
def test_hostile_lines_are_read(text: str) -> None:
    assert parse(text).text == text


@given(st.text(alphabet="#=-`~ \nab<!>[]()", max_size=300))
def test_headings_are_in_order_and_inside_the_text(text: str) -> None:
    extraction = parse(text)
    end = 0
    for heading in extraction.headings:
        assert end <= heading.start < heading.end <= len(extraction.text)
        assert extraction.text[heading.start : heading.end].strip()
        end = heading.end
