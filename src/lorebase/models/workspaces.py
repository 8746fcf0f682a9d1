"""Tables of tenants, people and keys."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from lorebase.models.base import belongs_to_workspace, metadata, one_of, tenant_identity, timestamps
from lorebase.schemas.workspaces import ApiScope, WorkspaceRole

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("partition", Text, nullable=False),
    *timestamps(),
    UniqueConstraint("slug", name="uq_workspaces_slug"),
    # An empty partition name means every partition to Milvus.
    CheckConstraint("partition <> ''", name="partition"),
)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    *timestamps(),
    UniqueConstraint("email", name="uq_users_email"),
)

memberships = Table(
    "memberships",
    metadata,
    *tenant_identity(),
    Column("user_id", Uuid, nullable=False),
    Column("role", Text, nullable=False),
    *timestamps(),
    belongs_to_workspace("memberships"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user"),
    UniqueConstraint("workspace_id", "user_id", name="uq_memberships_user"),
    one_of("role", WorkspaceRole),
    Index("ix_memberships_created_at", "workspace_id", "created_at", "id"),
)

_SCOPES = ", ".join(f"'{scope}'" for scope in ApiScope)

api_keys = Table(
    "api_keys",
    metadata,
    *tenant_identity(),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    *timestamps(),
    belongs_to_workspace("api_keys"),
    UniqueConstraint("workspace_id", "digest", name="uq_api_keys_digest"),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    CheckConstraint(f"scopes <@ ARRAY[{_SCOPES}]::text[]", name="scopes"),
    Index("ix_api_keys_created_at", "workspace_id", "created_at", "id"),
    # Whoever presents a key has not said yet which workspace it is of.
    Index("ix_api_keys_digest", "digest"),
)
