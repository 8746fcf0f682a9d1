"""${message}.

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision: str = ${repr(up_revision)}
down_revision: str | Sequence[str] | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}

# A migration that waits for a lock makes every query behind it wait: it gives up early instead.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"


def limit_time() -> None:
    """Bounds how long this migration may block others."""
    op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    op.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")


# A new table of tenants needs, besides its columns: ENABLE and FORCE ROW LEVEL SECURITY, the policy and the
# grants to lorebase_tenant (see 0001), a key that begins with workspace_id and composite foreign keys.
def upgrade() -> None:
    """Old code must run on the new tables: expand here, contract in a later change."""
    limit_time()
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Back to the tables before."""
    limit_time()
    ${downgrades if downgrades else "pass"}
