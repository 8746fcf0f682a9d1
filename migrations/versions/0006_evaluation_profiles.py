"""The retrieval profile that an evaluation run measured.

Revision ID: 0006_profiles
Revises: 0005
Create Date: 2026-11-22
"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0006_profiles"
down_revision: str | Sequence[str] | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"


def limit_time() -> None:
    """Bounds how long this migration may block others."""
    op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    op.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")


def upgrade() -> None:
    """Runs made before, and by the old release, measured plain searches: they have none."""
    limit_time()
    op.execute("ALTER TABLE evaluation_runs ADD COLUMN profile text")


def downgrade() -> None:
    limit_time()
    op.execute("ALTER TABLE evaluation_runs DROP COLUMN profile")
