"""Choosing what to quote, and when to refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.embedded.models.embedding_queue import open_embedding_queue
from lorebase.embedded.models.extractive import (
    MOST_QUOTES,
    NO_EVIDENCE,
    ExtractiveAnswerer,
    Quote,
    render,
    select,
)
from lorebase.embedded.models.prompt_reading import AnswerPrompt, Passage
from lorebase.embedded.models.ranking import Candidate, Scored
from lorebase.embedded.models.sentences import Kind, Piece

from .fake_encoder import FakeEncoder


def scored(text: str, score: float, passage: int = 1, kind: Kind = Kind.PROSE) -> Scored:
    candidate = Candidate(
        piece=Piece(text, kind),
        passage=passage,
        rank=passage - 1,
        overlap=0,
        overlap_with_context=0,
        passage_overlap=0,
        expected_form=False,
        flaws=0,
    )
    return Scored(candidate, score)


def chosen(*ranked: Scored, threshold: float = 0.5) -> list[str]:
    return [quote.text for quote in select(ranked, threshold)]


def test_what_stays_below_the_threshold_is_not_quoted() -> None:
    assert chosen(scored("Nearly.", 0.49)) == []
    assert chosen(scored("Just.", 0.5)) == ["Just."]


def test_sentences_of_the_best_passage_complete_the_answer() -> None:
    assert chosen(scored("Best.", 0.9), scored("Good.", 0.75), scored("Weak.", 0.6)) == ["Best.", "Good."]


def test_sentences_of_other_passages_must_be_as_good() -> None:
    assert chosen(scored("Best.", 0.9), scored("Same.", 0.89, 2), scored("Good.", 0.8, 3)) == [
        "Best.",
        "Same.",
    ]


def test_there_are_at_most_three_quotes() -> None:
    assert len(chosen(*(scored(f"Sentence {n}.", 0.9) for n in range(9)))) == MOST_QUOTES


def test_a_sentence_inside_another_is_not_repeated() -> None:
    assert chosen(scored("It is so.", 0.9), scored("He said: It is so.", 0.9), scored("so.", 0.9)) == [
        "It is so."
    ]


@pytest.mark.parametrize("kind", [Kind.HEADING, Kind.TABLE, Kind.CODE])
def test_other_than_prose_is_quoted_only_where_no_prose_is_good_enough(kind: Kind) -> None:
    line = scored("x = y()", 0.95, kind=kind)
    assert chosen(line, scored("Prose.", 0.6)) == ["Prose."]
    assert chosen(line, scored("Prose.", 0.4)) == ["x = y()"]


def test_the_answer_has_a_line_for_each_quote() -> None:
    assert render([Quote("It is so.", 2, 0.9), Quote("And so.", 1, 0.8)]) == "It is so. [2]\nAnd so. [1]"


def test_no_quotes_render_as_no_evidence() -> None:
    assert render([]) == NO_EVIDENCE == "NO_EVIDENCE"


@pytest.fixture
async def answerer() -> AsyncIterator[ExtractiveAnswerer]:
    async with open_embedding_queue(FakeEncoder(), threads=1) as queue:
        yield ExtractiveAnswerer(queue)


def prompt(question: str, *texts: str) -> AnswerPrompt:
    return AnswerPrompt(question, tuple(Passage(n, text) for n, text in enumerate(texts, 3)))


async def test_the_answering_sentence_is_quoted_from_its_passage(answerer: ExtractiveAnswerer) -> None:
    quotes = await answerer.answer(
        prompt(
            "Who painted the Mona Lisa?",
            "The Louvre is in Paris. It opened long ago.",
            "Many people visit it. Leonardo painted the Mona Lisa.",
        )
    )
    assert [(quote.text, quote.passage) for quote in quotes] == [("Leonardo painted the Mona Lisa.", 4)]


async def test_unrelated_passages_are_no_evidence(answerer: ExtractiveAnswerer) -> None:
    assert (
        await answerer.answer(prompt("Who painted the Mona Lisa?", "Bread needs flour, water and salt."))
        == []
    )


async def test_without_question_or_passages_there_is_no_evidence(answerer: ExtractiveAnswerer) -> None:
    assert await answerer.answer(prompt("Who painted it?")) == []
    assert await answerer.answer(prompt("", "Leonardo painted the Mona Lisa.")) == []


ranked_lists = st.lists(
    st.builds(scored, st.text(min_size=1), st.floats(0, 1), st.integers(1, 3), st.sampled_from(Kind)),
    max_size=8,
).map(lambda found: sorted(found, key=lambda one: -one.score))


@given(ranked_lists, st.floats(0, 1))
def test_quotes_are_few_good_enough_and_in_order_of_score(ranked: list[Scored], threshold: float) -> None:
    quotes = select(ranked, threshold)
    assert len(quotes) <= MOST_QUOTES
    assert bool(quotes) == any(one.score >= threshold for one in ranked)
    assert all(quote.score >= threshold for quote in quotes)
    assert [quote.score for quote in quotes] == sorted((quote.score for quote in quotes), reverse=True)
