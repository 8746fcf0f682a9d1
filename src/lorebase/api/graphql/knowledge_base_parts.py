"""What a knowledge base is made of: splitting rules, declared metadata, facets and counts."""

from __future__ import annotations

from typing import Self

import strawberry

from lorebase.api.graphql.enums import MetadataFieldType
from lorebase.api.graphql.scalars import Long
from lorebase.core.errors import NotFound
from lorebase.schemas import knowledge_bases as values
from lorebase.schemas.parsing import ChunkingRules


@strawberry.type(description="How text is split.")
class ChunkingConfig:
    """Splitting rules."""

    max_tokens: int = strawberry.field(description="Largest chunk.")
    overlap_tokens: int = strawberry.field(description="Tokens shared by neighbours.")

    @classmethod
    def from_value(cls, value: ChunkingRules) -> Self:
        """Shows the rules."""
        return cls(max_tokens=value.max_tokens, overlap_tokens=value.overlap_tokens)


@strawberry.type(
    description=(
        "A metadata key that documents of a knowledge base may carry and filters may name. "
        "Keys that are not declared can be stored, but not filtered on."
    )
)
class MetadataField:
    """A declared key."""

    description: str | None = strawberry.field(description="What the key means.")
    path: str = strawberry.field(
        description="Dotted path below the metadata root, for example `author.team`."
    )
    required: bool = strawberry.field(description="Whether every document must carry it.")
    type: MetadataFieldType = strawberry.field(
        description="Type of its values; writing another type is an error."
    )

    @classmethod
    def from_value(cls, value: values.MetadataField) -> Self:
        """Shows a declaration."""
        return cls(description=value.description, path=value.path, required=value.required, type=value.type)


@strawberry.type(description="A value of a metadata key or built-in field, and how many documents carry it.")
class FacetValue:
    """A value for a filter panel."""

    count: int = strawberry.field(description="Documents.")
    value: str = strawberry.field(description="The value as text.")

    @classmethod
    def from_value(cls, value: values.FacetValue) -> Self:
        """Shows a value."""
        return cls(count=value.count, value=value.value)


@strawberry.type(description="Counts of a knowledge base, at most a minute old.")
class KnowledgeBaseStats:
    """How much is in it."""

    chunk_count: int = strawberry.field(description="Chunks.")
    document_count: int = strawberry.field(description="Documents.")
    storage_bytes: Long = strawberry.field(description="Bytes of sources.")

    @classmethod
    def from_value(cls, value: values.KnowledgeBaseStats | None) -> Self:
        """Shows the counts; NotFound when the knowledge base is gone."""
        if value is None:
            raise NotFound("There is no such object.")
        return cls(
            chunk_count=value.chunk_count,
            document_count=value.document_count,
            storage_bytes=Long(value.storage_bytes),
        )
