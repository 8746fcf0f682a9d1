"""From the results of single questions to the figures of a run, and of two runs compared."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from uuid import UUID

from lorebase.schemas.evaluations import (
    WORSENED_SHOWN,
    CaseResult,
    EvaluationComparison,
    EvaluationDelta,
    EvaluationMetrics,
)
from lorebase.services.evaluations.bootstrap import intervals

# Smaller changes are rounding: sums of the same gains in another order.
_SAME = 1e-9


def summarise(results: Sequence[CaseResult]) -> EvaluationMetrics:
    """Means over at least one question, with their intervals."""
    rows = [(each.ndcg_at_10, each.recall_at_100, each.reciprocal_rank_at_10) for each in results]
    ndcg, recall, rank = zip(*rows, strict=True)
    of_ndcg, of_recall, of_rank = intervals(rows)
    return EvaluationMetrics(
        ndcg_at_10=fmean(ndcg),
        ndcg_at_10_interval=of_ndcg,
        recall_at_100=fmean(recall),
        recall_at_100_interval=of_recall,
        mrr_at_10=fmean(rank),
        mrr_at_10_interval=of_rank,
    )


def compare(
    run_id: UUID, now: Sequence[CaseResult], baseline_id: UUID, before: Sequence[CaseResult]
) -> EvaluationComparison:
    """What changed from the baseline to the run, over the questions that both have (at least one)."""
    earlier = {each.case_id: each.ndcg_at_10 for each in before}
    deltas = [
        EvaluationDelta(query=each.query, before=earlier[each.case_id], after=each.ndcg_at_10)
        for each in now
        if each.case_id in earlier
    ]
    changes = [delta.after - delta.before for delta in deltas]
    worse = sorted((d for d in deltas if d.after - d.before < -_SAME), key=lambda d: d.after - d.before)
    (interval,) = intervals([(change,) for change in changes])
    return EvaluationComparison(
        run_id=run_id,
        baseline_id=baseline_id,
        change=fmean(changes),
        interval=interval,
        worsened_count=len(worse),
        improved_count=sum(change > _SAME for change in changes),
        worsened=tuple(worse[:WORSENED_SHOWN]),
    )
