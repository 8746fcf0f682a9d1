"""Documents, their versions, and what is asked of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from pydantic import JsonValue

from lorebase.schemas.base import Value
from lorebase.schemas.jobs import Job
from lorebase.schemas.knowledge_bases import OrderDirection

JsonObject = dict[str, JsonValue]


class DocumentStatus(StrEnum):
    """Where the latest version of a document is in its life."""

    ACCEPTED = "ACCEPTED"
    PROCESSING = "PROCESSING"
    READY = "READY"
    FAILED = "FAILED"
    QUARANTINED = "QUARANTINED"
    DELETING = "DELETING"
    DELETED = "DELETED"


class DocumentOrderField(StrEnum):
    """Fields that lists of documents can be ordered by."""

    CREATED_AT = "CREATED_AT"
    TITLE = "TITLE"
    UPDATED_AT = "UPDATED_AT"


class DocumentOrder(Value):
    """Ordering of documents; ties are broken by id."""

    field: DocumentOrderField = DocumentOrderField.UPDATED_AT
    direction: OrderDirection = OrderDirection.DESC


class Document(Value):
    """A source and its state.

    `generation` grows with content and deletion only; `live_generation` is what search may show, None for
    nothing. `version` grows with every change and guards against lost updates.
    """

    id: UUID
    workspace_id: UUID
    knowledge_base_id: UUID
    external_id: str | None
    title: str
    language: str | None
    tags: tuple[str, ...]
    metadata: JsonObject
    media_type: str
    status: DocumentStatus
    generation: int
    live_generation: int | None
    current_version_id: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime


class DocumentVersion(Value):
    """One immutable revision of a document's content, stored as the blob `blob_key`."""

    id: UUID
    workspace_id: UUID
    document_id: UUID
    number: int
    generation: int
    blob_key: str
    file_name: str | None
    media_type: str
    byte_size: int
    content_hash: str
    created_at: datetime
    updated_at: datetime


class Chunk(Value):
    """A passage of a document version. Its id is derived from workspace, document, generation and ordinal."""

    id: UUID
    workspace_id: UUID
    document_id: UUID
    version_id: UUID
    ordinal: int
    start_offset: int
    end_offset: int
    page: int | None
    section: tuple[str, ...]
    token_count: int
    text: str


class StoredUpload(Value):
    """Bytes already durable in the blob store, with what was learnt while they were written."""

    blob_key: str
    byte_size: int
    content_hash: str
    media_type: str
    file_name: str | None


class UpsertDocument(Value):
    """What is asked of `upsertDocument`; the content was stored beforehand.

    Fields that were not given (`model_fields_set`) stay as they are on a document that exists.
    """

    knowledge_base_id: UUID
    upload: StoredUpload
    external_id: str | None = None
    title: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    metadata: JsonObject = {}
    idempotency_key: str | None = None


class UpdateDocument(Value):
    """Changes to what is known about a document; fields not given (`model_fields_set`) stay."""

    id: UUID
    title: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: JsonObject | None = None
    expected_version: int | None = None
    idempotency_key: str | None = None


class DeletionReceipt(Value):
    """Proof of a deletion: `vectors_remaining` falls to a verified zero, then `completed_at` is set.

    It is about a document or a knowledge base, with all documents that were in it.
    """

    id: UUID
    workspace_id: UUID
    document_id: UUID | None
    knowledge_base_id: UUID | None = None
    documents_remaining: int = 1
    vectors_remaining: int
    requested_at: datetime
    completed_at: datetime | None


class UpsertedDocument(Value):
    """Result of an upsert; no job when the content is unchanged."""

    document: Document
    job: Job | None
    created: bool


class UpdatedDocument(Value):
    """Result of an update; no job when nothing indexed changed."""

    document: Document
    job: Job | None


class DeletedDocument(Value):
    """Result of a deletion, with the receipt to follow."""

    document_id: UUID
    job: Job
    receipt: DeletionReceipt


class DeletedKnowledgeBase(Value):
    """Result of the deletion of a knowledge base, with the receipt to follow."""

    knowledge_base_id: UUID
    job: Job
    receipt: DeletionReceipt


class SourceFile(Value):
    """A blob made readable as a local file for as long as it is needed."""

    path: Path
    media_type: str
    file_name: str | None
