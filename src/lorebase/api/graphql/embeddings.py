"""Embedding models and the indexes built with them."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.fields import computed, identifier
from lorebase.api.graphql.jobs import Job
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.nodes import Node, Timestamped, global_id
from lorebase.api.graphql.pagination import Connection, Paging, connection
from lorebase.api.graphql.reindex_gates import ReindexGate
from lorebase.core.ids import NO_WORKSPACE
from lorebase.schemas import embeddings as values
from lorebase.schemas.analysers import ListedAnalyser, analyser_name
from lorebase.schemas.workspaces import ApiScope


@strawberry.type(description="A model that turns text into vectors.")
class EmbeddingModel(Node, Timestamped):
    """A model version as clients see it; shared by all workspaces."""

    id: strawberry.ID = identifier()
    dimensions: int = strawberry.field(description="Length of the vectors.")
    max_input_tokens: int = strawberry.field(description="Longest input.")
    name: str = strawberry.field(description="Name.")
    provider: str = strawberry.field(description="Who runs the model.")
    version: str = strawberry.field(description="Immutable version.")
    deprecated_at: datetime | None = strawberry.field(
        description="When new knowledge bases may no longer choose it."
    )

    @classmethod
    def from_value(cls, value: values.EmbeddingModel) -> Self:
        """Shows a model."""
        return cls(
            id=global_id("EmbeddingModel", NO_WORKSPACE, value.id),
            created_at=value.created_at,
            deprecated_at=value.deprecated_at,
            dimensions=value.dimensions,
            max_input_tokens=value.max_input_tokens,
            name=value.name,
            provider=value.provider,
            updated_at=value.updated_at,
            version=value.version,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The model, or None."""
        value = await loaders.models.load(object_id)
        return cls.from_value(value) if value else None


@strawberry.type(
    description=(
        "What searches read of a knowledge base: vectors of one model version, words of one analyser. "
        "Searches use the active index; a reindex builds the next one beside it."
    )
)
class EmbeddingIndex(Node, Timestamped):
    """An index as clients see it."""

    id: strawberry.ID = identifier()
    activated_at: datetime | None = strawberry.field(description="When searches began to use it.")
    analyser: str = strawberry.field(description="Version of the keyword analyser, such as `kw1`.")
    chunk_count: int = strawberry.field(description="Vectors written.")
    completed_at: datetime | None = strawberry.field(
        description="When it was verified to hold every document; from then on it can be activated."
    )
    model: EmbeddingModel = strawberry.field(description="Model version.")
    progress: float = strawberry.field(description="Share of chunks written, 0 to 1.")
    job_id: strawberry.Private[UUID | None]

    @classmethod
    def from_value(cls, value: values.EmbeddingIndex) -> Self:
        """Shows an index."""
        return cls(
            id=global_id("EmbeddingIndex", value.workspace_id, value.id),
            activated_at=value.activated_at,
            analyser=analyser_name(value.analyser_version),
            chunk_count=value.chunk_count,
            completed_at=value.completed_at,
            created_at=value.created_at,
            job_id=value.job_id,
            model=EmbeddingModel.from_value(value.model),
            progress=value.progress,
            updated_at=value.updated_at,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The index, or None."""
        value = await loaders.indexes.load(object_id)
        return cls.from_value(value) if value else None

    @computed("The job that builds or built it.")
    async def job(self, info: Info) -> Job | None:
        """The job, when one was needed."""
        return await Job.find(info.context.loaders, self.job_id) if self.job_id else None

    @computed("What keeps it from going live when it finds less; null without a gate.")
    async def gate(self, info: Info) -> ReindexGate | None:
        """The gate of the job that built it."""
        found = await info.context.loaders.gates.load(self.job_id) if self.job_id else None
        return ReindexGate.from_value(found) if found else None


@strawberry.type(
    description="A version of the keyword analyser: how texts and queries become the words of a search."
)
class KeywordAnalyser:
    """A version as clients see it; shared by all workspaces."""

    deprecated_at: datetime | None = strawberry.field(description="When no new index may choose it any more.")
    description: str = strawberry.field(description="What it does.")
    is_default: bool = strawberry.field(description="Whether new knowledge bases use it.")
    name: str = strawberry.field(description="Name for `ReindexKnowledgeBaseInput.analyser`, such as `kw2`.")

    @classmethod
    def from_value(cls, value: ListedAnalyser) -> Self:
        """Shows a version that operators have added."""
        known = value.registered
        return cls(
            deprecated_at=known.deprecated_at if known else None,
            description=value.description,
            is_default=known is not None and known.is_default,
            name=value.name,
        )


@strawberry.type
class EmbeddingQueries:
    """Reads of models and analysers."""

    @computed(
        "Keyword analysers that indexes can use, oldest first; operators add them, at most 100.",
        scopes=[ApiScope.READ],
    )
    async def keyword_analysers(self, info: Info) -> list[KeywordAnalyser]:
        """Those that are registered."""
        found = await info.context.services.embeddings.analysers(info.context.principal)
        return [KeywordAnalyser.from_value(each) for each in found]

    @connection("Models that knowledge bases can use.")
    async def embedding_models(self, info: Info, paging: Paging) -> Connection[EmbeddingModel]:
        """A page of models."""
        principal, embeddings = info.context.principal, info.context.services.embeddings
        page = await embeddings.models(principal, paging.request)
        return paging.connection(page, EmbeddingModel.from_value, partial(embeddings.count_models, principal))
