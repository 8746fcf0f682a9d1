"""Inputs of the mutations of evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import strawberry

from lorebase.api.graphql.enums import SearchMode
from lorebase.api.graphql.mutations import MutationInput
from lorebase.schemas import evaluations as values


@strawberry.input(description="Relevance of a document.")
class RelevanceInput:
    """A document that answers a question."""

    external_id: str = strawberry.field(description="External id of the document.")
    grade: int = strawberry.field(description="1 for relevant, more for better.", default=1)


@strawberry.input(description="A question and the documents that answer it.")
class EvaluationCaseInput:
    """One question of a set."""

    query: str = strawberry.field(description="The question.")
    relevant: list[RelevanceInput] = strawberry.field(
        description="External ids of relevant documents, with a grade of 1 or more."
    )

    def value(self) -> values.NewCase:
        """The question as services know it."""
        relevant = (values.Relevance(external_id=r.external_id, grade=r.grade) for r in self.relevant)
        return values.NewCase(query=self.query, relevant=tuple(relevant))


@strawberry.input(description="Input of `createEvaluationSet`.")
class CreateEvaluationSetInput(MutationInput):
    """A set to add."""

    cases: list[EvaluationCaseInput] = strawberry.field(description="Questions, at most 1000.")
    knowledge_base_id: strawberry.ID = strawberry.field(description="Knowledge base.")
    name: str = strawberry.field(description="Unique name within the knowledge base.")

    def command(self, knowledge_base_id: UUID) -> values.CreateEvaluationSet:
        """What is asked of the service."""
        return values.CreateEvaluationSet(
            knowledge_base_id=knowledge_base_id,
            name=self.name,
            cases=_cases(self.cases),
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="Input of `addEvaluationCases`.")
class AddEvaluationCasesInput(MutationInput):
    """Questions to add."""

    cases: list[EvaluationCaseInput] = strawberry.field(
        description="Questions, at most 1000; a set holds 10000."
    )
    evaluation_set_id: strawberry.ID = strawberry.field(description="The set.")

    def command(self, set_id: UUID) -> values.AddEvaluationCases:
        """What is asked of the service."""
        return values.AddEvaluationCases(
            set_id=set_id, cases=_cases(self.cases), idempotency_key=self.idempotency_key
        )


@strawberry.input(description="Input of `deleteEvaluationSet`.")
class DeleteEvaluationSetInput(MutationInput):
    """A set to delete."""

    id: strawberry.ID = strawberry.field(description="The set.")


@strawberry.input(description="Input of `runEvaluation`.")
class RunEvaluationInput(MutationInput):
    """A measurement to make."""

    compare_with_run_id: strawberry.ID | None = strawberry.field(
        description="Run to compare with, for `worsened`.", default=None
    )
    evaluation_set_id: strawberry.ID = strawberry.field(description="The set.")
    index_id: strawberry.ID | None = strawberry.field(
        description="Index; the active one when absent.", default=None
    )
    mode: SearchMode | None = strawberry.field(
        description="How candidates are found; `HYBRID` when neither this nor the profile says how.",
        default=None,
    )
    profile: str | None = strawberry.field(
        description="Retrieval profile to measure, as in `search`; `default@1` when absent.", default=None
    )

    def command(
        self, set_id: UUID, *, index_id: UUID | None, compare_with_run_id: UUID | None
    ) -> values.RunEvaluation:
        """What is asked of the service."""
        return values.RunEvaluation(
            set_id=set_id,
            index_id=index_id,
            mode=self.mode,
            compare_with_run_id=compare_with_run_id,
            idempotency_key=self.idempotency_key,
            **({"profile": self.profile} if self.profile is not None else {}),
        )


def _cases(given: Sequence[EvaluationCaseInput]) -> tuple[values.NewCase, ...]:
    return tuple(case.value() for case in given)
