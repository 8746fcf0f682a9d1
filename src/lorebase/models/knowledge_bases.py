"""Table of knowledge bases."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from lorebase.models.base import belongs_to_workspace, metadata, reference, tenant_identity, timestamps

knowledge_bases = Table(
    "knowledge_bases",
    metadata,
    *tenant_identity(),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    # The case-folded start of the name: short enough for any index, ordered by code point in any database.
    Column("name_sort", Text(collation="C"), nullable=False),
    Column("description", Text),
    Column("chunk_max_tokens", Integer, nullable=False),
    Column("chunk_overlap_tokens", Integer, nullable=False),
    Column("metadata_fields", JSONB, nullable=False),
    Column("active_index_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
    *timestamps(),
    # From here on nobody sees it; a job empties it, and the row stays as a tombstone.
    Column("deleted_at", DateTime(timezone=True)),
    belongs_to_workspace("knowledge_bases"),
    # A knowledge base and its first index are made together, each naming the other.
    reference(
        "knowledge_bases_active_index",
        "embedding_indexes",
        {"id": "knowledge_base_id", "active_index_id": "id"},
        deferred=True,
    ),
    Index(
        "uq_knowledge_bases_slug",
        "workspace_id",
        "slug",
        unique=True,
        postgresql_where=text("deleted_at IS NULL"),
    ),
    Index(
        "ix_knowledge_bases_deleted",
        "workspace_id",
        "id",
        postgresql_where=text("deleted_at IS NOT NULL"),
    ),
    CheckConstraint("chunk_max_tokens > chunk_overlap_tokens AND chunk_overlap_tokens >= 0", name="chunking"),
    Index("ix_knowledge_bases_created_at", "workspace_id", "created_at", "id"),
    Index("ix_knowledge_bases_name", "workspace_id", "name_sort", "id"),
)
