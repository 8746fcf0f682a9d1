"""Background jobs: state, progress, claims."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue

from lorebase.core.errors import ErrorCode
from lorebase.schemas.base import Value


class JobStatus(StrEnum):
    """State of a job as stored. QUEUED with attempt > 0 is shown to clients as RETRYING."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


TERMINAL_STATUSES = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class JobKind(StrEnum):
    """What a job does."""

    ANSWER = "ANSWER"
    DELETE = "DELETE"
    INGEST = "INGEST"
    REINDEX = "REINDEX"
    EVALUATE = "EVALUATE"
    SYNC_METADATA = "SYNC_METADATA"


class JobLane(StrEnum):
    """Answers wait behind no document, documents behind no reindex: each has workers of its own."""

    DOCUMENTS = "documents"
    ANSWERS = "answers"
    INDEXES = "indexes"


# Lanes whose workers are woken at once. Others are found by the sweep: seconds do not matter to a reindex.
HINTED_LANES = (JobLane.DOCUMENTS, JobLane.ANSWERS)


class JobStage(StrEnum):
    """Step within a job."""

    FETCH = "FETCH"
    PARSE = "PARSE"
    CHUNK = "CHUNK"
    EMBED = "EMBED"
    INDEX = "INDEX"


class JobSubjectType(StrEnum):
    """What a job works on, by the name of its GraphQL type."""

    ANSWER = "Answer"
    DOCUMENT = "Document"
    EMBEDDING_INDEX = "EmbeddingIndex"
    EVALUATION_RUN = "EvaluationRun"
    KNOWLEDGE_BASE = "KnowledgeBase"


class JobProgress(Value):
    """Units done and in all (None while unknown) within the current step."""

    stage: JobStage | None = None
    completed: int = 0
    total: int | None = None


class JobError(Value):
    """Why a job failed, fit for end users."""

    code: ErrorCode
    message: str
    retryable: bool


class JobOrderField(StrEnum):
    """Fields that lists of jobs can be ordered by."""

    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"


class JobOrder(Value):
    """Ordering of jobs; ties are broken by id."""

    field: JobOrderField = JobOrderField.CREATED_AT
    descending: bool = True


class Job(Value):
    """A background job. `attempt` counts the starts; `fence` grows with every claim."""

    id: UUID
    workspace_id: UUID
    kind: JobKind
    status: JobStatus
    lane: JobLane
    subject_type: JobSubjectType
    subject_id: UUID
    generation: int
    attempt: int
    fence: int
    progress: JobProgress
    error: JobError | None
    cancel_requested: bool
    event_sequence: int
    trace_id: str
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime
    parameters: dict[str, JsonValue] = {}

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen unless somebody retries."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_retrying(self) -> bool:
        """Whether it failed before and waits for its next attempt."""
        return self.status is JobStatus.QUEUED and self.attempt > 0


class NewJob(Value):
    """A job to be added in the transaction that makes its subject."""

    id: UUID
    kind: JobKind
    lane: JobLane
    subject_type: JobSubjectType
    subject_id: UUID
    generation: int = 0
    trace_id: str = ""
    parameters: dict[str, JsonValue] = {}


class Heartbeat(Value):
    """Answer to a renewed lease: whether it is still ours, and whether somebody asked to stop."""

    holds: bool
    cancel_requested: bool
