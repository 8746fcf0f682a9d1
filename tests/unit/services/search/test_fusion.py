"""Fusion: shares of each leg, weights, and an order that never wavers."""

from __future__ import annotations

from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.schemas.search import ScoredChunk
from lorebase.services.search.fusion import (
    NOTHING,
    FusedCandidate,
    fuse,
    fuse_by_rank,
    keyword_leg,
    vector_leg,
)


def hit(number: int, score: float) -> ScoredChunk:
    return ScoredChunk(chunk_id=UUID(int=number), document_id=UUID(int=0), generation=1, score=score)


def test_keyword_scores_are_divided_by_the_best() -> None:
    assert keyword_leg([hit(1, 8.0), hit(2, 2.0)]).shares == {UUID(int=1): 1.0, UUID(int=2): 0.25}


def test_cosines_are_stretched_from_worst_to_best() -> None:
    shares = vector_leg([[hit(1, 0.9), hit(2, 0.6), hit(3, 0.5)]]).shares
    assert shares == {UUID(int=1): 1.0, UUID(int=2): pytest.approx(0.25), UUID(int=3): 0.0}


def test_cosines_that_are_all_the_same_count_fully() -> None:
    assert set(vector_leg([[hit(1, 0.5), hit(2, 0.5)]]).shares.values()) == {1.0}
    assert vector_leg([[hit(1, -0.3)]]).shares == {UUID(int=1): 1.0}


def test_a_passage_one_leg_missed_counts_nothing_there() -> None:
    fused = fuse(vector_leg([[hit(1, 0.9), hit(2, 0.1)]]), keyword_leg([hit(3, 5.0), hit(1, 2.5)]), 0.4)
    assert [(entry.chunk_id.int, round(entry.score, 6)) for entry in fused] == [(1, 0.7), (3, 0.6), (2, 0.0)]
    first, third = fused[0], fused[1]
    assert (first.vector_rank, first.keyword_rank) == (1, 2)
    assert (first.vector_score, first.keyword_score) == (0.9, 2.5)
    assert (third.vector_rank, third.vector_score, third.keyword_rank) == (None, None, 1)


def test_the_weight_decides_between_the_legs() -> None:
    legs = vector_leg([[hit(1, 0.9), hit(2, 0.1)]]), keyword_leg([hit(2, 5.0)])
    assert [entry.chunk_id.int for entry in fuse(*legs, 0.4)] == [2, 1]
    assert [entry.chunk_id.int for entry in fuse(*legs, 0.6)] == [1, 2]


def test_one_leg_alone_keeps_its_order() -> None:
    alone = fuse(vector_leg([[hit(2, 0.4), hit(1, 0.8), hit(3, 0.1)]]), NOTHING, 1.0)
    assert [entry.chunk_id.int for entry in alone] == [1, 2, 3]
    assert all(entry.keyword_score is None for entry in alone)


def test_models_that_cannot_be_compared_are_merged_by_rank() -> None:
    merged = vector_leg([[hit(1, 0.9), hit(2, 0.8)], [hit(3, 0.2), hit(4, 0.1)]])
    assert [entry.chunk_id.int for entry in fuse(merged, NOTHING, 1.0)] == [1, 3, 2, 4]
    assert merged.shares[UUID(int=1)] == merged.shares[UUID(int=3)] == 1.0
    assert merged.scores[UUID(int=3)] == 0.2


def test_an_empty_list_of_one_model_does_not_change_the_other() -> None:
    assert vector_leg([[], [hit(1, 0.9), hit(2, 0.5)]]) == vector_leg([[hit(1, 0.9), hit(2, 0.5)]])


def test_nothing_found_is_nothing() -> None:
    assert fuse(vector_leg([]), keyword_leg([]), 0.4) == []


def test_keyword_scores_of_zero_divide_nothing() -> None:
    assert keyword_leg([hit(1, 0.0)]).shares == {UUID(int=1): 0.0}


scores = st.dictionaries(st.integers(1, 30), st.floats(-1, 1), max_size=20)
positive = st.dictionaries(st.integers(1, 30), st.floats(0, 50), max_size=20)


