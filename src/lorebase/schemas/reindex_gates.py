"""Gates of a reindex: what may be lost, and what the old and the new index found."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from lorebase.schemas.base import Value
from lorebase.schemas.evaluations import EvaluationRun

# Smaller falls are rounding: sums of the same gains in another order.
_SAME = 1e-9


class ReindexGate(Value):
    """The set that measures both indexes, and the largest falls of its means that are accepted, 0 to 1.

    A mean whose fall is None is not looked at.
    """

    evaluation_set_id: UUID
    max_ndcg_drop: float = 0.01
    max_recall_drop: float | None = None
    max_mrr_drop: float | None = None


class GateVerdict(StrEnum):
    """What a gate decided."""

    PASSED = "PASSED"
    REFUSED = "REFUSED"


class MetricChange(Value):
    """One mean in the old and in the new index, and the fall that is accepted."""

    name: str
    before: float
    after: float
    accepted: float

    @property
    def is_too_low(self) -> bool:
        """Whether it fell by more than is accepted."""
        return self.before - self.after > self.accepted + _SAME


class GateOutcome(Value):
    """A gate with its measurements: `baseline` of the index that was live, `run` of the new one.

    They are None before the gate began, and once their set was deleted.
    """

    gate: ReindexGate
    baseline: EvaluationRun | None = None
    run: EvaluationRun | None = None

    @property
    def changes(self) -> tuple[MetricChange, ...]:
        """The means that the gate looks at; none before both indexes were measured."""
        before = self.baseline.metrics if self.baseline else None
        after = self.run.metrics if self.run else None
        if before is None or after is None:
            return ()
        measured = (
            ("nDCG@10", before.ndcg_at_10, after.ndcg_at_10, self.gate.max_ndcg_drop),
            ("Recall@100", before.recall_at_100, after.recall_at_100, self.gate.max_recall_drop),
            ("MRR@10", before.mrr_at_10, after.mrr_at_10, self.gate.max_mrr_drop),
        )
        return tuple(
            MetricChange(name=name, before=old, after=new, accepted=accepted)
            for name, old, new, accepted in measured
            if accepted is not None
        )

    @property
    def verdict(self) -> GateVerdict | None:
        """None before both indexes were measured."""
        if not self.changes:
            return None
        refused = any(change.is_too_low for change in self.changes)
        return GateVerdict.REFUSED if refused else GateVerdict.PASSED
