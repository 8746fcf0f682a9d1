"""Numbers that are citations, and numbers that only look like it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.answers.answer_markers import MARKER, NO_EVIDENCE, neutralised, without_markers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as shown by Smith [3].", "as shown by Smith ［3］."),
        ("in 1990.[12][13]", "in 1990.［12］［13］"),
        ("see [1, 2,\n7] there", "see ［1, 2,\n7］ there"),
        ("[[1]]", "[［1］]"),
        ("argv[0] and [note] and [1990]", "argv［0］ and [note] and [1990]"),
        ("the word NO_EVIDENCE itself", "the word NO-EVIDENCE itself"),
        ("［3］ stays", "［3］ stays"),
    ],
)
def test_what_imitates_our_marks_is_made_neutral(text: str, expected: str) -> None:
    assert neutralised(text) == expected


@given(st.text(st.sampled_from("[]12,3 \n\tNO_EVIDENCEx"), max_size=80))
def test_every_character_keeps_its_place(text: str) -> None:
    made = neutralised(text)
    assert len(made) == len(text)
    assert not re.search(MARKER, made)
    assert NO_EVIDENCE not in made
    changed = {(before, after) for before, after in zip(text, made, strict=True) if before != after}
    assert changed <= {("[", "［"), ("]", "］"), ("_", "-")}
    assert neutralised(made) == made


def test_markers_of_an_earlier_answer_are_taken_out_with_their_spaces() -> None:
    assert (
        without_markers("Call cancel() [1]. Then wait. [2][3]\n[4] Done")
        == "Call cancel(). Then wait.\n Done"
    )


@given(st.text(st.sampled_from("[]12, x"), max_size=60))
def test_no_marker_is_left_that_was_one(text: str) -> None:
    """What grows together behind it numbers nothing: it never stood in the text."""
    assert len(without_markers(text)) <= len(text)
    if not re.search(MARKER, text):
        assert without_markers(text) == text
