"""Background jobs: their state, and the mutations that stop and restart them."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.enums import JobKind, JobOrderField, JobStage, JobStatus, OrderDirection, job_status
from lorebase.api.graphql.fields import computed, identifier, lazily, union_of
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.mutations import Input, MutationInput, Payload, mutation
from lorebase.api.graphql.nodes import Node, Timestamped, global_id, read_id
from lorebase.schemas import jobs as values
from lorebase.schemas.workspaces import ApiScope


@strawberry.input(description="Ordering of Job lists; ties are broken by id.")
class JobOrder:
    """How to order jobs."""

    direction: OrderDirection = strawberry.field(
        description="Direction to sort in.", default=OrderDirection.DESC
    )
    field: JobOrderField = strawberry.field(description="Field to sort by.")

    @staticmethod
    def read(order: JobOrder | None) -> values.JobOrder:
        """The order that was asked for; newest first when none was."""
        if not order:
            return values.JobOrder()
        return values.JobOrder(field=order.field, descending=order.direction is OrderDirection.DESC)


@strawberry.type(description="Progress of a job.")
class JobProgress:
    """Where a job is."""

    completed: int = strawberry.field(description="Units done.")
    stage: JobStage | None = strawberry.field(description="Current step.")
    total: int | None = strawberry.field(description="Units in all; null while unknown.")

    @classmethod
    def from_value(cls, value: values.JobProgress) -> Self:
        """Shows the progress."""
        return cls(completed=value.completed, stage=value.stage, total=value.total)


@strawberry.type(description="Failure of a job.")
class JobError:
    """Why a job failed."""

    code: str = strawberry.field(description="Stable machine-readable code, upper snake case.")
    message: str = strawberry.field(description="Explanation fit for end users.")
    retryable: bool = strawberry.field(description="Whether another attempt may succeed.")

    @classmethod
    def from_value(cls, value: values.JobError) -> Self:
        """Shows the error."""
        return cls(code=str(value.code), message=value.message, retryable=value.retryable)


SUBJECT = union_of(
    "JobSubject",
    "What a job can work on.",
    lazily("Answer", "answers"),
    lazily("Document", "documents"),
    lazily("EmbeddingIndex", "embeddings"),
    lazily("EvaluationRun", "evaluations"),
    lazily("KnowledgeBase", "knowledge_bases"),
)


@strawberry.type(description="A background job.")
class Job(Node, Timestamped):
    """A job as clients see it."""

    id: strawberry.ID = identifier()
    attempt: int = strawberry.field(description="How often a worker has started it.")
    error: JobError | None = strawberry.field(description="Why it failed; null unless failed or retrying.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    kind: JobKind = strawberry.field(description="What the job does.")
    next_attempt_at: datetime | None = strawberry.field(
        description="When it is tried again; null unless retrying."
    )
    progress: JobProgress = strawberry.field(description="Where it is.")
    started_at: datetime | None = strawberry.field(description="When a worker first took it.")
    status: JobStatus = strawberry.field(description="State.")
    value: strawberry.Private[values.Job]

    @classmethod
    def from_value(cls, value: values.Job) -> Self:
        """Shows a job."""
        shows_error = value.status is values.JobStatus.FAILED or value.is_retrying
        return cls(
            id=global_id("Job", value.workspace_id, value.id),
            attempt=value.attempt,
            created_at=value.created_at,
            error=JobError.from_value(value.error) if value.error and shows_error else None,
            finished_at=value.finished_at,
            kind=value.kind,
            next_attempt_at=value.run_at if value.is_retrying else None,
            progress=JobProgress.from_value(value.progress),
            started_at=value.started_at,
            status=job_status(value),
            updated_at=value.updated_at,
            value=value,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The job, or None."""
        value = await loaders.jobs.load(object_id)
        return cls.from_value(value) if value else None

    @computed("What it works on; null when that was deleted.", graphql_type=SUBJECT | None)
    async def subject(self, info: Info) -> Node | None:
        """The document, answer, index, evaluation run or knowledge base."""
        return await info.context.find(self.value.subject_type, self.value.subject_id)


@strawberry.input(description="Input of `retryJob`.")
class RetryJobInput(MutationInput):
    """What to start again."""

    id: strawberry.ID = strawberry.field(description="The job.")


@strawberry.type(
    description="Result of `retryJob`. On failure the object fields are null and `userErrors` says why."
)
class RetryJobPayload(Payload):
    """The job, queued again."""

    job: Job | None = strawberry.field(description="The job.", default=None)


@strawberry.input(description="Input of `cancelJob`.")
class CancelJobInput(MutationInput):
    """What to stop."""

    id: strawberry.ID = strawberry.field(description="The job.")


@strawberry.type(
    description="Result of `cancelJob`. On failure the object fields are null and `userErrors` says why."
)
class CancelJobPayload(Payload):
    """The job, asked to stop."""

    job: Job | None = strawberry.field(description="The job.", default=None)


@strawberry.type
class JobMutations:
    """Mutations of jobs."""

    @mutation("Starts a failed job again.", ApiScope.WRITE)
    async def retry_job(self, info: Info, given: Input[RetryJobInput]) -> RetryJobPayload:
        """Queues it from the start."""
        context = info.context
        job_id = read_id(context.principal, given.id, "Job")
        job = await context.services.jobs.retry(context.principal, job_id, given.idempotency_key)
        return RetryJobPayload(job=Job.from_value(job))

    @mutation("Asks a job to stop.", ApiScope.WRITE)
    async def cancel_job(self, info: Info, given: Input[CancelJobInput]) -> CancelJobPayload:
        """Notes the wish; the worker sees it at its next heartbeat."""
        context = info.context
        job_id = read_id(context.principal, given.id, "Job")
        job = await context.services.jobs.cancel(context.principal, job_id, given.idempotency_key)
        return CancelJobPayload(job=Job.from_value(job))
