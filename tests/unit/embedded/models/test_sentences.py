"""Cutting passages into quotable pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.embedded.models.sentences import LONGEST_PASSAGE, LONGEST_SENTENCE, Kind, Piece, split_pieces


def texts(passage: str) -> list[str]:
    return [piece.text for piece in split_pieces(passage)]


def kinds(passage: str) -> dict[str, Kind]:
    return {piece.text: piece.kind for piece in split_pieces(passage)}


def test_sentences_end_at_their_marks() -> None:
    assert texts("The loop runs tasks. It stops at once! Nobody knows why…\nThe end has come.") == [
        "The loop runs tasks.",
        "It stops at once!",
        "Nobody knows why…",
        "The end has come.",
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith met Mr. Jones in Washington.",
        "It costs 3.5 million, i.e. more than before.",
        "The U.S. Army arrived late.",
        "J. R. R. Tolkien wrote it in Oxford.",
        "See fig. 3 for the whole picture.",
        "Use task.cancel() to stop the task.",
        "He asked “why?” and went away.",
        "The version 3.11.7 is the newest.",
    ],
)
def test_a_full_stop_inside_a_sentence_does_not_end_it(sentence: str) -> None:
    assert texts(f"{sentence} Then it ended well.") == [sentence, "Then it ended well."]


def test_closing_quotes_and_brackets_stay_with_their_sentence() -> None:
    assert texts('He said "it is over." (Nobody listened to him.) She left the room.') == [
        'He said "it is over."',
        "(Nobody listened to him.)",
        "She left the room.",
    ]


def test_chinese_and_japanese_sentences_are_told_apart() -> None:
    assert texts("东京是日本的首都。它有很多人口！为什么呢？") == [
        "东京是日本的首都。",
        "它有很多人口！",
        "为什么呢？",
    ]


def test_a_sentence_over_several_lines_is_one() -> None:
    passage = "To cancel a running task use the cancel\nmethod; the task then raises an\nexception inside."
    assert texts(passage) == [passage.replace("\n", " ")]


def test_paragraphs_and_list_items_are_kept_apart() -> None:
    assert texts(
        "There are two ways to do it\n\n- wait for the task to end\n* cancel the whole group\n2. or exit"
    ) == [
        "There are two ways to do it",
        "wait for the task to end",
        "cancel the whole group",
    ]


@pytest.mark.parametrize(
    "fragment", ["Note:", "See also:", "Yes.", "***", "Two words", "For example, as above:"]
)
def test_a_fragment_is_never_a_piece(fragment: str) -> None:
    assert texts(f"{fragment}\n\nThe task stops when cancelled.") == ["The task stops when cancelled."]
    assert texts(fragment) == []


@pytest.mark.parametrize(
    "heading", ["# How tasks are cancelled", "How tasks are cancelled\n-----", "How tasks are cancelled"]
)
def test_headings_are_known_as_such(heading: str) -> None:
    assert kinds(f"{heading}\n\nCall the method named cancel.") == {
        "How tasks are cancelled": Kind.HEADING,
        "Call the method named cancel.": Kind.PROSE,
    }


def test_a_title_right_above_its_text_is_a_heading() -> None:
    assert kinds("Cancelling a running task\nCall the method named cancel.") == {
        "Cancelling a running task": Kind.HEADING,
        "Call the method named cancel.": Kind.PROSE,
    }


def test_fenced_code_is_code_and_its_fences_are_nothing() -> None:
    assert kinds(
        "Call it like this here.\n```python\nvalue is the whole result\n```\nIt returns at once then."
    ) == {
        "Call it like this here.": Kind.PROSE,
        "value is the whole result": Kind.CODE,
        "It returns at once then.": Kind.PROSE,
    }


@pytest.mark.parametrize(
    "line",
    [
        ">>> task.cancel() and wait",
        "    result = await main(loop, 3)",
        "if (a[i] == b[i]) { return c(d); }",
        "$ pip install the package",
    ],
)
def test_code_without_fences_is_code(line: str) -> None:
    assert kinds(f"{line}\n\nThe sentence after it.")[line.strip()] is Kind.CODE


@pytest.mark.parametrize("line", ["| name | of the | column |", "1990\t12\t13 people", "a | b c | d"])
def test_table_rows_are_tables(line: str) -> None:
    assert kinds(line) == {" ".join(line.split()): Kind.TABLE}


def test_questions_are_told_from_statements() -> None:
    passage = "## How do I cancel a task?\n\nWhy would you do that? Call the method named cancel."
    assert [piece.kind for piece in split_pieces(passage)] == [Kind.QUESTION, Kind.QUESTION, Kind.PROSE]


def test_text_without_an_end_is_cut_between_words() -> None:
    passage = "word " * 1000 + "end."
    pieces = texts(passage)
    assert all(len(piece) <= LONGEST_SENTENCE for piece in pieces)
    assert " ".join(pieces) == passage


def test_a_huge_word_is_cut_hard() -> None:
    pieces = texts("some words " + "x" * 2_000)
    assert all(len(piece) <= LONGEST_SENTENCE for piece in pieces)


@pytest.mark.parametrize(
    "hostile", ["." * 200_000 + "a", "! " * 100_000, "(" * 200_000, "|\t" * 100_000, "a\n" * 100_000]
)
def test_hostile_runs_are_read_in_linear_time_and_only_so_far(hostile: str) -> None:
    assert sum(len(piece) for piece in texts(hostile)) <= LONGEST_PASSAGE


words = st.lists(
    st.sampled_from(
        [
            "Task",
            "loop.",
            "e.g.",
            "runs?",
            "Note:",
            "\n",
            "\n\n",
            "# ",
            "- ",
            "| a |",
            "```",
            "    x = y()",
            "東京。",
            "\t",
        ]
    )
    | st.text(max_size=8),
    max_size=40,
)


@given(words)
def test_every_piece_stands_verbatim_in_the_passage(parts: list[str]) -> None:
    passage = " ".join(parts)
    collapsed = " ".join(passage.split())
    for piece in split_pieces(passage):
        assert piece.text in collapsed
        assert piece.text == " ".join(piece.text.split())
        assert isinstance(piece, Piece)
