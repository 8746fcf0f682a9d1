"""First tables, with row-level security, composite foreign keys and grants from the start.

Revision ID: 0001
Revises:
Create Date: 2026-11-22
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alembic import op

revision: str = "0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"

TABLES = Path(__file__).with_suffix("")

# Outside a tenant's transaction the setting is absent or empty; both are null here, and null equals no row.
CURRENT_WORKSPACE = "nullif(current_setting('app.workspace_id', true), '')::uuid"

TENANT_TABLES = (
    "answers",
    "api_keys",
    "blobs",
    "chunks",
    "citations",
    "conversation_knowledge_bases",
    "conversations",
    "deletion_receipts",
    "document_versions",
    "documents",
    "embedding_cache",
    "embedding_indexes",
    "idempotency_keys",
    "index_documents",
    "jobs",
    "keyword_postings",
    "knowledge_bases",
    "memberships",
    "messages",
    "version_texts",
)

# What the system role may do: find and move jobs, check keys, watch the states of documents. No content.
JOB_COLUMNS = (
    "status, attempt, fence, progress_stage, progress_completed, progress_total, error, event_sequence, "
    "run_at, lease_expires_at, started_at, finished_at, updated_at"
)
SYSTEM_GRANTS = {
    "jobs": f"SELECT, UPDATE ({JOB_COLUMNS})",
    "api_keys": "SELECT, UPDATE (last_used_at)",
    "memberships": "SELECT",
    "workspaces": "SELECT",
    "documents": "SELECT (workspace_id, id, status, generation, live_generation, updated_at)",
    "index_documents": "SELECT",
}


def limit_time() -> None:
    """Bounds how long this migration may block others."""
    op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    op.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")


def create_tables() -> None:
    for file in sorted(TABLES.glob("*.sql")):
        for statement in file.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                op.execute(statement)
    # Random bits do not compress: do not try.
    op.execute("ALTER TABLE embedding_cache ALTER COLUMN vector SET STORAGE EXTERNAL")


def secure(table: str, condition: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {table} TO lorebase_tenant USING ({condition}) WITH CHECK ({condition})"
    )


def secure_tenants() -> None:
    for table in TENANT_TABLES:
        secure(table, f"workspace_id = {CURRENT_WORKSPACE}")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO lorebase_tenant")
    secure("workspaces", f"id = {CURRENT_WORKSPACE}")
    op.execute("GRANT SELECT, INSERT, UPDATE ON workspaces TO lorebase_tenant")
    # People are shared by workspaces: a workspace sees its members.
    secure("users", "EXISTS (SELECT FROM memberships WHERE memberships.user_id = users.id)")
    op.execute("GRANT SELECT ON users TO lorebase_tenant")
    op.execute("GRANT SELECT ON embedding_models, alembic_version TO lorebase_tenant")


def admit_system() -> None:
    for table, privileges in SYSTEM_GRANTS.items():
        op.execute(f"CREATE POLICY system ON {table} TO lorebase_system USING (true)")
        op.execute(f"GRANT {privileges} ON {table} TO lorebase_system")


def upgrade() -> None:
    limit_time()
    create_tables()
    secure_tenants()
    admit_system()


def downgrade() -> None:
    limit_time()
    tables = ", ".join((*TENANT_TABLES, "workspaces", "users", "embedding_models"))
    op.execute(f"DROP TABLE {tables} CASCADE")