@given(scores, positive, st.floats(0, 1), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_arrival(
    cosines: dict[int, float], weights: dict[int, float], share: float, dice: Random
) -> None:
    vector, keyword = ([hit(n, score) for n, score in leg.items()] for leg in (cosines, weights))
    fused = fuse(vector_leg([vector]), keyword_leg(keyword), share)
    dice.shuffle(vector)
    dice.shuffle(keyword)
    assert fuse(vector_leg([vector]), keyword_leg(keyword), share) == fused
    assert {entry.chunk_id.int for entry in fused} == cosines.keys() | weights.keys()
    assert all(0 <= entry.score <= 1 + 1e-9 for entry in fused)
    ties = [(-entry.score, entry.chunk_id) for entry in fused]
    assert ties == sorted(ties)


def by_vector(*hits: ScoredChunk) -> list[FusedCandidate]:
    return fuse(vector_leg([hits]), NOTHING, 1.0)


def by_words(*hits: ScoredChunk) -> list[FusedCandidate]:
    return fuse(NOTHING, keyword_leg(hits), 0.0)


def test_what_several_queries_find_comes_before_what_one_finds() -> None:
    first = by_vector(hit(1, 0.9), hit(2, 0.8))
    second = by_vector(hit(3, 0.9), hit(2, 0.1))
    fused = fuse_by_rank([first, second], [1.0, 1.0])
    assert [entry.chunk_id.int for entry in fused] == [2, 1, 3]
    assert fused[0].score == pytest.approx(61 / 62)
    assert fused[1].score == fused[2].score == 0.5


def test_a_candidate_of_several_queries_keeps_its_best_score_and_rank_of_each_leg() -> None:
    first = by_vector(hit(1, 0.9), hit(2, 0.3))
    second = by_vector(hit(2, 0.6), hit(1, 0.2))
    third = by_words(hit(2, 7.0))
    [one] = [e for e in fuse_by_rank([first, second, third], [1.0] * 3) if e.chunk_id.int == 2]
    assert (one.vector_score, one.vector_rank, one.keyword_score, one.keyword_rank) == (0.6, 1, 7.0, 1)


def test_a_list_that_weighs_less_moves_less() -> None:
    plain = by_vector(hit(1, 0.9), hit(2, 0.8), hit(3, 0.7))
    other = by_vector(hit(3, 0.9), hit(2, 0.1))
    assert [e.chunk_id.int for e in fuse_by_rank([plain, other], [1.0, 1.0])] == [3, 2, 1]
    assert [e.chunk_id.int for e in fuse_by_rank([plain, other], [1.0, 0.001])] == [1, 2, 3]


lists = st.lists(st.tuples(scores, positive, st.floats(0, 1)), min_size=1, max_size=6)


@given(lists, st.data())
def test_no_query_loses_a_candidate_and_the_original_stays_whole(
    found: list[tuple[dict[int, float], dict[int, float], float]], data: st.DataObject
) -> None:
    fused_each = [
        fuse(
            vector_leg([[hit(n, score) for n, score in cosines.items()]]),
            keyword_leg([hit(n, score) for n, score in words.items()]),
            share,
        )
        for cosines, words, share in found
    ]
    weights = data.draw(st.lists(st.floats(0.1, 1), min_size=len(found), max_size=len(found)))
    together = fuse_by_rank(fused_each, weights)
    ids = [entry.chunk_id for entry in together]
    assert len(set(ids)) == len(ids)
    assert set(ids) == {entry.chunk_id for each in fused_each for entry in each}
    assert all(0 < entry.score <= 1 + 1e-9 for entry in together)
    ties = [(-entry.score, entry.chunk_id) for entry in together]
    assert ties == sorted(ties)


@given(scores, positive, st.floats(0, 1))
def test_one_query_keeps_the_order_that_its_legs_have(
    cosines: dict[int, float], words: dict[int, float], share: float
) -> None:
    legs = (
        vector_leg([[hit(n, score) for n, score in cosines.items()]]),
        keyword_leg([hit(n, score) for n, score in words.items()]),
    )
    alone = fuse(*legs, share)
    assert [e.chunk_id for e in fuse_by_rank([alone], [1.0])] == [e.chunk_id for e in alone]
