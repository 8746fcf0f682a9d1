"""Indexes that are built beside the live one, switched and retired; models of several lengths.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-22
"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0005"
down_revision: str | Sequence[str] | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# A migration that waits for a lock makes every query behind it wait: it gives up early instead.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"

UPGRADE = """
ALTER TABLE embedding_models
    ADD COLUMN chosen_at timestamptz,
    DROP CONSTRAINT uq_embedding_models_version,
    ADD CONSTRAINT uq_embedding_models_version UNIQUE (name, provider, version, dimensions);
ALTER TABLE embedding_indexes
    ADD COLUMN completed_at timestamptz DEFAULT now(),
    ADD COLUMN retired_at timestamptz,
    ADD CONSTRAINT uq_embedding_indexes_model UNIQUE (workspace_id, knowledge_base_id, model_id),
    ADD CONSTRAINT ck_embedding_indexes_active_is_complete
        CHECK (activated_at IS NULL OR completed_at IS NOT NULL);
ALTER TABLE embedding_cache
    DROP CONSTRAINT fk_embedding_cache_model,
    ADD CONSTRAINT fk_embedding_cache_model
        FOREIGN KEY (model_id) REFERENCES embedding_models (id) ON DELETE CASCADE;
ALTER TABLE jobs
    DROP CONSTRAINT ck_jobs_lane,
    ADD CONSTRAINT ck_jobs_lane CHECK (lane IN ('documents', 'answers', 'indexes'));
"""
DOWNGRADE = """
ALTER TABLE jobs
    DROP CONSTRAINT ck_jobs_lane,
    ADD CONSTRAINT ck_jobs_lane CHECK (lane IN ('documents', 'answers'));
ALTER TABLE embedding_cache
    DROP CONSTRAINT fk_embedding_cache_model,
    ADD CONSTRAINT fk_embedding_cache_model FOREIGN KEY (model_id) REFERENCES embedding_models (id);
ALTER TABLE embedding_indexes
    DROP CONSTRAINT ck_embedding_indexes_active_is_complete,
    DROP CONSTRAINT uq_embedding_indexes_model,
    DROP COLUMN retired_at,
    DROP COLUMN completed_at;
ALTER TABLE embedding_models
    DROP CONSTRAINT uq_embedding_models_version,
    ADD CONSTRAINT uq_embedding_models_version UNIQUE (name, provider, version),
    DROP COLUMN chosen_at;
"""


def run(script: str) -> None:
    """Each statement within its own limits, so that this blocks others for moments only."""
    op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    op.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
    for statement in script.split(";\n"):
        if statement.strip():
            op.execute(statement)


def upgrade() -> None:
    """Until now every index was its knowledge base's only one, complete from the start.

    The default says so of old rows, which row-level security would hide from an UPDATE of the owner, and of
    those that the old release still makes.
    """
    run(UPGRADE)


def downgrade() -> None:
    """Back to the tables before; fails while a model is registered at two lengths."""
    run(DOWNGRADE)
