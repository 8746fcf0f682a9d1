"""Tables of embedding models, indexes, what each index holds, and vectors already paid for."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from lorebase.models.base import (
    created_column,
    metadata,
    reference,
    tenant_identity,
    timestamps,
    workspace_column,
)

# The same for all workspaces: they read it, only the owner writes it.
embedding_models = Table(
    "embedding_models",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("dimensions", Integer, nullable=False),
    Column("max_input_tokens", Integer, nullable=False),
    Column("collection", Text, nullable=False),
    Column("deprecated_at", DateTime(timezone=True)),
    # When `migrate` last chose it for new knowledge bases; of those chosen the last one counts.
    Column("chosen_at", DateTime(timezone=True)),
    *timestamps(),
    # One model may be used at several lengths: each is a version of its own, with its own collection.
    UniqueConstraint("name", "provider", "version", "dimensions", name="uq_embedding_models_version"),
    UniqueConstraint("collection", name="uq_embedding_models_collection"),
    CheckConstraint("dimensions > 0 AND max_input_tokens > 0", name="sizes"),
    Index("ix_embedding_models_created_at", "created_at", "id"),
)

# As above. Which versions there may be is in the code; a row makes one usable for indexes.
keyword_analysers = Table(
    "keyword_analysers",
    metadata,
    Column("version", SmallInteger, primary_key=True, autoincrement=False),
    # When an operator last chose it for new knowledge bases; of those chosen the last one counts.
    Column("chosen_at", DateTime(timezone=True)),
    Column("deprecated_at", DateTime(timezone=True)),
    created_column(),
    CheckConstraint("version > 0", name="version"),
)

embedding_indexes = Table(
    "embedding_indexes",
    metadata,
    *tenant_identity(),
    Column("knowledge_base_id", Uuid, nullable=False),
    Column("model_id", Uuid, nullable=False),
    Column("analyser_version", SmallInteger, nullable=False, server_default=text("1")),
    Column("job_id", Uuid),
    Column("progress", Double, nullable=False, server_default=text("0")),
    # When it was verified to hold every document; the first index of a knowledge base does from the start.
    Column("completed_at", DateTime(timezone=True), server_default=func.now()),
    Column("activated_at", DateTime(timezone=True)),
    # From here on nobody sees it or writes to it; a job removes its vectors, then the row.
    Column("retired_at", DateTime(timezone=True)),
    *timestamps(),
    reference("embedding_indexes_knowledge_base", "knowledge_bases", {"knowledge_base_id": "id"}),
    ForeignKeyConstraint(["model_id"], ["embedding_models.id"], name="fk_embedding_indexes_model"),
    ForeignKeyConstraint(
        ["analyser_version"], ["keyword_analysers.version"], name="fk_embedding_indexes_analyser"
    ),
    reference("embedding_indexes_job", "jobs", {"job_id": "id"}, deferred=True),
    UniqueConstraint("workspace_id", "knowledge_base_id", "id", name="uq_embedding_indexes_knowledge_base"),
    # Indexes of one model share its vectors, indexes of one analyser its words.
    UniqueConstraint(
        "workspace_id",
        "knowledge_base_id",
        "model_id",
        "analyser_version",
        name="uq_embedding_indexes_model",
    ),
    CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
    CheckConstraint("activated_at IS NULL OR completed_at IS NOT NULL", name="active_is_complete"),
    Index("ix_embedding_indexes_created_at", "workspace_id", "knowledge_base_id", "created_at", "id"),
    Index("ix_embedding_indexes_job", "workspace_id", "job_id"),
)

index_documents = Table(
    "index_documents",
    metadata,
    workspace_column(),
    Column("index_id", Uuid, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("chunk_count", Integer, nullable=False),
    # Of the index's analyser; null where a release wrote it that did not count them.
    Column("posting_count", Integer),
    Column("committed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint(
        "workspace_id", "index_id", "document_id", postgresql_include=["generation", "chunk_count"]
    ),
    reference("index_documents_index", "embedding_indexes", {"index_id": "id"}),
    reference("index_documents_document", "documents", {"document_id": "id"}),
    CheckConstraint("chunk_count >= 0", name="chunk_count"),
    CheckConstraint("posting_count >= 0", name="posting_count"),
    Index("ix_index_documents_document", "workspace_id", "document_id"),
)

embedding_cache = Table(
    "embedding_cache",
    metadata,
    workspace_column(),
    Column("model_id", Uuid, nullable=False),
    Column("text_hash", LargeBinary, nullable=False),
    # Little-endian float32, one after another.
    Column("vector", LargeBinary, nullable=False),
    created_column(),
    # To the day: when it was last asked for, or found to belong to a live passage.
    Column("used_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("workspace_id", "model_id", "text_hash"),
    ForeignKeyConstraint(
        ["model_id"], ["embedding_models.id"], name="fk_embedding_cache_model", ondelete="CASCADE"
    ),
    CheckConstraint("octet_length(vector) % 4 = 0 AND octet_length(vector) > 0", name="vector"),
    Index("ix_embedding_cache_used_at", "workspace_id", "used_at"),
)
