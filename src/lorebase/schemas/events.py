"""Events of jobs and answers, as they stand in a stream."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from lorebase.schemas.answers import AnswerError, Citation, FinishReason
from lorebase.schemas.base import Value
from lorebase.schemas.jobs import Job, JobError, JobProgress
from lorebase.schemas.search import SearchHit


class StreamKind(StrEnum):
    """What a stream belongs to."""

    ANSWER = "answer"
    JOB = "job"
    WORKSPACE_JOBS = "workspace-jobs"


class StreamName(Value):
    """The stream of one answer, one job, or all jobs of a workspace (then `id` is the workspace's)."""

    kind: StreamKind
    workspace_id: UUID
    id: UUID

    def __str__(self) -> str:
        return f"{self.kind}:{self.workspace_id}:{self.id}"


class JobQueuedEvent(Value):
    """The job waits for a worker."""

    type: Literal["JobQueued"] = "JobQueued"
    job: Job


class JobStartedEvent(Value):
    """A worker took the job."""

    type: Literal["JobStarted"] = "JobStarted"
    job: Job


class JobProgressedEvent(Value):
    """The job advanced."""

    type: Literal["JobProgressed"] = "JobProgressed"
    job: Job
    progress: JobProgress


class JobRetriedEvent(Value):
    """An attempt failed and another will follow at `next_attempt_at`."""

    type: Literal["JobRetried"] = "JobRetried"
    job: Job
    error: JobError
    next_attempt_at: datetime


class JobSucceededEvent(Value):
    """Final: the job finished."""

    type: Literal["JobSucceeded"] = "JobSucceeded"
    job: Job


class JobFailedEvent(Value):
    """Final: the job failed for good, or was cancelled (no error)."""

    type: Literal["JobFailed"] = "JobFailed"
    job: Job
    error: JobError | None


class AnswerStartedEvent(Value):
    """A worker took the question."""

    type: Literal["AnswerStarted"] = "AnswerStarted"
    answer_id: UUID


class AnswerRetrievedEvent(Value):
    """Evidence was found."""

    type: Literal["AnswerRetrieved"] = "AnswerRetrieved"
    hits: tuple[SearchHit, ...]


class AnswerDeltaEvent(Value):
    """More text, to be put at `offset` (code points)."""

    type: Literal["AnswerDelta"] = "AnswerDelta"
    text: str
    offset: int
    parts: int = 1


class AnswerCitationEvent(Value):
    """A claim was linked to evidence."""

    type: Literal["AnswerCitation"] = "AnswerCitation"
    citation: Citation


class AnswerCompletedEvent(Value):
    """Final: the answer is complete."""

    type: Literal["AnswerCompleted"] = "AnswerCompleted"
    answer_id: UUID
    finish_reason: FinishReason


class AnswerFailedEvent(Value):
    """Final: generation failed."""

    type: Literal["AnswerFailed"] = "AnswerFailed"
    answer_id: UUID
    error: AnswerError


class StreamResetEvent(Value):
    """Positions before this one are no longer kept: use the subject as it is now, live events follow."""

    type: Literal["StreamReset"] = "StreamReset"
    subject_id: UUID


StreamEvent = Annotated[
    JobQueuedEvent
    | JobStartedEvent
    | JobProgressedEvent
    | JobRetriedEvent
    | JobSucceededEvent
    | JobFailedEvent
    | AnswerStartedEvent
    | AnswerRetrievedEvent
    | AnswerDeltaEvent
    | AnswerCitationEvent
    | AnswerCompletedEvent
    | AnswerFailedEvent
    | StreamResetEvent,
    Field(discriminator="type"),
]

TERMINAL_EVENTS = frozenset({"JobSucceeded", "JobFailed", "AnswerCompleted", "AnswerFailed"})


class StreamPosition(Value):
    """A place in a stream: `epoch` changes when a stream was lost and begun anew.

    It is empty in a position that comes from PostgreSQL, which knows sequences only; none is used twice.
    """

    epoch: str
    sequence: int


class StoredEvent(Value):
    """An event at its place; `sequence` counts from 1 without gaps within an epoch."""

    position: StreamPosition
    occurred_at: datetime
    event: StreamEvent

    @property
    def is_terminal(self) -> bool:
        """Whether nothing follows in the stream of one job or answer."""
        return self.event.type in TERMINAL_EVENTS
