"""Tables of passages and of the words they are found by."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from lorebase.models.base import metadata, reference, tenant_identity, workspace_column

chunks = Table(
    "chunks",
    metadata,
    *tenant_identity(),
    Column("document_id", Uuid, nullable=False),
    Column("version_id", Uuid, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("start_offset", Integer, nullable=False),
    Column("end_offset", Integer, nullable=False),
    Column("page", Integer),
    Column("section", ARRAY(Text), nullable=False),
    # The heading path as filters see it (joined by " > ") and case-folded by Python.
    Column("section_path", Text, nullable=False),
    Column("section_key", Text, nullable=False),
    Column("token_count", Integer, nullable=False),
    Column("text", Text, nullable=False),
    reference(
        "chunks_version",
        "document_versions",
        {"document_id": "document_id", "version_id": "id"},
        cascade=True,
    ),
    UniqueConstraint("workspace_id", "version_id", "ordinal", name="uq_chunks_ordinal"),
    CheckConstraint("ordinal >= 0 AND token_count >= 0", name="numbers"),
    CheckConstraint("start_offset >= 0 AND end_offset >= start_offset", name="offsets"),
)

# Some eighty rows a passage: no reference is checked for each of them. Row-level security keeps a posting in
# its workspace, and a hit counts only when its chunk is there.
keyword_postings = Table(
    "keyword_postings",
    metadata,
    workspace_column(),
    Column("analyser_version", SmallInteger, nullable=False),
    # A 32-bit hash, shifted into the range of a signed integer.
    Column("term", Integer, nullable=False),
    Column("chunk_id", Uuid, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("knowledge_base_id", Uuid, nullable=False),
    Column("weight", REAL, nullable=False),
    # The one index a search reads; it covers everything but the narrowing to documents.
    PrimaryKeyConstraint(
        "workspace_id",
        "analyser_version",
        "term",
        "chunk_id",
        postgresql_include=["knowledge_base_id", "weight"],
    ),
    CheckConstraint("weight > 0", name="weight"),
    Index("ix_keyword_postings_document", "workspace_id", "document_id"),
)
