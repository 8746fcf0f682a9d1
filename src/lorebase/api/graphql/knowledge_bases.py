"""Knowledge bases: the type, its lists and its mutations."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Self
from uuid import UUID

import strawberry
from strawberry import UNSET

from lorebase.api.graphql.context import Context, Info
from lorebase.api.graphql.directives import Cost
from lorebase.api.graphql.document_inputs import DocumentOrder
from lorebase.api.graphql.documents import Document
from lorebase.api.graphql.embeddings import EmbeddingIndex
from lorebase.api.graphql.evaluations import EvaluationRun, EvaluationSet, run_page
from lorebase.api.graphql.fields import computed, identifier, upward
from lorebase.api.graphql.filters import DocumentFilter, read_filter
from lorebase.api.graphql.jobs import Job
from lorebase.api.graphql.knowledge_base_inputs import (
    CreateKnowledgeBaseInput,
    DeleteKnowledgeBaseInput,
    UpdateKnowledgeBaseInput,
)
from lorebase.api.graphql.knowledge_base_parts import (
    ChunkingConfig,
    FacetValue,
    KnowledgeBaseStats,
    MetadataField,
)
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.mutations import Input, Payload, mutation
from lorebase.api.graphql.nodes import Node, Timestamped, global_id, read_id
from lorebase.api.graphql.pagination import Connection, Paging, check_size, connection
from lorebase.api.graphql.receipts import DeletionReceipt
from lorebase.schemas import filters
from lorebase.schemas import knowledge_bases as values
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.workspaces import ApiScope

ExternalId = Annotated[str, strawberry.argument(description="The caller's own key for the document.")]
Condition = Annotated[DocumentFilter | None, strawberry.argument(name="filter", description="Conditions.")]
FacetCondition = Annotated[
    DocumentFilter | None,
    strawberry.argument(name="filter", description="Conditions on the documents counted."),
]
Order = Annotated[
    DocumentOrder | None, strawberry.argument(description="Ordering; last changed first when absent.")
]
FacetSize = Annotated[int, strawberry.argument(description="Number of values, at most 100.")]
FacetPath = Annotated[
    str,
    strawberry.argument(description="A declared metadata path, or one of `mediaType`, `language`, `tags`."),
]


@strawberry.type(description="A collection of documents that is searched as one.")
class KnowledgeBase(Node, Timestamped):
    """A knowledge base as clients see it."""

    id: strawberry.ID = identifier()
    chunking: ChunkingConfig = strawberry.field(description="Splitting rules for new versions.")
    description: str | None = strawberry.field(description="What the collection is for.")
    name: str = strawberry.field(description="Display name.")
    metadata_fields: list[MetadataField] = strawberry.field(
        description="Metadata keys that filters may name."
    )
    slug: str = strawberry.field(description="Unique name within the workspace.")
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    value: strawberry.Private[values.KnowledgeBase]

    @classmethod
    def from_value(cls, value: values.KnowledgeBase) -> Self:
        """Shows a knowledge base."""
        return cls(
            id=global_id("KnowledgeBase", value.workspace_id, value.id),
            chunking=ChunkingConfig.from_value(value.chunking),
            created_at=value.created_at,
            description=value.description,
            metadata_fields=[MetadataField.from_value(field) for field in value.metadata_fields],
            name=value.name,
            slug=value.slug,
            updated_at=value.updated_at,
            version=value.version,
            value=value,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The knowledge base, or None."""
        value = await loaders.knowledge_bases.load(object_id)
        return cls.from_value(value) if value else None

    @computed("Index in use.", graphql_type=EmbeddingIndex)
    async def active_index(self, info: Info) -> Node:
        """The index that searches use."""
        return await info.context.get("EmbeddingIndex", self.value.active_index_id)

    @computed("One document by its external key; null when there is none.")
    async def document(self, info: Info, external_id: ExternalId) -> Document | None:
        """A document by the caller's own key."""
        documents = info.context.services.documents
        found = await documents.by_external_id(info.context.principal, self.value.id, external_id)
        return Document.from_value(found) if found else None

    @connection("Documents.")
    async def documents(
        self, info: Info, paging: Paging, condition: Condition = UNSET, order_by: Order = UNSET
    ) -> Connection[Document]:
        """A page of documents."""
        principal, documents = info.context.principal, info.context.services.documents
        matching = read_filter(info.context, condition, filters.DocumentFilter)
        order = DocumentOrder.read(order_by)
        page = await documents.page(principal, self.value.id, paging.request, order, matching)
        count = partial(documents.count, principal, self.value.id, matching)
        return paging.connection(page, Document.from_value, count)

    @connection("Evaluation sets, newest first.")
    async def evaluation_sets(self, info: Info, paging: Paging) -> Connection[EvaluationSet]:
        """A page of sets."""
        principal, evaluations = info.context.principal, info.context.services.evaluations
        page = await evaluations.set_page(principal, self.value.id, paging.request)
        count = partial(evaluations.count_sets, principal, self.value.id)
        return paging.connection(page, EvaluationSet.from_value, count)

    @connection("Runs of all its evaluation sets, newest first.")
    async def evaluation_runs(self, info: Info, paging: Paging) -> Connection[EvaluationRun]:
        """A page of its history."""
        return await run_page(info.context, paging, self.value.id, None)

    @computed(
        "Most frequent values of a key over the documents that match, for filter panels.",
        cost=Cost(weight=5),
    )
    async def facets(
        self, info: Info, path: FacetPath, condition: FacetCondition = UNSET, first: FacetSize = 20
    ) -> list[FacetValue]:
        """Values with their counts."""
        check_size(info.context, first, "first")
        principal, knowledge_bases = info.context.principal, info.context.services.knowledge_bases
        matching = read_filter(info.context, condition, filters.DocumentFilter)
        found = await knowledge_bases.facets(principal, self.value.id, path, matching, first)
        return [FacetValue.from_value(value) for value in found]

    @connection("All indexes, newest first.")
    async def indexes(self, info: Info, paging: Paging) -> Connection[EmbeddingIndex]:
        """A page of indexes."""
        principal, embeddings = info.context.principal, info.context.services.embeddings
        page = await embeddings.index_page(principal, self.value.id, paging.request)
        count = partial(count_indexes, info.context, self.value.id)
        return paging.connection(page, EmbeddingIndex.from_value, count)

    @computed("Counts.")
    async def stats(self, info: Info) -> KnowledgeBaseStats:
        """Counts of documents, chunks and bytes."""
        return KnowledgeBaseStats.from_value(await info.context.loaders.stats.load(self.value.id))

    @upward("Workspace", "workspaces", "Owner.")
    async def workspace(self, info: Info) -> Node:
        """The workspace it belongs to."""
        return await info.context.get("Workspace", self.value.workspace_id)


