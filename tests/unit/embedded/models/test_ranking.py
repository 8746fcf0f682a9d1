"""Scoring pieces by what they share with the question."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.embedded.models.prompt_reading import AnswerPrompt, Passage
from lorebase.embedded.models.ranking import EMBEDDED_PIECES, Candidate, gather, score
from lorebase.embedded.models.sentences import Kind


def prompt(question: str, *texts: str, heading: str = "") -> AnswerPrompt:
    return AnswerPrompt(question, tuple(Passage(i, text, heading) for i, text in enumerate(texts, 1)))


def found(question: str, *texts: str, heading: str = "") -> dict[str, Candidate]:
    return {c.piece.text: c for c in gather(prompt(question, *texts, heading=heading))}


def vector(*numbers: float) -> np.ndarray:
    array = np.array(numbers, np.float32)
    return array / np.linalg.norm(array)


def test_the_piece_that_shares_the_rare_words_is_the_most_promising() -> None:
    best = gather(
        prompt("Who painted the Mona Lisa?", "The museum is large. Leonardo painted the Mona Lisa.")
    )[0]
    assert best.piece.text == "Leonardo painted the Mona Lisa."
    assert best.overlap == 1.0


def test_overlap_is_a_share_of_the_question() -> None:
    candidates = found("When was the museum built?", "The museum is very large. It has many rooms.")
    assert 0 < candidates["The museum is very large."].overlap < 1
    assert candidates["It has many rooms."].overlap == 0


def test_a_sentence_is_read_with_the_one_before() -> None:
    candidates = found("When was the museum built?", "The museum is very large. It has many rooms.")
    follower = candidates["It has many rooms."]
    assert follower.overlap_with_context == candidates["The museum is very large."].overlap


def test_every_sentence_is_read_with_the_passage_s_heading() -> None:
    candidates = found(
        "How are tasks cancelled?", "Wait a little first. Call that one method.", heading="Cancelled tasks"
    )
    assert candidates["Call that one method."].overlap_with_context == 1.0
    assert candidates["Call that one method."].overlap == 0.0


def test_context_does_not_cross_passages() -> None:
    candidates = found("Where is the museum?", "The museum is large.", "It has many rooms.")
    assert candidates["It has many rooms."].overlap_with_context == 0


def test_every_piece_knows_its_passage() -> None:
    candidates = found("What?", "The first text here.", "The second text here.")
    assert {text: c.passage for text, c in candidates.items()} == {
        "The first text here.": 1,
        "The second text here.": 2,
    }


def test_a_text_that_stands_in_two_passages_is_taken_from_the_better_one() -> None:
    candidates = gather(prompt("What?", "Only this one here.", "Only this one here. And another one."))
    assert [(c.piece.text, c.passage) for c in candidates if "Only" in c.piece.text] == [
        ("Only this one here.", 1)
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many rooms are there?", "It has 12 rooms now."),
        ("When did it open its doors?", "It has 12 rooms now."),
        ("In which year was it built?", "It has 12 rooms now."),
        ("Who is the owner of it?", "Then came Ada Lovelace herself."),
    ],
)
def test_the_form_that_the_question_asks_for_is_noticed(question: str, expected: str) -> None:
    candidates = found(
        question, "It has 12 rooms now. Then came Ada Lovelace herself. Nothing else was seen."
    )
    assert [text for text, c in candidates.items() if c.expected_form] == [expected]


def test_a_sentence_that_begins_with_the_verb_asked_for_looks_like_an_answer() -> None:
    candidates = found(
        "How do I remove all items from a deque?",
        "Remove all elements from it, leaving none. It raises an error when there are none to remove.",
    )
    assert [text.split()[0] for text, c in candidates.items() if c.expected_form] == ["Remove"]


CANCEL = "cancel(msg=None)\n\nRequest the thing to end soon. It then ends with an error of its own."
CANCEL_HEADING = "Coroutines and Tasks > asyncio.Task > cancel"


def test_what_defines_the_thing_asked_for_is_read_with_its_heading() -> None:
    candidates = found("How do I cancel an asyncio task?", CANCEL, heading=CANCEL_HEADING)
    definition = candidates["Request the thing to end soon."]
    assert definition.overlap == 1.0
    assert definition.expected_form > 0
    other = candidates["It then ends with an error of its own."]
    assert (other.overlap, other.expected_form) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("question", "text", "heading"),
    [
        ("What is an asyncio task?", CANCEL, CANCEL_HEADING),
        ("How do I start an asyncio task?", CANCEL, CANCEL_HEADING),
        ("How do I cancel an asyncio task?", f"loudly_{CANCEL}", "Coroutines and Tasks > loudly_cancel"),
        ("How do I cancel an asyncio task?", CANCEL.partition("\n\n")[2], CANCEL_HEADING),
        ("How do I cancel an asyncio task?", CANCEL, ""),
    ],
)
def test_other_first_sentences_are_read_as_they_stand(question: str, text: str, heading: str) -> None:
    """Another question, another action, a heading that says more, a passage from the middle of a section."""
    sentence = found(question, text, heading=heading)["Request the thing to end soon."]
    assert (sentence.overlap, sentence.expected_form) == (0.0, 0.0)


def test_questions_are_context_but_never_quoted() -> None:
    candidates = found("How do I cancel a task?", "How do I cancel a task?\n\nCall that one method.")
    assert list(candidates) == ["Call that one method."]
    assert candidates["Call that one method."].overlap_with_context == 1.0


@pytest.mark.parametrize(
    ("text", "flaws"),
    [
        ("It is so says the source.", 0),
        ("It is so says the source [2].", 1),
        ("It is so says the source [9].", 0),
        ("Take the item[0] of it.", 0),
        ("of venv is now recommended.", 1),
        ("These are the many ways in which a task may come to its end:", 1),
        ("and these are the many ways to come to an end as in [1]:", 3),
    ],
)
def test_what_would_mislead_as_a_quote_is_counted(text: str, flaws: int) -> None:
    assert found("What?", text, "Another passage.")[text].flaws == flaws


def test_only_so_many_pieces_are_embedded() -> None:
    texts = [f"This is the sentence {n} of many. " * 1 for n in range(200)]
    candidates = gather(
        prompt("Which sentence is number 150 of them?", "".join(texts[:100]), "".join(texts[100:]))
    )
    assert len(candidates) == EMBEDDED_PIECES
    assert candidates[0].piece.text == "This is the sentence 150 of many."


def test_nothing_to_quote_gives_no_candidates() -> None:
    assert gather(prompt("Why?")) == []
    assert gather(prompt("Why?", "", "Note:", "# \n")) == []


def test_the_piece_nearest_to_the_question_scores_best() -> None:
    candidates = gather(prompt("xyzzy", "The first text here.", "The second text here."))
    vectors = [vector(1, 0) if "second" in c.piece.text else vector(0, 1) for c in candidates]
    ranked = score(vector(1, 0), candidates, vectors)
    assert [one.candidate.passage for one in ranked] == [2, 1]
    assert ranked[0].score > ranked[1].score


def test_a_passage_that_is_near_as_a_whole_lifts_its_sentences() -> None:
    texts = ("Alpha has one row. Beta has one row.", "Gamma has one row. Delta has one row.")
    candidates = gather(prompt("xyzzy", *texts))
    near = {"Alpha": vector(1, 1), "Beta": vector(1, 0), "Gamma": vector(1, 1), "Delta": vector(0, 1)}
    ranked = score(vector(1, 0), candidates, [near[c.piece.text.split()[0]] for c in candidates])
    order = [one.candidate.piece.text.split()[0] for one in ranked]
    assert order.index("Alpha") < order.index("Gamma")


def test_a_flaw_costs_score() -> None:
    candidates = gather(prompt("xyzzy", "It is so indeed [1].", "It is so indeed (1)."))
    ranked = score(vector(1, 0), candidates, [vector(1, 0)] * 2)
    assert [one.candidate.flaws for one in ranked] == [0, 1]


texts = st.lists(st.text(alphabet="abc DE.?\n|#`12[]", max_size=80), max_size=4)


@given(st.text(max_size=40), texts)
def test_scores_stay_in_bounds_and_in_order(question: str, passages: list[str]) -> None:
    candidates = gather(prompt(question, *passages))
    assert all(0 <= c.overlap <= c.overlap_with_context <= 1.0001 for c in candidates)
    assert all(c.piece.kind is not Kind.QUESTION for c in candidates)
    ranked = score(vector(1, 0), candidates, [vector(1, 1)] * len(candidates))
    scores = [one.score for one in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(-0.5 <= one <= 1.0001 for one in scores)
