"""What reaches the terminal drives no terminal and fits where it goes."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from lorebase.cli.output import clean, highlighted, is_watched, one_line, tolerate_any_encoding
from lorebase.cli.tables import show_rows

HEADINGS = ("id", "name")
ROWS = [("key_1", "Ada"), ("key_2", "Two\nlines\tand a tab")]
any_text = st.text(st.characters(codec=None, categories=["C", "L", "P", "Z", "S", "N"]), max_size=80)


def screen(width: int = 80, *, terminal: bool = True, term: str = "xterm") -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=width,
        highlight=False,
        soft_wrap=True,
        no_color=True,
        _environ={"TERM": term},
    )


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@given(any_text)
def test_cleaned_text_holds_nothing_that_drives_a_terminal(text: str) -> None:
    cleaned = clean(text)
    for character in cleaned:
        assert character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(character) not in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
        )
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert clean(cleaned) == cleaned


@given(st.text(st.characters(categories=["L", "N", "P"])))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(any_text, st.integers(min_value=1, max_value=40))
def test_one_line_is_one_line_and_no_longer_than_asked_for(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert line == line.strip()


@given(
    any_text,
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 20)), max_size=5),
    st.integers(min_value=8, max_value=40),
)
def test_a_highlighted_passage_is_a_clean_piece_of_the_text(
    text: str, spans: list[tuple[int, int]], limit: int
) -> None:
    ranges = [{"start": start, "end": start + length} for start, length in spans]
    passage = highlighted(text, ranges, limit).plain
    flat = " ".join(clean(text).split())
    assert len(passage.splitlines()) <= 1
    assert " ".join(passage.strip("…").split()) in flat or "…" in flat


def test_matches_are_bold_and_what_is_left_out_is_marked() -> None:
    text = "a" * 100 + " needle in a haystack " + "b" * 200
    passage = highlighted(text, [{"start": 101, "end": 107}], 80)
    assert passage.plain.startswith("…a")
    assert passage.plain.endswith("b…")
    assert [passage.plain[span.start : span.end] for span in passage.spans] == ["needle"]


def test_a_short_passage_is_shown_whole() -> None:
    assert highlighted("One  two\nthree.", [], 80).plain == "One two three."


def test_ranges_in_any_order_are_shown_once_each() -> None:
    ranges = [{"start": 4, "end": 7}, {"start": 0, "end": 3}, {"start": 4, "end": 7}]
    passage = highlighted("one two", ranges, 80)
    assert passage.plain == "one two"
    assert [(span.start, span.end) for span in passage.spans] == [(0, 3), (4, 7)]


def test_a_pipe_gets_a_line_a_row_with_tabs_between_the_fields() -> None:
    console = screen(width=10, terminal=False)
    show_rows(console, HEADINGS, ROWS, title="Left out")
    assert shown(console) == "id\tname\nkey_1\tAda\nkey_2\tTwo · lines and a tab\n"


def test_a_wide_terminal_gets_a_table_whose_cells_are_whole() -> None:
    console = screen(width=60)
    show_rows(console, HEADINGS, ROWS, title="Keys")
    lines = shown(console).splitlines()
    assert lines[0].strip() == "Keys"
    assert any("key_1" in line and "Ada" in line for line in lines)


@pytest.mark.parametrize("wide", [{}, {"name": 1}])
def test_a_terminal_too_narrow_for_the_table_gets_blocks(wide: dict[str, int]) -> None:
    console = screen(width=20)
    show_rows(console, HEADINGS, [("a" * 40, "Ada"), ("b", "")], title="Keys", wide=wide)
    assert shown(console).splitlines() == ["Keys", "", f"id: {'a' * 40}", "name: Ada", "", "id: b"]


def test_an_id_is_never_broken_in_two() -> None:
    for width in range(20, 120, 7):
        console = screen(width=width)
        show_rows(console, HEADINGS, [("key_" + "a" * 43, "Ada")])
        assert "key_" + "a" * 43 in shown(console)


@given(any_text)
def test_a_title_is_never_read_as_markup(title: str) -> None:
    marked = f"[bold red]{title}[/bold red][link=file:///etc/passwd]"
    for width in (200, 30):
        console = screen(width=width)
        show_rows(console, HEADINGS, [(marked, Text("x"))], title="[blink]")
        assert "[bold red]" in shown(console)
        assert "[blink]" in shown(console)
        assert "file:///etc/passwd]" in shown(console).replace("\n", "")


def test_nothing_to_show_shows_the_headings_alone() -> None:
    console = screen(width=60)
    show_rows(console, HEADINGS, [])
    assert "id" in shown(console)
    assert "name" in shown(console)


@pytest.mark.parametrize(
    ("terminal", "term", "watched"),
    [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)],
)
def test_bars_are_for_terminals_that_can_redraw_a_line(terminal: bool, term: str, watched: bool) -> None:
    assert is_watched(screen(terminal=terminal, term=term)) is watched


def test_a_character_that_the_terminal_lacks_becomes_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", errors="strict"))
    tolerate_any_encoding()
    sys.stdout.write("Größe\udcff")
    sys.stdout.flush()
    assert written.getvalue() == b"Gr??e?"
