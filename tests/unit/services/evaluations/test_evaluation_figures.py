"""Means with intervals, and what two runs of the same questions say about each other."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.ids import new_id
from lorebase.schemas.evaluations import WORSENED_SHOWN, CaseResult
from lorebase.services.evaluations.bootstrap import intervals
from lorebase.services.evaluations.evaluation_figures import compare, summarise

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=40)
RUN, BASELINE = new_id(), new_id()


def results(*scores: float) -> list[CaseResult]:
    return [
        CaseResult(
            case_id=UUID(int=place),
            position=place,
            query=f"question {place}",
            ndcg_at_10=score,
            recall_at_100=1 - score,
            reciprocal_rank_at_10=score / 2,
        )
        for place, score in enumerate(scores, 1)
    ]


def test_the_figures_of_a_run_are_means_with_their_intervals() -> None:
    metrics = summarise(results(0.0, 0.5, 1.0, 0.5))
    assert (metrics.ndcg_at_10, metrics.recall_at_100, metrics.mrr_at_10) == (0.5, 0.5, 0.25)
    assert 0.0 <= metrics.ndcg_at_10_interval.lower < 0.5 < metrics.ndcg_at_10_interval.upper <= 1.0
    # The reciprocal ranks are half as wide as the others, and are resampled together with them.
    assert metrics.mrr_at_10_interval.lower == pytest.approx(metrics.ndcg_at_10_interval.lower / 2)


def test_the_same_results_always_give_the_same_interval() -> None:
    rows = [(score / 7,) for score in range(8)]
    assert intervals(rows) == intervals(rows)


def test_more_questions_make_it_surer() -> None:
    few, many = intervals([(0.0,), (1.0,)] * 5)[0], intervals([(0.0,), (1.0,)] * 500)[0]
    assert many.upper - many.lower < (few.upper - few.lower) / 5


def test_the_interval_is_about_that_of_the_normal_distribution() -> None:
    """The standard error of 400 coin tosses is 0.025: 1.96 of them on either side."""
    (interval,) = intervals([(0.0,), (1.0,)] * 200)
    assert interval.lower == pytest.approx(0.5 - 0.049, abs=0.006)
    assert interval.upper == pytest.approx(0.5 + 0.049, abs=0.006)


@given(SCORES)
def test_an_interval_lies_within_the_scores(scores: list[float]) -> None:
    (interval,) = intervals([(score,) for score in scores])
    assert min(scores) - 1e-9 <= interval.lower <= interval.upper <= max(scores) + 1e-9


def test_a_run_that_lost_everywhere_is_worse() -> None:
    found = compare(RUN, results(*[0.4] * 30), BASELINE, results(*[0.5] * 29, 0.45))
    assert found.is_worse
    assert not found.is_better
    assert found.change == pytest.approx(-0.0983, abs=1e-4)
    assert (found.worsened_count, found.improved_count) == (30, 0)
    assert len(found.worsened) == WORSENED_SHOWN


def test_what_gained_and_lost_alike_is_no_sure_difference() -> None:
    before, after = [0.5] * 40, [0.7, 0.3] * 20
    found = compare(RUN, results(*after), BASELINE, results(*before))
    assert (found.is_worse, found.is_better) == (False, False)
    assert found.interval.lower < 0 < found.interval.upper


def test_a_run_that_gained_is_better_and_says_what_got_worse_all_the_same() -> None:
    found = compare(RUN, results(*[0.9] * 20, 0.1, 0.3), BASELINE, results(*[0.5] * 20, 0.8, 0.4))
    assert found.is_better
    assert [(delta.query, delta.before, delta.after) for delta in found.worsened] == [
        ("question 21", 0.8, 0.1),
        ("question 22", 0.4, 0.3),
    ]


@given(SCORES)
def test_a_run_is_neither_worse_nor_better_than_itself(scores: list[float]) -> None:
    found = compare(RUN, results(*scores), BASELINE, results(*scores))
    assert (found.change, found.is_worse, found.is_better, found.worsened) == (0.0, False, False, ())


@given(SCORES, SCORES)
def test_turned_round_a_comparison_says_the_opposite(one: list[float], other: list[float]) -> None:
    size = min(len(one), len(other))
    first, second = results(*one[:size]), results(*other[:size])
    there, back = compare(RUN, first, BASELINE, second), compare(BASELINE, second, RUN, first)
    assert there.change == pytest.approx(-back.change)
    assert (there.improved_count, there.worsened_count) == (back.worsened_count, back.improved_count)
