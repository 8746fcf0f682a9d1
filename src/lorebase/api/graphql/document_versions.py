"""Versions of documents: text, passages and a link to the source."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Self
from uuid import UUID

import strawberry
from strawberry import UNSET

from lorebase.api.downloads import download_url
from lorebase.api.graphql.chunks import Chunk
from lorebase.api.graphql.context import Info
from lorebase.api.graphql.fields import computed, identifier, upward
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.nodes import Node, Timestamped, global_id
from lorebase.api.graphql.pagination import Connection, Paging, connection
from lorebase.api.graphql.scalars import Long
from lorebase.core.errors import BadInput
from lorebase.schemas import documents as values

TEXT_MAXIMUM = 20_000
Start = Annotated[int, strawberry.argument(description="Start in Unicode code points.")]
End = Annotated[int | None, strawberry.argument(description="End in Unicode code points, exclusive.")]


@strawberry.type(description="One immutable revision of a document's content.")
class DocumentVersion(Node, Timestamped):
    """A version as clients see it."""

    id: strawberry.ID = identifier()
    byte_size: Long = strawberry.field(description="Size of the source.")
    content_hash: str = strawberry.field(description="SHA-256 of the source, hexadecimal.")
    media_type: str = strawberry.field(description="Media type.")
    number: int = strawberry.field(description="1 for the first version.")
    value: strawberry.Private[values.DocumentVersion]

    @classmethod
    def from_value(cls, value: values.DocumentVersion) -> Self:
        """Shows a version."""
        return cls(
            id=global_id("DocumentVersion", value.workspace_id, value.id),
            byte_size=Long(value.byte_size),
            content_hash=value.content_hash,
            created_at=value.created_at,
            media_type=value.media_type,
            number=value.number,
            updated_at=value.updated_at,
            value=value,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The version, or None."""
        value = await loaders.versions.load(object_id)
        return cls.from_value(value) if value else None

    @upward("Document", "documents", "The document.")
    async def document(self, info: Info) -> Node:
        """The document it belongs to."""
        return await info.context.get("Document", self.value.document_id)

    @connection("Chunks in reading order.")
    async def chunks(self, info: Info, paging: Paging) -> Connection[Chunk]:
        """A page of passages."""
        principal, contents = info.context.principal, info.context.services.contents
        page = await contents.chunk_page(principal, self.value.id, paging.request)
        return paging.connection(
            page, Chunk.from_value, partial(contents.count_chunks, principal, self.value.id)
        )

    @computed("Link to the source, valid for five minutes.")
    def download_url(self, info: Info) -> str | None:
        """A signed link that needs no key."""
        context = info.context
        now = context.clock.now()
        return download_url(context.settings, context.services.signer, self.value, now)

    @computed("Extracted text, at most 20000 code points a call; null until it is parsed.")
    async def text(self, info: Info, start: Start = 0, end: End = UNSET) -> str | None:
        """A slice of the text."""
        stop = start + TEXT_MAXIMUM if end is None or end is UNSET else end
        if not 0 <= start <= stop <= start + TEXT_MAXIMUM:
            raise BadInput(f"Ask for 0 to {TEXT_MAXIMUM} code points, from `start` on.", field=["end"])
        return await info.context.loaders.texts.load((self.value.id, start, stop))
