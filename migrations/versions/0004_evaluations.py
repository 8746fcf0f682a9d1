"""Evaluation sets, their questions, runs and results, with row-level security and grants.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-22
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alembic import op

revision: str = "0004"
down_revision: str | Sequence[str] | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"

TABLES = Path(__file__).with_suffix("")
NAMES = ("evaluation_sets", "evaluation_cases", "evaluation_runs", "evaluation_results")
OWN = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid"


def limit_time() -> None:
    """Bounds how long this migration may block others."""
    op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    op.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")


def upgrade() -> None:
    limit_time()
    for file in sorted(TABLES.glob("*.sql")):
        for statement in file.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                op.execute(statement)
    for table in NAMES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} TO lorebase_tenant USING ({OWN}) WITH CHECK ({OWN})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO lorebase_tenant")


def downgrade() -> None:
    limit_time()
    for table in reversed(NAMES):
        op.execute(f"DROP TABLE {table}")
