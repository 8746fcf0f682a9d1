"""The gate of a reindex: what clients ask for, and what it measured."""

from __future__ import annotations

from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.enums import GateVerdict
from lorebase.api.graphql.fields import computed, lazily
from lorebase.api.graphql.nodes import Node, read_id
from lorebase.schemas import reindex_gates as values
from lorebase.schemas.workspaces import Principal

# Runs lead to indexes, and indexes to gates: so a gate names the types of runs late.
_RUN: object = lazily("EvaluationRun", "evaluations") | None


@strawberry.input(description="Keeps a new index from going live when it finds less.")
class ReindexGateInput:
    """What is measured, and what may be lost."""

    evaluation_set_id: strawberry.ID = strawberry.field(description="Set to measure both indexes with.")
    max_mrr_drop: float | None = strawberry.field(
        description="Largest fall of MRR@10 that is still accepted; not looked at when absent.", default=None
    )
    max_ndcg_drop: float = strawberry.field(
        description="Largest fall of nDCG@10 that is still accepted.", default=0.01
    )
    max_recall_drop: float | None = strawberry.field(
        description="Largest fall of Recall@100 that is still accepted; not looked at when absent.",
        default=None,
    )

    def value(self, principal: Principal) -> values.ReindexGate:
        """What the service is asked for."""
        return values.ReindexGate(
            evaluation_set_id=read_id(principal, self.evaluation_set_id, "EvaluationSet"),
            max_ndcg_drop=self.max_ndcg_drop,
            max_recall_drop=self.max_recall_drop,
            max_mrr_drop=self.max_mrr_drop,
        )


@strawberry.type(description="A gate of a reindex with its measurements.")
class ReindexGate:
    """A gate as clients see it."""

    max_mrr_drop: float | None = strawberry.field(
        description="Largest fall of MRR@10 that is accepted; null when it is not looked at."
    )
    max_ndcg_drop: float = strawberry.field(description="Largest fall of nDCG@10 that is accepted.")
    max_recall_drop: float | None = strawberry.field(
        description="Largest fall of Recall@100 that is accepted; null when it is not looked at."
    )
    verdict: GateVerdict | None = strawberry.field(
        description="What was decided; null before both indexes were measured, and once the set was deleted."
    )
    set_id: strawberry.Private[UUID]
    run_ids: strawberry.Private[tuple[UUID | None, UUID | None]]

    @classmethod
    def from_value(cls, value: values.GateOutcome) -> Self:
        """Shows a gate."""
        return cls(
            max_mrr_drop=value.gate.max_mrr_drop,
            max_ndcg_drop=value.gate.max_ndcg_drop,
            max_recall_drop=value.gate.max_recall_drop,
            verdict=value.verdict,
            set_id=value.gate.evaluation_set_id,
            run_ids=(value.baseline.id if value.baseline else None, value.run.id if value.run else None),
        )

    @computed("Measurement of the index that was live; null before it began.", graphql_type=_RUN)
    async def baseline(self, info: Info) -> Node | None:
        """The run of the old index."""
        run_id = self.run_ids[0]
        return await info.context.find("EvaluationRun", run_id) if run_id else None

    @computed(
        "Set that measures both indexes; null once it was deleted.",
        graphql_type=lazily("EvaluationSet", "evaluations") | None,
    )
    async def evaluation_set(self, info: Info) -> Node | None:
        """The set."""
        return await info.context.find("EvaluationSet", self.set_id)

    @computed(
        "Measurement of the new index, which is compared with `baseline`; null before it began.",
        graphql_type=_RUN,
    )
    async def run(self, info: Info) -> Node | None:
        """The run of the new index."""
        run_id = self.run_ids[1]
        return await info.context.find("EvaluationRun", run_id) if run_id else None
