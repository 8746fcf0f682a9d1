"""Passages of documents."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.fields import computed, identifier, upward
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.nodes import Node, global_id
from lorebase.core.errors import BadInput
from lorebase.schemas import documents as values

RADIUS_MAXIMUM = 5
Radius = Annotated[int, strawberry.argument(description="Chunks on each side, at most 5.")]


@strawberry.type(description="A passage of a document version.")
class Chunk(Node):
    """A passage as clients see it."""

    id: strawberry.ID = identifier()
    end_offset: int = strawberry.field(
        description="End in the extracted text, in Unicode code points, exclusive."
    )
    ordinal: int = strawberry.field(description="Position, from 0.")
    page: int | None = strawberry.field(description="Page in the source, from 1.")
    section: list[str] = strawberry.field(description="Headings above the passage.")
    start_offset: int = strawberry.field(description="Start in the extracted text, in Unicode code points.")
    text: str = strawberry.field(description="The passage.")
    token_count: int = strawberry.field(description="Tokens by the active model.")
    version_id: strawberry.Private[UUID]

    @classmethod
    def from_value(cls, value: values.Chunk) -> Self:
        """Shows a passage."""
        return cls(
            id=global_id("Chunk", value.workspace_id, value.id),
            end_offset=value.end_offset,
            ordinal=value.ordinal,
            page=value.page,
            section=list(value.section),
            start_offset=value.start_offset,
            text=value.text,
            token_count=value.token_count,
            version_id=value.version_id,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The passage, or None."""
        value = await loaders.chunks.load(object_id)
        return cls.from_value(value) if value else None

    @upward("DocumentVersion", "document_versions", "Where it comes from.")
    async def document_version(self, info: Info) -> Node:
        """The version it was cut from."""
        return await info.context.get("DocumentVersion", self.version_id)

    @computed("Chunks around this one, in reading order, without it.")
    async def neighbors(self, info: Info, radius: Radius = 1) -> list[Chunk]:
        """Passages before and after it."""
        if not 1 <= radius <= RADIUS_MAXIMUM:
            raise BadInput(f"`radius` must be from 1 to {RADIUS_MAXIMUM}.", field=["radius"])
        around = await info.context.loaders.neighbours.load((self.version_id, self.ordinal, radius))
        return [Chunk.from_value(chunk) for chunk in around or ()]
