"""What changes and measures evaluation sets."""

from __future__ import annotations

import strawberry

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.directives import Cost
from lorebase.api.graphql.evaluation_inputs import (
    AddEvaluationCasesInput,
    CreateEvaluationSetInput,
    DeleteEvaluationSetInput,
    RunEvaluationInput,
)
from lorebase.api.graphql.evaluations import EvaluationRun, EvaluationSet
from lorebase.api.graphql.mutations import Input, Payload, mutation
from lorebase.api.graphql.nodes import read_id
from lorebase.schemas.workspaces import ApiScope


@strawberry.type(
    description=(
        "Result of `createEvaluationSet`. On failure the object fields are null and `userErrors` says why."
    )
)
class CreateEvaluationSetPayload(Payload):
    """The set, kept."""

    evaluation_set: EvaluationSet | None = strawberry.field(description="The set.", default=None)


@strawberry.type(
    description=(
        "Result of `addEvaluationCases`. On failure the object fields are null and `userErrors` says why."
    )
)
class AddEvaluationCasesPayload(Payload):
    """The set with its new questions."""

    evaluation_set: EvaluationSet | None = strawberry.field(description="The set.", default=None)


@strawberry.type(
    description=(
        "Result of `deleteEvaluationSet`. On failure the object fields are null and `userErrors` says why."
    )
)
class DeleteEvaluationSetPayload(Payload):
    """What is gone."""

    deleted_id: strawberry.ID | None = strawberry.field(description="What was deleted.", default=None)


@strawberry.type(
    description="Result of `runEvaluation`. On failure the object fields are null and `userErrors` says why."
)
class RunEvaluationPayload(Payload):
    """The run, queued."""

    run: EvaluationRun | None = strawberry.field(description="The run.", default=None)


@strawberry.type
class EvaluationMutations:
    """Mutations of evaluations."""

    @mutation("Stores questions with known relevant documents.", ApiScope.ADMIN)
    async def create_evaluation_set(
        self, info: Info, given: Input[CreateEvaluationSetInput]
    ) -> CreateEvaluationSetPayload:
        """Adds a set to a knowledge base."""
        principal = info.context.principal
        command = given.command(read_id(principal, given.knowledge_base_id, "KnowledgeBase"))
        made = await info.context.services.evaluations.create_set(principal, command)
        return CreateEvaluationSetPayload(evaluation_set=EvaluationSet.from_value(made))

    @mutation("Adds questions to a set that was not measured yet.", ApiScope.ADMIN)
    async def add_evaluation_cases(
        self, info: Info, given: Input[AddEvaluationCasesInput]
    ) -> AddEvaluationCasesPayload:
        """Adds questions at the end of a set."""
        principal = info.context.principal
        command = given.command(read_id(principal, given.evaluation_set_id, "EvaluationSet"))
        changed = await info.context.services.evaluations.add_cases(principal, command)
        return AddEvaluationCasesPayload(evaluation_set=EvaluationSet.from_value(changed))

    @mutation("Deletes a set with its questions, runs and results.", ApiScope.ADMIN)
    async def delete_evaluation_set(
        self, info: Info, given: Input[DeleteEvaluationSetInput]
    ) -> DeleteEvaluationSetPayload:
        """Removes it; runs in the making are stopped."""
        principal, evaluations = info.context.principal, info.context.services.evaluations
        target = read_id(principal, given.id, "EvaluationSet")
        await evaluations.delete_set(principal, target, given.idempotency_key)
        return DeleteEvaluationSetPayload(deleted_id=given.id)

    @mutation(
        "Measures an index with a set, in the background.",
        ApiScope.ADMIN,
        cost=Cost(weight=1, profile="input.profile"),
    )
    async def run_evaluation(self, info: Info, given: Input[RunEvaluationInput]) -> RunEvaluationPayload:
        """Queues a measurement."""
        principal, index, other = info.context.principal, given.index_id, given.compare_with_run_id
        command = given.command(
            read_id(principal, given.evaluation_set_id, "EvaluationSet"),
            index_id=read_id(principal, index, "EmbeddingIndex") if index else None,
            compare_with_run_id=read_id(principal, other, "EvaluationRun") if other else None,
        )
        run = await info.context.services.evaluations.run(principal, command)
        return RunEvaluationPayload(run=EvaluationRun.from_value(run))
