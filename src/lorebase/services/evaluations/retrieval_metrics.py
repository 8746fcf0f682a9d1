"""What a ranking is worth: nDCG, recall and reciprocal rank over graded documents.

Definitions of trec_eval (https://github.com/usnistgov/trec_eval): `ndcg_cut.10` with the grade itself as
gain, `recall.100`, and `recip_rank` cut at 10. A test compares them with ir-measures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from lorebase.schemas.evaluations import CaseScores

RANKED = 100
_NEAR = 10


def score_case(ranked: Sequence[str | None], grades: Mapping[str, int]) -> CaseScores:
    """The scores of one ranking: keys of documents best first, None for any that is not relevant.

    A document counts where it first stands. `grades` maps each relevant document to 1 or more.
    """
    gains = _gains(ranked, grades)
    return CaseScores(
        ndcg_at_10=_ndcg(gains[:_NEAR], grades),
        recall_at_100=sum(gain > 0 for gain in gains[:RANKED]) / len(grades),
        reciprocal_rank_at_10=next((1 / rank for rank, gain in enumerate(gains[:_NEAR], 1) if gain), 0.0),
    )


def _gains(ranked: Sequence[str | None], grades: Mapping[str, int]) -> list[int]:
    left = dict(grades)
    return [left.pop(key, 0) if key is not None else 0 for key in ranked]


def _ndcg(gains: Sequence[int], grades: Mapping[str, int]) -> float:
    best = sorted(grades.values(), reverse=True)[:_NEAR]
    return _discounted(gains) / _discounted(best)


def _discounted(gains: Iterable[int]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
