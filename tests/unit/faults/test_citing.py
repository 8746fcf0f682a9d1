"""A citation is held to the text of the version that it quotes, and to the answer that it belongs to."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.client import Json
from tests.faults.citing import faults_of_citations
from tests.faults.texts import body_of, new_mark

MARK = new_mark(random.Random(1))
BODY = body_of(MARK)
LINE = BODY.index("Line 1 ")
END = BODY.index("\n", LINE)


def citation(**facts: object) -> Json:
    right = {
        "index": 1,
        "quote": BODY[LINE:END],
        "range": {"start": 0, "end": 10},
        "documentRange": {"start": LINE, "end": END},
    }
    return {**right, **facts}


def faults(*citations: Json, text: str = "x" * 20) -> list[str]:
    return faults_of_citations({"text": text, "citations": list(citations)})


def test_what_stands_where_it_says_is_no_fault() -> None:
    assert faults(citation(), citation(index=2)) == []


def test_an_answer_without_citations_has_no_faults() -> None:
    assert faults_of_citations({"text": "x"}) == []


@given(st.integers(0, len(BODY)), st.integers(0, len(BODY)))
def test_a_quote_stands_only_where_it_was_taken_from(start: int, end: int) -> None:
    told = faults(citation(documentRange={"start": start, "end": end}))
    assert (told == []) == (BODY[start:end] == BODY[LINE:END])


@pytest.mark.parametrize(("start", "end"), [(0, 21), (-1, 5), (5, 5), (9, 3)])
def test_a_claim_outside_of_the_answer_is_a_fault(start: int, end: int) -> None:
    assert faults(citation(range={"start": start, "end": end})) == [
        f"citation 1 is at {start} to {end} of 20"
    ]


def test_words_that_are_not_in_the_document_are_a_fault() -> None:
    changed = BODY[LINE:END].replace("keeps", "holds")
    assert faults(citation(quote=changed)) == [f"citation 1 does not stand in {MARK} where it says"]


def test_words_of_no_document_or_of_two_are_a_fault() -> None:
    other = body_of(new_mark(random.Random(2)))
    told = faults(citation(quote="Who knows?"), citation(index=2, quote=BODY + other))
    assert told == ["citation 1 quotes 0 versions", "citation 2 quotes 2 versions"]
