"""Postings on their way into PostgreSQL: signed, sorted, in batches."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from lorebase.repositories.sql.keyword_postings import _batches, _signed, _statement
from lorebase.schemas.search import KeywordPosting, KeywordQuery

terms = st.integers(0, 2**32 - 1)


@given(st.lists(terms, unique=True))
def test_unsigned_hashes_fit_an_integer_and_stay_apart(hashes: list[int]) -> None:
    signed = [_signed(term) for term in hashes]
    assert all(-(2**31) <= term < 2**31 for term in signed)
    assert len(set(signed)) == len(hashes)
    assert [term % 2**32 for term in signed] == hashes


@given(st.lists(st.tuples(terms, st.integers(0, 50)), unique=True, max_size=200))
def test_postings_are_sent_in_the_order_of_the_index(pairs: list[tuple[int, int]]) -> None:
    postings = [KeywordPosting(term=term, chunk_id=UUID(int=chunk), weight=1.0) for term, chunk in pairs]
    sent = [
        pair for arrays in _batches(postings) for pair in zip(arrays["terms"], arrays["chunks"], strict=True)
    ]
    assert sent == sorted((_signed(term), UUID(int=chunk)) for term, chunk in pairs)


def test_a_batch_is_bounded() -> None:
    postings = [KeywordPosting(term=number, chunk_id=UUID(int=0), weight=1.0) for number in range(20_001)]
    assert [len(arrays["terms"]) for arrays in _batches(postings)] == [20_000, 1]


def test_no_postings_make_no_statement() -> None:
    assert list(_batches([])) == []


@given(st.lists(terms, min_size=1))
def test_each_term_is_asked_once(asked: list[int]) -> None:
    query = KeywordQuery(terms=tuple(asked), analyser_version=1, limit=5, knowledge_base_ids=())
    _, values = _statement(query)
    assert values["terms"] == sorted({_signed(term) for term in asked})
