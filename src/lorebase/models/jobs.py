"""Table of jobs: the truth about background work."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from lorebase.models.base import belongs_to_workspace, metadata, one_of, tenant_identity, timestamps
from lorebase.schemas.jobs import JobKind, JobLane, JobStage, JobStatus, JobSubjectType

jobs = Table(
    "jobs",
    metadata,
    *tenant_identity(),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("subject_type", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("progress_stage", Text),
    Column("progress_completed", Integer, nullable=False, server_default=text("0")),
    Column("progress_total", Integer),
    Column("error", JSONB(none_as_null=True)),
    Column("cancel_requested", Boolean, nullable=False, server_default=false()),
    Column("event_sequence", BigInteger, nullable=False, server_default=text("0")),
    Column("trace_id", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("run_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("lease_expires_at", DateTime(timezone=True)),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    *timestamps(),
    belongs_to_workspace("jobs"),
    one_of("kind", JobKind),
    one_of("status", JobStatus),
    one_of("lane", JobLane),
    one_of("subject_type", JobSubjectType),
    one_of("progress_stage", JobStage),
    CheckConstraint("attempt >= 0 AND fence >= 0 AND event_sequence >= 0", name="counters"),
    CheckConstraint("(status = 'RUNNING') = (lease_expires_at IS NOT NULL)", name="running_has_lease"),
    CheckConstraint(
        "(status IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL)",
        name="finished",
    ),
    CheckConstraint("status <> 'FAILED' OR error IS NOT NULL", name="failed_has_error"),
    Index("ix_jobs_created_at", "workspace_id", "created_at", "id"),
    Index("ix_jobs_updated_at", "workspace_id", "updated_at", "id"),
    Index("ix_jobs_subject", "workspace_id", "subject_type", "subject_id", "created_at", "id"),
    # For workers, who know a job by its id only, and for finding what is due fairly between workspaces.
    Index("ix_jobs_id", "id"),
    Index(
        "ix_jobs_queued", "lane", "workspace_id", "run_at", "id", postgresql_where=text("status = 'QUEUED'")
    ),
    # For removing old ones.
    Index(
        "ix_jobs_finished_at", "workspace_id", "finished_at", postgresql_where=text("finished_at IS NOT NULL")
    ),
    Index("ix_jobs_running", "lane", "workspace_id", postgresql_where=text("status = 'RUNNING'")),
)
