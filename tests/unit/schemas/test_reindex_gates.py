"""The verdict of a gate follows from the means and from what may be lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.ids import new_id
from lorebase.schemas.evaluations import EvaluationMetrics, EvaluationRun, Interval
from lorebase.schemas.reindex_gates import GateOutcome, GateVerdict, ReindexGate
from lorebase.schemas.search import SearchMode
from tests.fakes.clock import START

SHARES = st.floats(0, 1)
MEANS = st.tuples(SHARES, SHARES, SHARES)
FALLS = st.tuples(SHARES, st.none() | SHARES, st.none() | SHARES)
ROUNDING = 1e-9


def run_of(means: tuple[float, float, float] | None) -> EvaluationRun:
    sure = Interval(lower=0.0, upper=1.0)
    metrics = None
    if means is not None:
        ndcg, recall, rank = means
        metrics = EvaluationMetrics(
            ndcg_at_10=ndcg,
            ndcg_at_10_interval=sure,
            recall_at_100=recall,
            recall_at_100_interval=sure,
            mrr_at_10=rank,
            mrr_at_10_interval=sure,
        )
    return EvaluationRun(
        id=new_id(),
        workspace_id=new_id(),
        set_id=new_id(),
        knowledge_base_id=new_id(),
        index_id=new_id(),
        job_id=new_id(),
        mode=SearchMode.HYBRID,
        compare_with_run_id=None,
        metrics=metrics,
        created_at=START,
        updated_at=START,
    )


def gate_of(falls: tuple[float, float | None, float | None]) -> ReindexGate:
    ndcg, recall, rank = falls
    return ReindexGate(
        evaluation_set_id=new_id(), max_ndcg_drop=ndcg, max_recall_drop=recall, max_mrr_drop=rank
    )


@given(MEANS, MEANS, FALLS)
def test_refused_is_what_loses_more_than_accepted_of_any_mean_that_is_looked_at(
    before: tuple[float, float, float],
    after: tuple[float, float, float],
    falls: tuple[float, float | None, float | None],
) -> None:
    outcome = GateOutcome(gate=gate_of(falls), baseline=run_of(before), run=run_of(after))
    losses = zip(before, after, falls, strict=True)
    expected = any(fall is not None and old - new > fall + ROUNDING for old, new, fall in losses)
    assert outcome.verdict is (GateVerdict.REFUSED if expected else GateVerdict.PASSED)
    assert len(outcome.changes) == sum(fall is not None for fall in falls)


@given(MEANS, MEANS)
def test_what_finds_no_less_passes_whatever_is_accepted(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> None:
    lower, upper = (tuple(map(chosen, one, other)) for chosen in (min, max))
    gate = gate_of((0.0, 0.0, 0.0))
    outcome = GateOutcome(gate=gate, baseline=run_of(lower), run=run_of(upper))  # type: ignore[arg-type]
    assert outcome.verdict is GateVerdict.PASSED


@given(FALLS, MEANS)
def test_there_is_no_verdict_before_both_were_measured(
    falls: tuple[float, float | None, float | None], means: tuple[float, float, float]
) -> None:
    gate, whole = gate_of(falls), run_of(means)
    for baseline, run in ((None, None), (whole, run_of(None)), (run_of(None), whole), (whole, None)):
        outcome = GateOutcome(gate=gate, baseline=baseline, run=run)
        assert (outcome.verdict, outcome.changes) == (None, ())


@given(FALLS)
def test_a_gate_survives_being_kept_with_its_job(
    falls: tuple[float, float | None, float | None],
) -> None:
    gate = gate_of(falls)
    assert ReindexGate.model_validate(gate.model_dump(mode="json")) == gate
