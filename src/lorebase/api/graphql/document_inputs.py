"""Inputs of the mutations and lists of documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import strawberry
from starlette.datastructures import UploadFile
from strawberry import UNSET

from lorebase.api.graphql.context import Context
from lorebase.api.graphql.enums import DocumentOrderField, OrderDirection
from lorebase.api.graphql.mutations import MutationInput, given_fields
from lorebase.api.graphql.scalars import JSON, Upload
from lorebase.core.errors import BadInput
from lorebase.schemas import documents as values

READ_BYTES = 256 * 1024
EXPECTED_VERSION = "Refuse with `CONFLICT` unless the object is at this version."


@strawberry.input(description="Ordering of Document lists; ties are broken by id.")
class DocumentOrder:
    """How to order documents."""

    direction: OrderDirection = strawberry.field(
        description="Direction to sort in.", default=OrderDirection.DESC
    )
    field: DocumentOrderField = strawberry.field(description="Field to sort by.")

    @staticmethod
    def read(order: DocumentOrder | None) -> values.DocumentOrder:
        """The order that was asked for; last changed first when none was."""
        if not order:
            return values.DocumentOrder()
        return values.DocumentOrder(field=order.field, direction=order.direction)


@strawberry.input(description="Inline text.")
class TextSourceInput:
    """Content given in the request itself."""

    body: str = strawberry.field(description="The text.")
    media_type: str = strawberry.field(
        description="Media type, `text/plain` or `text/markdown`.", default="text/plain"
    )


@strawberry.input(one_of=True, description="Where the content of a document comes from; exactly one.")
class DocumentSourceInput:
    """A file or a text."""

    file: Upload | None = strawberry.field(
        description="A file of this multipart request, at most 32 MiB.", default=UNSET
    )
    text: TextSourceInput | None = strawberry.field(
        description="Text given inline, at most 1 MiB.", default=UNSET
    )


@strawberry.input(description="Input of `upsertDocument`.")
class UpsertDocumentInput(MutationInput):
    """A document to add or to bring up to date."""

    external_id: str | None = strawberry.field(description="The caller's own key.", default=UNSET)
    knowledge_base_id: strawberry.ID = strawberry.field(description="Collection.")
    language: str | None = strawberry.field(description="BCP 47 language tag.", default=UNSET)
    metadata: JSON | None = strawberry.field(
        description="Metadata, an object of at most 16 KiB.", default=UNSET
    )
    source: DocumentSourceInput = strawberry.field(description="Content.")
    tags: list[str] | None = strawberry.field(description="Tags, at most 50.", default=UNSET)
    title: str | None = strawberry.field(
        description="Title; taken from the source when absent.", default=UNSET
    )

    def command(self, knowledge_base_id: UUID, upload: values.StoredUpload) -> values.UpsertDocument:
        """What is asked of the service: only the fields that were given, null as empty."""
        fields = given_fields(self, external_id="external_id", language="language", title="title")
        fields |= _content_fields(self.tags, self.metadata)
        fields |= {"knowledge_base_id": knowledge_base_id, "upload": upload}
        return values.UpsertDocument.model_validate({**fields, "idempotency_key": self.idempotency_key})


@strawberry.input(description="Input of `updateDocument`.")
class UpdateDocumentInput(MutationInput):
    """Changes to a document; absent fields stay as they are."""

    expected_version: int | None = strawberry.field(description=EXPECTED_VERSION, default=None)
    id: strawberry.ID = strawberry.field(description="The document.")
    metadata: JSON | None = strawberry.field(description="New metadata, replacing the old.", default=UNSET)
    tags: list[str] | None = strawberry.field(description="New tags, replacing the old.", default=UNSET)
    title: str | None = strawberry.field(description="Title.", default=UNSET)

    def command(self, document_id: UUID) -> values.UpdateDocument:
        """What is asked of the service: only the fields that were given, null as empty."""
        fields = given_fields(self, title="title") | _content_fields(self.tags, self.metadata)
        fields |= {"id": document_id, "expected_version": self.expected_version}
        return values.UpdateDocument.model_validate({**fields, "idempotency_key": self.idempotency_key})


@strawberry.input(description="Input of `deleteDocument`.")
class DeleteDocumentInput(MutationInput):
    """The document to delete."""

    expected_version: int | None = strawberry.field(description=EXPECTED_VERSION, default=None)
    id: strawberry.ID = strawberry.field(description="The document.")


async def store_source(context: Context, source: DocumentSourceInput) -> values.StoredUpload:
    """Makes the content durable: a file is read piece by piece from where the parser spooled it."""
    documents = context.services.documents
    if source.text:
        return await documents.store_text(context.principal, source.text.body, source.text.media_type)
    if not isinstance(source.file, UploadFile):
        raise BadInput("Give a file or a text.", field=["input", "source"])
    file = source.file
    return await documents.store(context.principal, _pieces(file), file.filename, file.content_type)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    # Two mutations of one request may name the same part.
    await file.seek(0)
    while piece := await file.read(READ_BYTES):
        yield piece


def _content_fields(tags: list[str] | None, metadata: JSON | None) -> dict[str, object]:
    fields: dict[str, object] = {}
    if tags is not UNSET:
        fields["tags"] = tuple(tags or ())
    if metadata is not UNSET:
        if not isinstance(metadata, dict | None):
            raise BadInput("`metadata` must be an object.", field=["input", "metadata"])
        fields["metadata"] = metadata or {}
    return fields
