"""Inputs of the mutations and lists of knowledge bases."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import strawberry
from strawberry import UNSET

from lorebase.api.graphql.document_inputs import EXPECTED_VERSION
from lorebase.api.graphql.enums import KnowledgeBaseOrderField, MetadataFieldType, OrderDirection
from lorebase.api.graphql.mutations import MutationInput, given_fields, not_null
from lorebase.schemas import knowledge_bases as values


@strawberry.input(description="Ordering of KnowledgeBase lists; ties are broken by id.")
class KnowledgeBaseOrder:
    """How to order knowledge bases."""

    direction: OrderDirection = strawberry.field(
        description="Direction to sort in.", default=OrderDirection.DESC
    )
    field: KnowledgeBaseOrderField = strawberry.field(description="Field to sort by.")

    @staticmethod
    def read(order: KnowledgeBaseOrder | None) -> values.KnowledgeBaseOrder:
        """The order that was asked for; newest first when none was."""
        if not order:
            return values.KnowledgeBaseOrder()
        return values.KnowledgeBaseOrder(field=order.field, direction=order.direction)


@strawberry.input(description="Declares a metadata key.")
class MetadataFieldInput:
    """A key that filters may name."""

    description: str | None = strawberry.field(description="What the key means.", default=None)
    path: str = strawberry.field(description="Dotted path below the metadata root.")
    required: bool = strawberry.field(description="Whether every document must carry it.", default=False)
    type: MetadataFieldType = strawberry.field(description="Type of its values.")

    def value(self) -> values.MetadataField:
        """The declaration."""
        return values.MetadataField(
            path=self.path, type=self.type, required=self.required, description=self.description
        )


@strawberry.input(description="Splitting rules.")
class ChunkingConfigInput:
    """How text is to be split."""

    max_tokens: int | None = strawberry.field(
        description="Largest chunk, from 64 to the model's `maxInputTokens`, which is the default.",
        default=None,
    )
    overlap_tokens: int = strawberry.field(
        description="Tokens shared by neighbours, below half of `maxTokens`.", default=32
    )


@strawberry.input(description="Input of `createKnowledgeBase`.")
class CreateKnowledgeBaseInput(MutationInput):
    """A knowledge base to add."""

    chunking: ChunkingConfigInput | None = strawberry.field(description="Splitting rules.", default=None)
    description: str | None = strawberry.field(description="What it is for.", default=None)
    metadata_fields: list[MetadataFieldInput] | None = strawberry.field(
        description="Metadata keys that filters may name.", default=None
    )
    embedding_model_id: strawberry.ID | None = strawberry.field(
        description="Model; the default when absent.", default=None
    )
    name: str = strawberry.field(description="Display name.")
    slug: str | None = strawberry.field(
        description="Unique name; derived from `name` when absent.", default=None
    )
    workspace_id: strawberry.ID = strawberry.field(description="Owner.")

    def command(self, embedding_model_id: UUID | None) -> values.CreateKnowledgeBase:
        """What is asked of the service."""
        chunking = self.chunking or ChunkingConfigInput()
        return values.CreateKnowledgeBase(
            name=self.name,
            slug=self.slug,
            description=self.description,
            embedding_model_id=embedding_model_id,
            chunk_max_tokens=chunking.max_tokens,
            chunk_overlap_tokens=chunking.overlap_tokens,
            metadata_fields=_declared(self.metadata_fields),
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="Input of `updateKnowledgeBase`.")
class UpdateKnowledgeBaseInput(MutationInput):
    """Changes to a knowledge base; absent fields stay, null clears."""

    description: str | None = strawberry.field(description="What it is for.", default=UNSET)
    expected_version: int | None = strawberry.field(description=EXPECTED_VERSION, default=None)
    id: strawberry.ID = strawberry.field(description="The knowledge base.")
    metadata_fields: list[MetadataFieldInput] | None = strawberry.field(
        description="Metadata keys, replacing the old; a key in use can change neither type nor path.",
        default=UNSET,
    )
    name: str | None = strawberry.field(description="Display name.", default=UNSET)

    def command(self, knowledge_base_id: UUID) -> values.UpdateKnowledgeBase:
        """What is asked of the service: only the fields that were given."""
        fields = given_fields(self, name="name", description="description")
        not_null(fields, "name")
        if self.metadata_fields is not UNSET:
            fields["metadata_fields"] = _declared(self.metadata_fields)
        fields |= {"id": knowledge_base_id, "expected_version": self.expected_version}
        return values.UpdateKnowledgeBase.model_validate({**fields, "idempotency_key": self.idempotency_key})


@strawberry.input(description="Input of `deleteKnowledgeBase`.")
class DeleteKnowledgeBaseInput(MutationInput):
    """A knowledge base to delete with everything in it."""

    expected_version: int | None = strawberry.field(description=EXPECTED_VERSION, default=None)
    id: strawberry.ID = strawberry.field(description="The knowledge base.")


def _declared(fields: Sequence[MetadataFieldInput] | None) -> tuple[values.MetadataField, ...]:
    return tuple(field.value() for field in fields or ())
