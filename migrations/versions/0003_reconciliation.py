"""Tasks that one process at a time does every so often, such as the comparison of the stores.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-22
"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"


def limit_time() -> None:
    """Bounds how long this migration may block others."""
    op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    op.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")


def upgrade() -> None:
    limit_time()
    op.execute(
        """
        CREATE TABLE periodic_tasks (
            name text NOT NULL,
            holder uuid,
            lease_expires_at timestamptz,
            finished_at timestamptz,
            CONSTRAINT pk_periodic_tasks PRIMARY KEY (name),
            CONSTRAINT ck_periodic_tasks_held_has_lease CHECK ((holder IS NULL) = (lease_expires_at IS NULL))
        )
        """
    )
    # No tenant's: under row-level security, without a policy for tenants, they see no row of it.
    op.execute("ALTER TABLE periodic_tasks ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE periodic_tasks FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY system ON periodic_tasks TO lorebase_system USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE ON periodic_tasks TO lorebase_system")
    op.execute("GRANT SELECT ON periodic_tasks TO lorebase_tenant")


def downgrade() -> None:
    limit_time()
    op.execute("DROP TABLE periodic_tasks")
