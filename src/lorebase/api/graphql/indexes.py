"""Mutations of embedding indexes: build another, switch, give one up."""

from __future__ import annotations

from uuid import UUID

import strawberry

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.embeddings import EmbeddingIndex
from lorebase.api.graphql.jobs import Job
from lorebase.api.graphql.knowledge_bases import KnowledgeBase
from lorebase.api.graphql.mutations import Input, MutationInput, Payload, mutation
from lorebase.api.graphql.nodes import read_id
from lorebase.api.graphql.reindex_gates import ReindexGateInput
from lorebase.schemas.embeddings import ReindexKnowledgeBase
from lorebase.schemas.workspaces import ApiScope, Principal


@strawberry.input(description="Input of `reindexKnowledgeBase`.")
class ReindexKnowledgeBaseInput(MutationInput):
    """What to build again, and with which model and analyser."""

    analyser: str | None = strawberry.field(
        description="Keyword analyser, such as `kw2`; when absent that of the active index.", default=None
    )
    activate_on_success: bool = strawberry.field(description="Whether to switch automatically.", default=True)
    embedding_model_id: strawberry.ID | None = strawberry.field(
        description="Model version; when absent that of the active index.", default=None
    )
    gate: ReindexGateInput | None = strawberry.field(
        description="Measure before switching, and stay on the old index when the new one is worse.",
        default=None,
    )
    id: strawberry.ID = strawberry.field(description="The knowledge base.")

    def command(self, principal: Principal) -> ReindexKnowledgeBase:
        """What is asked of the service."""
        return ReindexKnowledgeBase(
            id=read_id(principal, self.id, "KnowledgeBase"),
            embedding_model_id=self._model(principal),
            analyser=self.analyser,
            activate_on_success=self.activate_on_success,
            gate=self.gate.value(principal) if self.gate else None,
            idempotency_key=self.idempotency_key,
        )

    def _model(self, principal: Principal) -> UUID | None:
        given = self.embedding_model_id
        return read_id(principal, given, "EmbeddingModel") if given is not None else None


@strawberry.type(
    description=(
        "Result of `reindexKnowledgeBase`. On failure the object fields are null and `userErrors` says why."
    )
)
class ReindexKnowledgeBasePayload(Payload):
    """What is being built."""

    index: EmbeddingIndex | None = strawberry.field(description="The index being built.", default=None)
    job: Job | None = strawberry.field(description="The job that builds it.", default=None)


@strawberry.input(description="Input of `activateIndex`.")
class ActivateIndexInput(MutationInput):
    """What to switch to."""

    id: strawberry.ID = strawberry.field(description="The index.")


@strawberry.type(
    description="Result of `activateIndex`. On failure the object fields are null and `userErrors` says why."
)
class ActivateIndexPayload(Payload):
    """The knowledge base, with its new index."""

    knowledge_base: KnowledgeBase | None = strawberry.field(description="The knowledge base.", default=None)


@strawberry.input(description="Input of `deleteEmbeddingIndex`.")
class DeleteEmbeddingIndexInput(MutationInput):
    """What to give up."""

    id: strawberry.ID = strawberry.field(description="The index.")


@strawberry.type(
    description=(
        "Result of `deleteEmbeddingIndex`. On failure the object fields are null and `userErrors` says why."
    )
)
class DeleteEmbeddingIndexPayload(Payload):
    """What was given up."""

    deleted_id: strawberry.ID | None = strawberry.field(description="What was deleted.", default=None)
    job: Job | None = strawberry.field(description="The job that removes the vectors.", default=None)


@strawberry.type
class IndexMutations:
    """Mutations of indexes."""

    @mutation(
        "Builds an index with another model version or analyser and switches to it when complete.",
        ApiScope.ADMIN,
    )
    async def reindex_knowledge_base(
        self, info: Info, given: Input[ReindexKnowledgeBaseInput]
    ) -> ReindexKnowledgeBasePayload:
        """Adds the index and the job that builds it."""
        principal = info.context.principal
        made = await info.context.services.indexes.reindex(principal, given.command(principal))
        return ReindexKnowledgeBasePayload(
            index=EmbeddingIndex.from_value(made.index), job=Job.from_value(made.job)
        )

    @mutation("Switches searches to a complete index.", ApiScope.ADMIN)
    async def activate_index(self, info: Info, given: Input[ActivateIndexInput]) -> ActivateIndexPayload:
        """One update, from the next search on."""
        principal, indexes = info.context.principal, info.context.services.indexes
        index_id = read_id(principal, given.id, "EmbeddingIndex")
        switched = await indexes.activate(principal, index_id, given.idempotency_key)
        return ActivateIndexPayload(knowledge_base=KnowledgeBase.from_value(switched))

    @mutation(
        "Gives up an index that searches do not use, and removes the vectors and words that only it has.",
        ApiScope.ADMIN,
    )
    async def delete_embedding_index(
        self, info: Info, given: Input[DeleteEmbeddingIndexInput]
    ) -> DeleteEmbeddingIndexPayload:
        """Hides it at once; the job follows."""
        principal, indexes = info.context.principal, info.context.services.indexes
        index_id = read_id(principal, given.id, "EmbeddingIndex")
        deleted = await indexes.delete(principal, index_id, given.idempotency_key)
        return DeleteEmbeddingIndexPayload(deleted_id=given.id, job=Job.from_value(deleted.job))
