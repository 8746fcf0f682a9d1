"""Deleting knowledge bases and conversations, and removing what has served its time.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-22
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alembic import op

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"

STATEMENTS = Path(__file__).with_suffix("")


def limit_time() -> None:
    """Bounds how long this migration may block others."""
    op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    op.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")


def run(name: str) -> None:
    for statement in (STATEMENTS / name).read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            op.execute(statement)


def upgrade() -> None:
    limit_time()
    run("up.sql")


def downgrade() -> None:
    limit_time()
    run("down.sql")
