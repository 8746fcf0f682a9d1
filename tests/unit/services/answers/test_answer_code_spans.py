"""Telling code from prose while it is being written."""

from __future__ import annotations

import pytest

from lorebase.services.answers.answer_code_spans import CodeSpans


def reading(*steps: str) -> CodeSpans:
    """Reads text, runs of backticks and line ends."""
    code = CodeSpans()
    for step in steps:
        if step == "\n":
            code.line_end()
        elif set(step) == {"`"}:
            code.backticks(len(step))
        else:
            code.text(step)
    return code


def test_prose_is_no_code() -> None:
    assert reading("Call it").covers(" and wait", ended=False) is False


@pytest.mark.parametrize(
    ("rest", "ended", "expected"),
    [
        ("x` then", False, True),
        ("x`", False, None),
        ("x`", True, True),
        ("x`\n", False, True),
        ("x", False, None),
        ("x", True, False),
        ("x\n`", False, False),
        ("x`` then", False, None),
    ],
)
def test_a_span_is_code_once_it_is_closed_in_its_line(rest: str, ended: bool, expected: bool | None) -> None:
    assert reading("Call ", "`", "a").covers(rest, ended=ended) is expected


def test_a_closed_span_covers_nothing_more() -> None:
    assert reading("Call ", "`", "a", "`", " then").covers(" b`", ended=True) is False


def test_a_span_of_two_is_not_closed_by_one() -> None:
    assert reading("Call ", "``", "a", "`", "b").covers("`` c", ended=False) is True


def test_a_span_ends_with_its_line() -> None:
    assert reading("Call ", "`", "a", "\n", "b").covers("` c", ended=True) is False


def test_a_span_that_was_found_open_is_forgotten() -> None:
    code = reading("Press ", "`", " and")
    assert code.covers(" wait\n", ended=False) is False
    assert code.covers(" then` x", ended=False) is False


@pytest.mark.parametrize("opening", [("```",), ("  ", "```"), ("Text", "\n", "````")])
def test_a_fence_covers_lines_until_it_is_closed(opening: tuple[str, ...]) -> None:
    code = reading(*opening, "python", "\n", "x = 1", "\n")
    assert code.covers("", ended=False) is True
    code.backticks(4)
    assert code.covers("", ended=False) is False


def test_a_fence_is_not_closed_within_a_line_or_by_fewer() -> None:
    code = reading("````", "\n", "x", "````", "\n", "```", "\n")
    assert code.covers("", ended=True) is True


def test_three_backticks_within_a_line_are_a_span() -> None:
    code = reading("Call ", "```", "a", "```", " then", "\n")
    assert code.covers("", ended=True) is False


def test_nobody_waits_for_ever_for_the_end_of_a_span() -> None:
    assert reading("Call ", "`", "a").covers("x" * 499, ended=False) is None
    assert reading("Call ", "`", "a").covers("x" * 500 + "` b", ended=False) is False
