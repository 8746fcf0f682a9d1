"""What evaluation runs are made of: means with intervals, results of questions, comparisons."""

from __future__ import annotations

from typing import Self

import strawberry

from lorebase.schemas import evaluations as values


@strawberry.type(
    description="Where a mean lies with a confidence of 95%, by a seeded bootstrap over the questions."
)
class ConfidenceInterval:
    """Two bounds."""

    lower: float = strawberry.field(description="Lower bound.")
    upper: float = strawberry.field(description="Upper bound.")

    @classmethod
    def from_value(cls, value: values.Interval) -> Self:
        """Shows the bounds."""
        return cls(lower=value.lower, upper=value.upper)


@strawberry.type(description="Means over the questions of a run.")
class EvaluationMetrics:
    """The figures of a complete run."""

    mrr_at_10: float = strawberry.field(
        name="mrrAt10",
        description="Mean reciprocal rank of the first relevant document among the first 10.",
    )
    mrr_at_10_interval: ConfidenceInterval = strawberry.field(
        name="mrrAt10Interval", description="Where `mrrAt10` lies."
    )
    ndcg_at_10: float = strawberry.field(
        name="ndcgAt10", description="Normalised discounted cumulative gain over the first 10."
    )
    ndcg_at_10_interval: ConfidenceInterval = strawberry.field(
        name="ndcgAt10Interval", description="Where `ndcgAt10` lies."
    )
    recall_at_100: float = strawberry.field(
        name="recallAt100", description="Share of relevant documents among the first 100."
    )
    recall_at_100_interval: ConfidenceInterval = strawberry.field(
        name="recallAt100Interval", description="Where `recallAt100` lies."
    )

    @classmethod
    def from_value(cls, value: values.EvaluationMetrics) -> Self:
        """Shows the figures."""
        return cls(
            mrr_at_10=value.mrr_at_10,
            mrr_at_10_interval=ConfidenceInterval.from_value(value.mrr_at_10_interval),
            ndcg_at_10=value.ndcg_at_10,
            ndcg_at_10_interval=ConfidenceInterval.from_value(value.ndcg_at_10_interval),
            recall_at_100=value.recall_at_100,
            recall_at_100_interval=ConfidenceInterval.from_value(value.recall_at_100_interval),
        )


@strawberry.type(description="Change of one question between two runs.")
class EvaluationDelta:
    """A question that changed."""

    after: float = strawberry.field(description="nDCG@10 now.")
    before: float = strawberry.field(description="nDCG@10 before.")
    query: str = strawberry.field(description="The question.")

    @classmethod
    def from_value(cls, value: values.EvaluationDelta) -> Self:
        """Shows the change."""
        return cls(after=value.after, before=value.before, query=value.query)


@strawberry.type(description="What one question scored in a run.")
class EvaluationResult:
    """A question and its scores."""

    ndcg_at_10: float = strawberry.field(
        name="ndcgAt10", description="Normalised discounted cumulative gain over the first 10."
    )
    position: int = strawberry.field(description="Place of the question in the set, from 1.")
    query: str = strawberry.field(description="The question.")
    recall_at_100: float = strawberry.field(
        name="recallAt100", description="Share of its relevant documents among the first 100."
    )
    reciprocal_rank_at_10: float = strawberry.field(
        name="reciprocalRankAt10",
        description="1 divided by the rank of the first relevant document; 0 when not among the first 10.",
    )

    @classmethod
    def from_value(cls, value: values.CaseResult) -> Self:
        """Shows the scores."""
        return cls(
            ndcg_at_10=value.ndcg_at_10,
            position=value.position,
            query=value.query,
            recall_at_100=value.recall_at_100,
            reciprocal_rank_at_10=value.reciprocal_rank_at_10,
        )
