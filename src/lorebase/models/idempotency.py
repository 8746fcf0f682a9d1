"""Table of results by the callers' idempotency keys."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, Uuid

from lorebase.models.base import belongs_to_workspace, created_column, metadata, workspace_column

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    workspace_column(),
    Column("principal_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("mutation", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("result", Text),
    created_column(),
    PrimaryKeyConstraint("workspace_id", "principal_id", "key"),
    belongs_to_workspace("idempotency_keys"),
    # For removing expired ones.
    Index("ix_idempotency_keys_created_at", "workspace_id", "created_at"),
)
