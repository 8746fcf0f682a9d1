"""Evaluation sets and runs: the types and their lists."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Self
from uuid import UUID

import strawberry
from strawberry import UNSET

from lorebase.api.graphql.context import Context, Info
from lorebase.api.graphql.directives import Cost
from lorebase.api.graphql.embeddings import EmbeddingIndex
from lorebase.api.graphql.enums import SearchMode
from lorebase.api.graphql.evaluation_parts import (
    ConfidenceInterval,
    EvaluationDelta,
    EvaluationMetrics,
    EvaluationResult,
)
from lorebase.api.graphql.fields import computed, identifier, upward
from lorebase.api.graphql.jobs import Job
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.nodes import Node, Timestamped, global_id, read_id
from lorebase.api.graphql.pagination import Connection, Paging, connection
from lorebase.schemas import evaluations as values
from lorebase.schemas.search import DEFAULT_PROFILE

OtherRun = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Run to compare with; the one named when it was made when absent."),
]


@strawberry.type(description="Questions with known relevant documents, to measure retrieval.")
class EvaluationSet(Node, Timestamped):
    """A set as clients see it."""

    id: strawberry.ID = identifier()
    case_count: int = strawberry.field(description="Number of questions.")
    name: str = strawberry.field(description="Unique name within the knowledge base.")
    value: strawberry.Private[values.EvaluationSet]

    @classmethod
    def from_value(cls, value: values.EvaluationSet) -> Self:
        """Shows a set."""
        return cls(
            id=global_id("EvaluationSet", value.workspace_id, value.id),
            case_count=value.case_count,
            created_at=value.created_at,
            name=value.name,
            updated_at=value.updated_at,
            value=value,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The set, or None."""
        value = await loaders.evaluation_sets.load(object_id)
        return cls.from_value(value) if value else None

    @upward("KnowledgeBase", "knowledge_bases", "Knowledge base it measures.")
    async def knowledge_base(self, info: Info) -> Node:
        """The knowledge base."""
        return await info.context.get("KnowledgeBase", self.value.knowledge_base_id)

    @connection("Runs of the set, newest first.")
    async def runs(self, info: Info, paging: Paging) -> Connection[EvaluationRun]:
        """A page of its history."""
        return await run_page(info.context, paging, self.value.knowledge_base_id, self.value.id)


@strawberry.type(description="One measurement of a set against an index.")
class EvaluationRun(Node, Timestamped):
    """A run as clients see it."""

    id: strawberry.ID = identifier()
    metrics: EvaluationMetrics | None = strawberry.field(description="Results; null before completion.")
    mode: SearchMode = strawberry.field(description="How candidates were found.")
    profile: str = strawberry.field(description="Retrieval profile and version, such as `default@1`.")
    value: strawberry.Private[values.EvaluationRun]

    @classmethod
    def from_value(cls, value: values.EvaluationRun) -> Self:
        """Shows a run."""
        return cls(
            id=global_id("EvaluationRun", value.workspace_id, value.id),
            created_at=value.created_at,
            metrics=EvaluationMetrics.from_value(value.metrics) if value.metrics else None,
            mode=value.mode,
            profile=value.profile or DEFAULT_PROFILE,
            updated_at=value.updated_at,
            value=value,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The run, or None."""
        value = await loaders.evaluation_runs.load(object_id)
        return cls.from_value(value) if value else None

    @computed("Index measured.", graphql_type=EmbeddingIndex)
    async def index(self, info: Info) -> Node:
        """The index."""
        return await info.context.get("EmbeddingIndex", self.value.index_id)

    @computed("The job that runs it.", graphql_type=Job)
    async def job(self, info: Info) -> Node:
        """The job."""
        return await info.context.get("Job", self.value.job_id)

    @computed("The set.", graphql_type=EvaluationSet)
    async def set(self, info: Info) -> Node:
        """The set."""
        return await info.context.get("EvaluationSet", self.value.set_id)

    @computed(
        "Questions that got worse than in the run compared with, worst first; at most 20.",
        cost=Cost(weight=20),
    )
    async def worsened(self, info: Info) -> list[EvaluationDelta]:
        """The questions that lost most."""
        found = await compare_runs(info.context, self.value, None)
        return [EvaluationDelta.from_value(delta) for delta in found.worsened] if found else []

    @computed(
        "What changed from another run of the same set; null before both are complete, and without a run to "
        "compare with.",
        cost=Cost(weight=20),
    )
    async def comparison(self, info: Info, with_run_id: OtherRun = UNSET) -> EvaluationComparison | None:
        """The two runs side by side."""
        other = read_id(info.context.principal, with_run_id, "EvaluationRun") if with_run_id else None
        found = await compare_runs(info.context, self.value, other)
        return EvaluationComparison.from_value(found) if found else None

    @connection("What each question scored so far, in the order of the set.")
    async def results(self, info: Info, paging: Paging) -> Connection[EvaluationResult]:
        """A page of questions."""
        principal, evaluations = info.context.principal, info.context.services.evaluations
        page = await evaluations.result_page(principal, self.value.id, paging.request)
        count = partial(evaluations.count_results, principal, self.value.id)
        return paging.connection(page, EvaluationResult.from_value, count)


@strawberry.type(description="The change of retrieval between two complete runs of one set.")
class EvaluationComparison:
    """Two runs side by side."""

    change: float = strawberry.field(description="Mean nDCG@10 now, less that of the baseline.")
    improved_count: int = strawberry.field(description="Number of questions that got better.")
    interval: ConfidenceInterval = strawberry.field(
        description="Where `change` lies, by a paired bootstrap over the questions."
    )
    is_better: bool = strawberry.field(description="Whether the whole interval lies above zero.")
    is_worse: bool = strawberry.field(description="Whether the whole interval lies below zero.")
    worsened: list[EvaluationDelta] = strawberry.field(
        description="Questions that got worse, worst first; at most 20."
    )
    worsened_count: int = strawberry.field(description="Number of questions that got worse.")
    baseline_id: strawberry.Private[UUID]

    @classmethod
    def from_value(cls, value: values.EvaluationComparison) -> Self:
        """Shows the change."""
        return cls(
            baseline_id=value.baseline_id,
            change=value.change,
            improved_count=value.improved_count,
            interval=ConfidenceInterval.from_value(value.interval),
            is_better=value.is_better,
            is_worse=value.is_worse,
            worsened=[EvaluationDelta.from_value(delta) for delta in value.worsened],
            worsened_count=value.worsened_count,
        )

    @computed("The run compared with.", graphql_type=EvaluationRun)
    async def baseline(self, info: Info) -> Node:
        """The earlier run."""
        return await info.context.get("EvaluationRun", self.baseline_id)


async def compare_runs(
    context: Context, run: values.EvaluationRun, other: UUID | None
) -> values.EvaluationComparison | None:
    """The comparison with another run, or else with the one named when the run was made; None without."""
    baseline = other or run.compare_with_run_id
    if baseline is None or (other is None and not await context.find("EvaluationRun", baseline)):
        return None
    return await context.services.evaluations.comparison(context.principal, run.id, baseline)


async def run_page(
    context: Context, paging: Paging, knowledge_base_id: UUID, set_id: UUID | None
) -> Connection[EvaluationRun]:
    """A page of runs, newest first."""
    principal, evaluations = context.principal, context.services.evaluations
    page = await evaluations.run_page(principal, knowledge_base_id, set_id, paging.request)
    count = partial(evaluations.count_runs, principal, knowledge_base_id, set_id)
    return paging.connection(page, EvaluationRun.from_value, count)
