"""Evaluations: questions with known documents, what an index finds for them, and how runs compare."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from lorebase.schemas.base import Value
from lorebase.schemas.search import SearchMode

CASES_OF_A_REQUEST = 1000
CASES_OF_A_SET = 10_000
RELEVANT_OF_A_CASE = 1000
WORSENED_SHOWN = 20


class Relevance(Value):
    """A document that answers a question, by its external id; a grade of 1 or more, more is better."""

    external_id: str
    grade: int = 1


class NewCase(Value):
    """A question and the documents that answer it."""

    query: str
    relevant: tuple[Relevance, ...]


class EvaluationCase(NewCase):
    """A question of a set; positions count from 1 without gaps."""

    id: UUID
    position: int


class CreateEvaluationSet(Value):
    """A set to add."""

    knowledge_base_id: UUID
    name: str
    cases: tuple[NewCase, ...]
    idempotency_key: str | None = None


class AddEvaluationCases(Value):
    """Questions to add at the end of a set."""

    set_id: UUID
    cases: tuple[NewCase, ...]
    idempotency_key: str | None = None


class EvaluationSet(Value):
    """Questions about one knowledge base. Once a run was made the questions stay as they are."""

    id: UUID
    workspace_id: UUID
    knowledge_base_id: UUID
    name: str
    case_count: int
    created_at: datetime
    updated_at: datetime


class RunEvaluation(Value):
    """A measurement to make, of the active index unless another is named, by a retrieval profile or none.

    The profile decides the mode unless it is given.
    """

    set_id: UUID
    index_id: UUID | None = None
    mode: SearchMode | None = None
    profile: str | None = None
    compare_with_run_id: UUID | None = None
    idempotency_key: str | None = None


class CaseScores(Value):
    """What one question scored, each from 0 to 1."""

    ndcg_at_10: float
    recall_at_100: float
    reciprocal_rank_at_10: float


class CaseResult(CaseScores):
    """What one question scored in a run."""

    case_id: UUID
    position: int
    query: str


class Interval(Value):
    """Where the mean lies with a confidence of 95%, by bootstrap over the questions."""

    lower: float
    upper: float


class EvaluationMetrics(Value):
    """Means over the questions of a run, each with its interval."""

    ndcg_at_10: float
    ndcg_at_10_interval: Interval
    recall_at_100: float
    recall_at_100_interval: Interval
    mrr_at_10: float
    mrr_at_10_interval: Interval


class EvaluationRun(Value):
    """One measurement of a set against an index; `metrics` is None until it is complete.

    `profile` is a retrieval profile with its version; None for plain searches.
    """

    id: UUID
    workspace_id: UUID
    set_id: UUID
    knowledge_base_id: UUID
    index_id: UUID
    job_id: UUID
    mode: SearchMode
    profile: str | None = None
    compare_with_run_id: UUID | None
    metrics: EvaluationMetrics | None
    created_at: datetime
    updated_at: datetime


class EvaluationDelta(Value):
    """nDCG@10 of one question in two runs."""

    query: str
    before: float
    after: float


class EvaluationComparison(Value):
    """Two complete runs of one set: the change of mean nDCG@10, and where it surely lies.

    `interval` comes from a paired bootstrap over the questions. `worsened` holds at most 20, worst first.
    """

    run_id: UUID
    baseline_id: UUID
    change: float
    interval: Interval
    worsened_count: int
    improved_count: int
    worsened: tuple[EvaluationDelta, ...]

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval lies below nothing."""
        return self.interval.upper < 0

    @property
    def is_better(self) -> bool:
        """Whether the whole interval lies above nothing."""
        return self.interval.lower > 0
