"""What a ranking is worth, against figures of ir-measures and against rules that hold for all rankings."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.evaluations.retrieval_metrics import RANKED, score_case

# Made by ir-measures 0.4.3 over trec_eval; `python -m tests.bench.retrieval.reference` makes them anew.
REFERENCE = json.loads((Path(__file__).parent / "retrieval_reference.json").read_text())

KEYS = st.sampled_from([f"d{number}" for number in range(150)])
GRADES = st.dictionaries(KEYS, st.integers(1, 4), min_size=1, max_size=20)
RANKINGS = st.lists(KEYS, unique=True, max_size=150)


@pytest.mark.parametrize("case", REFERENCE, ids=range(len(REFERENCE)))
def test_the_scores_are_those_of_trec_eval(case: dict[str, dict[str, float]]) -> None:
    ranked = [key if key in case["grades"] else None for key in case["ranked"]]
    scores = score_case(ranked, case["grades"])  # type: ignore[arg-type]
    assert scores.ndcg_at_10 == pytest.approx(case["scores"]["ndcg"], abs=1e-6)
    assert scores.recall_at_100 == pytest.approx(case["scores"]["recall"], abs=1e-6)
    assert scores.reciprocal_rank_at_10 == pytest.approx(case["scores"]["rank"], abs=1e-6)


def test_the_best_ranking_scores_one_everywhere() -> None:
    scores = score_case(["b", "a", None], {"a": 1, "b": 3})
    assert (scores.ndcg_at_10, scores.recall_at_100, scores.reciprocal_rank_at_10) == (1.0, 1.0, 1.0)


def test_nothing_found_scores_nothing() -> None:
    scores = score_case([None] * 100, {"a": 1})
    assert (scores.ndcg_at_10, scores.recall_at_100, scores.reciprocal_rank_at_10) == (0.0, 0.0, 0.0)


def test_the_better_document_belongs_first() -> None:
    grades = {"good": 3, "fair": 1}
    swapped = (1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3))
    assert score_case(["fair", "good"], grades).ndcg_at_10 == pytest.approx(swapped)


def test_a_document_counts_once_and_where_it_first_stands() -> None:
    assert score_case(["a", "a", "a"], {"a": 1, "b": 1}).recall_at_100 == 0.5
    assert score_case([None, "a", "a"], {"a": 1}).reciprocal_rank_at_10 == 0.5


@pytest.mark.parametrize(
    ("rank", "expected"),
    [(10, (True, True)), (11, (False, True)), (100, (False, True)), (101, (False, False))],
)
def test_each_score_looks_as_far_as_its_name_says(rank: int, expected: tuple[bool, bool]) -> None:
    scores = score_case([*[None] * (rank - 1), "a"], {"a": 1})
    near, far = expected
    assert (scores.ndcg_at_10 > 0, scores.reciprocal_rank_at_10 > 0) == (near, near)
    assert (scores.recall_at_100 > 0) is far


@given(RANKINGS, GRADES)
def test_scores_are_shares(ranking: list[str], grades: dict[str, int]) -> None:
    scores = score_case(ranking, grades)
    assert all(0 <= score <= 1 for score in scores.model_dump().values())
    assert (scores.reciprocal_rank_at_10 > 0) == (scores.ndcg_at_10 > 0)
    if scores.recall_at_100 == 0:
        assert scores.ndcg_at_10 == 0


@given(RANKINGS, GRADES, st.integers(0, 8))
def test_a_relevant_document_that_rises_never_makes_it_worse(
    ranking: list[str], grades: dict[str, int], place: int
) -> None:
    if place + 1 >= len(ranking) or ranking[place] in grades:
        return
    risen = [*ranking]
    risen[place], risen[place + 1] = risen[place + 1], risen[place]
    before, after = score_case(ranking, grades), score_case(risen, grades)
    assert after.ndcg_at_10 >= before.ndcg_at_10
    assert after.recall_at_100 == before.recall_at_100 or place + 1 == RANKED
