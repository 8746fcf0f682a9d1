"""Tables of evaluation sets, their questions, runs and results."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from lorebase.models.base import metadata, one_of, reference, tenant_identity, timestamps, workspace_column
from lorebase.schemas.search import SearchMode

evaluation_sets = Table(
    "evaluation_sets",
    metadata,
    *tenant_identity(),
    Column("knowledge_base_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("case_count", Integer, nullable=False, server_default=text("0")),
    *timestamps(),
    reference("evaluation_sets_knowledge_base", "knowledge_bases", {"knowledge_base_id": "id"}, cascade=True),
    UniqueConstraint("workspace_id", "knowledge_base_id", "name", name="uq_evaluation_sets_name"),
    # What a run refers to: a set together with the knowledge base that it is about.
    UniqueConstraint("workspace_id", "knowledge_base_id", "id", name="uq_evaluation_sets_knowledge_base"),
    CheckConstraint("case_count >= 0", name="case_count"),
    Index("ix_evaluation_sets_created_at", "workspace_id", "knowledge_base_id", "created_at", "id"),
)

evaluation_cases = Table(
    "evaluation_cases",
    metadata,
    *tenant_identity(),
    Column("set_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("query", Text, nullable=False),
    Column("relevant", JSONB, nullable=False),
    reference("evaluation_cases_set", "evaluation_sets", {"set_id": "id"}, cascade=True),
    UniqueConstraint("workspace_id", "set_id", "position", name="uq_evaluation_cases_position"),
    CheckConstraint("position > 0", name="position"),
)

# A run compared with is named without a reference: history may be cut at any place.
evaluation_runs = Table(
    "evaluation_runs",
    metadata,
    *tenant_identity(),
    Column("knowledge_base_id", Uuid, nullable=False),
    Column("set_id", Uuid, nullable=False),
    Column("index_id", Uuid, nullable=False),
    Column("job_id", Uuid, nullable=False),
    Column("mode", Text, nullable=False),
    Column("profile", Text),
    Column("compare_with_run_id", Uuid),
    Column("metrics", JSONB(none_as_null=True)),
    *timestamps(),
    reference(
        "evaluation_runs_set",
        "evaluation_sets",
        {"knowledge_base_id": "knowledge_base_id", "set_id": "id"},
        cascade=True,
    ),
    reference(
        "evaluation_runs_index",
        "embedding_indexes",
        {"knowledge_base_id": "knowledge_base_id", "index_id": "id"},
        cascade=True,
    ),
    reference("evaluation_runs_job", "jobs", {"job_id": "id"}, cascade=True),
    one_of("mode", SearchMode),
    Index("ix_evaluation_runs_knowledge_base", "workspace_id", "knowledge_base_id", "created_at", "id"),
    Index("ix_evaluation_runs_set", "workspace_id", "set_id", "created_at", "id"),
    Index("ix_evaluation_runs_index", "workspace_id", "index_id"),
    Index("ix_evaluation_runs_job", "workspace_id", "job_id"),
)

evaluation_results = Table(
    "evaluation_results",
    metadata,
    workspace_column(),
    Column("run_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("ndcg_at_10", Double, nullable=False),
    Column("recall_at_100", Double, nullable=False),
    Column("reciprocal_rank_at_10", Double, nullable=False),
    PrimaryKeyConstraint("workspace_id", "run_id", "position"),
    reference("evaluation_results_run", "evaluation_runs", {"run_id": "id"}, cascade=True),
    reference("evaluation_results_case", "evaluation_cases", {"case_id": "id"}, cascade=True),
    Index("ix_evaluation_results_case", "workspace_id", "case_id"),
)
