"""Versions of the keyword analyser: each index names the one its words were made by.

Revision ID: 0007_analysers
Revises: 0006_profiles
Create Date: 2026-11-22
"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0007_analysers"
down_revision: str | Sequence[str] | None = "0006_profiles"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"

UPGRADE = """
CREATE TABLE keyword_analysers (
    version smallint NOT NULL,
    chosen_at timestamptz,
    deprecated_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_keyword_analysers PRIMARY KEY (version),
    CONSTRAINT ck_keyword_analysers_version CHECK (version > 0)
);
INSERT INTO keyword_analysers (version, chosen_at) VALUES (1, now());
GRANT SELECT ON keyword_analysers TO lorebase_tenant;
ALTER TABLE embedding_indexes
    ADD COLUMN analyser_version smallint DEFAULT 1 NOT NULL,
    ADD CONSTRAINT fk_embedding_indexes_analyser
        FOREIGN KEY (analyser_version) REFERENCES keyword_analysers (version),
    DROP CONSTRAINT uq_embedding_indexes_model,
    ADD CONSTRAINT uq_embedding_indexes_model
        UNIQUE (workspace_id, knowledge_base_id, model_id, analyser_version);
ALTER TABLE index_documents
    ADD COLUMN posting_count integer,
    ADD CONSTRAINT ck_index_documents_posting_count CHECK (posting_count >= 0);
"""
DOWNGRADE = """
ALTER TABLE index_documents DROP COLUMN posting_count;
ALTER TABLE embedding_indexes
    DROP CONSTRAINT uq_embedding_indexes_model,
    DROP CONSTRAINT fk_embedding_indexes_analyser,
    DROP COLUMN analyser_version,
    ADD CONSTRAINT uq_embedding_indexes_model UNIQUE (workspace_id, knowledge_base_id, model_id);
DROP TABLE keyword_analysers;
"""


def run(script: str) -> None:
    """Each statement within its own limits, so that this blocks others for moments only."""
    op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    op.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
    for statement in script.split(";\n"):
        if statement.strip():
            op.execute(statement)


def upgrade() -> None:
    """Until now kw1 made all words. The default says so of old rows and of those the old release still makes.

    How many postings a document has is not known of old rows: null, until the document is written again.
    """
    run(UPGRADE)


def downgrade() -> None:
    """Back to one analyser; fails while a knowledge base has two indexes of one model."""
    run(DOWNGRADE)
