"""Tables of documents, their versions, extracted texts, blobs and deletions."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from lorebase.models.base import (
    created_column,
    metadata,
    one_of,
    reference,
    tenant_identity,
    timestamps,
    workspace_column,
)
from lorebase.schemas.documents import DocumentStatus

NOT_DELETED = text("status NOT IN ('DELETING', 'DELETED')")
TOMBSTONE = text("status IN ('DELETING', 'DELETED')")

documents = Table(
    "documents",
    metadata,
    *tenant_identity(),
    Column("knowledge_base_id", Uuid, nullable=False),
    Column("external_id", Text),
    Column("title", Text, nullable=False),
    # Case-folded by Python, so that comparisons mean the same here, in Milvus and in the services.
    Column("title_key", Text, nullable=False),
    Column("title_sort", Text(collation="C"), nullable=False),
    Column("language", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("metadata", JSONB, nullable=False),
    # The metadata's values by type and dotted path, as filters read them (repositories/sql/search_keys.py).
    Column("metadata_leaves", JSONB, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("live_generation", BigInteger),
    Column("current_version_id", Uuid),
    Column("version", Integer, nullable=False, server_default=text("1")),
    *timestamps(),
    reference("documents_knowledge_base", "knowledge_bases", {"knowledge_base_id": "id"}),
    reference(
        "documents_current_version",
        "document_versions",
        {"id": "document_id", "current_version_id": "id"},
        deferred=True,
    ),
    one_of("status", DocumentStatus),
    CheckConstraint("generation >= 1 AND live_generation <= generation", name="generation"),
    CheckConstraint("status <> 'READY' OR live_generation IS NOT NULL", name="ready_is_live"),
    CheckConstraint(
        "status NOT IN ('DELETING', 'DELETED') OR live_generation IS NULL", name="deleted_is_hidden"
    ),
    CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata"),
    Index(
        "uq_documents_external_id",
        "workspace_id",
        "knowledge_base_id",
        "external_id",
        unique=True,
        postgresql_where=NOT_DELETED,
    ),
    *(
        Index(
            f"ix_documents_{column}",
            "workspace_id",
            "knowledge_base_id",
            column,
            "id",
            postgresql_where=NOT_DELETED,
        )
        for column in ("created_at", "updated_at", "title_sort")
    ),
    Index("ix_documents_tombstones", "workspace_id", "knowledge_base_id", "id", postgresql_where=TOMBSTONE),
)

document_versions = Table(
    "document_versions",
    metadata,
    *tenant_identity(),
    Column("document_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("blob_key", Text, nullable=False),
    Column("file_name", Text),
    Column("media_type", Text, nullable=False),
    Column("byte_size", BigInteger, nullable=False),
    Column("content_hash", Text, nullable=False),
    *timestamps(),
    reference("document_versions_document", "documents", {"document_id": "id"}),
    reference("document_versions_blob", "blobs", {"blob_key": "key"}),
    UniqueConstraint("workspace_id", "document_id", "id", name="uq_document_versions_document"),
    UniqueConstraint("workspace_id", "document_id", "number", name="uq_document_versions_number"),
    UniqueConstraint("workspace_id", "document_id", "generation", name="uq_document_versions_generation"),
    CheckConstraint("number >= 1 AND generation >= 1 AND byte_size >= 0", name="numbers"),
)

# Kept apart, so that lists of versions never drag megabytes along.
version_texts = Table(
    "version_texts",
    metadata,
    workspace_column(),
    Column("version_id", Uuid, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("workspace_id", "version_id"),
    reference("version_texts_version", "document_versions", {"version_id": "id"}, cascade=True),
)

# Outlives the versions of a deleted document until the bytes are gone too.
blobs = Table(
    "blobs",
    metadata,
    workspace_column(),
    Column("key", Text, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("byte_size", BigInteger, nullable=False),
    created_column(),
    PrimaryKeyConstraint("workspace_id", "key"),
    reference("blobs_document", "documents", {"document_id": "id"}),
    Index("ix_blobs_document", "workspace_id", "document_id"),
)

deletion_receipts = Table(
    "deletion_receipts",
    metadata,
    *tenant_identity(),
    Column("document_id", Uuid),
    Column("knowledge_base_id", Uuid),
    Column("vectors_remaining", BigInteger, nullable=False),
    # Of a knowledge base only: a document's receipt speaks of one document, until it is complete.
    Column("documents_remaining", BigInteger),
    Column("requested_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    reference("deletion_receipts_document", "documents", {"document_id": "id"}),
    reference("deletion_receipts_knowledge_base", "knowledge_bases", {"knowledge_base_id": "id"}),
    UniqueConstraint("workspace_id", "document_id", name="uq_deletion_receipts_document"),
    UniqueConstraint("workspace_id", "knowledge_base_id", name="uq_deletion_receipts_knowledge_base"),
    CheckConstraint("num_nonnulls(document_id, knowledge_base_id) = 1", name="subject"),
    CheckConstraint("documents_remaining >= 0", name="documents_remaining"),
    CheckConstraint("vectors_remaining >= 0", name="vectors_remaining"),
    CheckConstraint("completed_at IS NULL OR vectors_remaining = 0", name="completed"),
    Index("ix_deletion_receipts_completed", "workspace_id", "completed_at"),
)
