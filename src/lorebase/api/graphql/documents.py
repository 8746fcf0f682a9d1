"""Documents: the type, its fields and its mutations. Copy this module for a new noun.

Inputs stand in `document_inputs`; rules stand in `services`: here input is read, one service called, the
result shaped.
"""

from __future__ import annotations

from functools import partial
from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.document_inputs import (
    DeleteDocumentInput,
    UpdateDocumentInput,
    UpsertDocumentInput,
    store_source,
)
from lorebase.api.graphql.document_versions import DocumentVersion
from lorebase.api.graphql.enums import DocumentStatus, document_status
from lorebase.api.graphql.fields import computed, identifier, upward
from lorebase.api.graphql.jobs import Job
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.mutations import Input, Payload, mutation
from lorebase.api.graphql.nodes import Node, Timestamped, global_id, read_id
from lorebase.api.graphql.pagination import Connection, Paging, connection
from lorebase.api.graphql.receipts import DeletionReceipt
from lorebase.api.graphql.scalars import JSON
from lorebase.schemas import documents as values
from lorebase.schemas.workspaces import ApiScope


@strawberry.type(description="A source and its history of versions.")
class Document(Node, Timestamped):
    """A document as clients see it. Lists resolve hundreds of these: what needs no lookup is an attribute."""

    id: strawberry.ID = identifier()
    external_id: str | None = strawberry.field(description="The caller's own key.")
    language: str | None = strawberry.field(description="BCP 47 language tag, when known.")
    metadata: JSON = strawberry.field(description="Caller-defined metadata; an object.")
    searchable: bool = strawberry.field(
        description="Whether search can find it now, by its newest version or an older one."
    )
    status: DocumentStatus = strawberry.field(description="Status.")
    tags: list[str] = strawberry.field(description="Tags.")
    title: str = strawberry.field(description="Title.")
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    value: strawberry.Private[values.Document]

    @classmethod
    def from_value(cls, value: values.Document) -> Self:
        """Shows a document."""
        return cls(
            id=global_id("Document", value.workspace_id, value.id),
            created_at=value.created_at,
            external_id=value.external_id,
            language=value.language,
            metadata=JSON(value.metadata),
            searchable=value.live_generation is not None,
            status=document_status(value.status),
            tags=list(value.tags),
            title=value.title,
            updated_at=value.updated_at,
            version=value.version,
            value=value,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The document, or None; many lookups of one operation become one call."""
        value = await loaders.documents.load(object_id)
        return cls.from_value(value) if value else None

    @computed("Newest version that finished ingestion; null before that.")
    async def current_version(self, info: Info) -> DocumentVersion | None:
        """The version that search shows."""
        version_id = self.value.current_version_id
        return await DocumentVersion.find(info.context.loaders, version_id) if version_id else None

    @upward("KnowledgeBase", "knowledge_bases", "Collection it belongs to.")
    async def knowledge_base(self, info: Info) -> Node:
        """The knowledge base."""
        return await info.context.get("KnowledgeBase", self.value.knowledge_base_id)

    @computed("Newest job about the document.")
    async def latest_job(self, info: Info) -> Job | None:
        """The job that was added last."""
        job = await info.context.loaders.latest_jobs.load(self.value.id)
        return Job.from_value(job) if job else None

    @connection("Versions, newest first.")
    async def versions(self, info: Info, paging: Paging) -> Connection[DocumentVersion]:
        """A page of versions."""
        principal, contents = info.context.principal, info.context.services.contents
        # The first page, which lists of documents ask for, comes for all documents at once.
        page = None
        if paging.request.is_first:
            page = await info.context.loaders.first_version_pages.load((self.value.id, paging.request.limit))
        page = page or await contents.version_page(principal, self.value.id, paging.request)
        count = partial(contents.count_versions, principal, self.value.id)
        return paging.connection(page, DocumentVersion.from_value, count)


@strawberry.type(
    description="Result of `upsertDocument`. On failure the object fields are null and `userErrors` says why."
)
class UpsertDocumentPayload(Payload):
    """The document, and the job that will make it searchable."""

    created: bool | None = strawberry.field(description="Whether the document is new.", default=None)
    document: Document | None = strawberry.field(description="The document.", default=None)
    job: Job | None = strawberry.field(
        description="The ingestion job; null when the content is unchanged.", default=None
    )


@strawberry.type(
    description="Result of `updateDocument`. On failure the object fields are null and `userErrors` says why."
)
class UpdateDocumentPayload(Payload):
    """The document as it is now."""

    document: Document | None = strawberry.field(description="The changed document.", default=None)
    job: Job | None = strawberry.field(
        description="The job that updates the indexes; null when nothing indexed changed.", default=None
    )


@strawberry.type(
    description="Result of `deleteDocument`. On failure the object fields are null and `userErrors` says why."
)
class DeleteDocumentPayload(Payload):
    """What to follow until the last trace is gone."""

    deleted_id: strawberry.ID | None = strawberry.field(description="What was deleted.", default=None)
    job: Job | None = strawberry.field(description="The job that removes the vectors.", default=None)
    receipt: DeletionReceipt | None = strawberry.field(description="Follow the removal here.", default=None)


@strawberry.type
class DocumentMutations:
    """Mutations of documents."""

    @mutation(
        "Adds a document or, when `externalId` is known, a new version of it; "
        "unchanged content starts no job.",
        ApiScope.WRITE,
    )
    async def upsert_document(self, info: Info, given: Input[UpsertDocumentInput]) -> UpsertDocumentPayload:
        """Makes the content durable first, then accepts the document."""
        principal, documents = info.context.principal, info.context.services.documents
        target = read_id(principal, given.knowledge_base_id, "KnowledgeBase")
        upload = await store_source(info.context, given.source)
        result = await documents.upsert(principal, given.command(target, upload))
        job = Job.from_value(result.job) if result.job else None
        document = Document.from_value(result.document)
        return UpsertDocumentPayload(document=document, job=job, created=result.created)

    @mutation("Changes what is known about a document without touching its content.", ApiScope.WRITE)
    async def update_document(self, info: Info, given: Input[UpdateDocumentInput]) -> UpdateDocumentPayload:
        """Changes the given fields."""
        principal, documents = info.context.principal, info.context.services.documents
        document_id = read_id(principal, given.id, "Document")
        result = await documents.update(principal, given.command(document_id))
        job = Job.from_value(result.job) if result.job else None
        return UpdateDocumentPayload(document=Document.from_value(result.document), job=job)

    @mutation("Deletes a document, its versions and vectors.", ApiScope.WRITE)
    async def delete_document(self, info: Info, given: Input[DeleteDocumentInput]) -> DeleteDocumentPayload:
        """Hides it at once; a job removes what is stored."""
        principal, documents = info.context.principal, info.context.services.documents
        document_id = read_id(principal, given.id, "Document")
        deleted = await documents.delete(
            principal, document_id, given.expected_version, given.idempotency_key
        )
        receipt = DeletionReceipt.from_value(deleted.receipt)
        return DeleteDocumentPayload(deleted_id=given.id, job=Job.from_value(deleted.job), receipt=receipt)