async def count_indexes(context: Context, knowledge_base_id: UUID) -> int:
    """Number of indexes of a knowledge base: there are few, so the pages are walked."""
    count, after = 0, None
    while True:
        request = PageRequest(limit=context.settings.page_size_maximum, after=after)
        page = await context.services.embeddings.index_page(context.principal, knowledge_base_id, request)
        count += len(page.items)
        if not page.has_next or count >= context.settings.total_count_cap:
            return count
        after = page.positions[-1]


@strawberry.type(
    description=(
        "Result of `createKnowledgeBase`. On failure the object fields are null and `userErrors` says why."
    )
)
class CreateKnowledgeBasePayload(Payload):
    """The knowledge base, ready for documents."""

    knowledge_base: KnowledgeBase | None = strawberry.field(
        description="The new knowledge base.", default=None
    )


@strawberry.type(
    description=(
        "Result of `updateKnowledgeBase`. On failure the object fields are null and `userErrors` says why."
    )
)
class UpdateKnowledgeBasePayload(Payload):
    """The knowledge base as it is now."""

    knowledge_base: KnowledgeBase | None = strawberry.field(
        description="The changed knowledge base.", default=None
    )


@strawberry.type(
    description=(
        "Result of `deleteKnowledgeBase`. On failure the object fields are null and `userErrors` says why."
    )
)
class DeleteKnowledgeBasePayload(Payload):
    """What to follow until the last trace is gone."""

    deleted_id: strawberry.ID | None = strawberry.field(description="What was deleted.", default=None)
    job: Job | None = strawberry.field(description="The job that removes the content.", default=None)
    receipt: DeletionReceipt | None = strawberry.field(description="Follow the removal here.", default=None)


@strawberry.type
class KnowledgeBaseMutations:
    """Mutations of knowledge bases."""

    @mutation("Creates a knowledge base.", ApiScope.WRITE)
    async def create_knowledge_base(
        self, info: Info, given: Input[CreateKnowledgeBaseInput]
    ) -> CreateKnowledgeBasePayload:
        """Adds it to the caller's workspace."""
        principal, model_id = info.context.principal, given.embedding_model_id
        read_id(principal, given.workspace_id, "Workspace")
        model = read_id(principal, model_id, "EmbeddingModel") if model_id else None
        created = await info.context.services.knowledge_bases.create(principal, given.command(model))
        return CreateKnowledgeBasePayload(knowledge_base=KnowledgeBase.from_value(created))

    @mutation("Changes a knowledge base; absent fields stay as they are, null clears.", ApiScope.WRITE)
    async def update_knowledge_base(
        self, info: Info, given: Input[UpdateKnowledgeBaseInput]
    ) -> UpdateKnowledgeBasePayload:
        """Changes the given fields."""
        principal = info.context.principal
        command = given.command(read_id(principal, given.id, "KnowledgeBase"))
        changed = await info.context.services.knowledge_bases.update(principal, command)
        return UpdateKnowledgeBasePayload(knowledge_base=KnowledgeBase.from_value(changed))

    @mutation("Deletes a knowledge base with everything in it, in the background.", ApiScope.ADMIN)
    async def delete_knowledge_base(
        self, info: Info, given: Input[DeleteKnowledgeBaseInput]
    ) -> DeleteKnowledgeBasePayload:
        """Hides it at once; a job removes what is stored."""
        principal, bases = info.context.principal, info.context.services.knowledge_bases
        target = read_id(principal, given.id, "KnowledgeBase")
        deleted = await bases.delete(principal, target, given.expected_version, given.idempotency_key)
        job, receipt = Job.from_value(deleted.job), DeletionReceipt.from_value(deleted.receipt)
        return DeleteKnowledgeBasePayload(deleted_id=given.id, job=job, receipt=receipt)
