"""Events of jobs, live."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from functools import partial
from typing import Annotated

import strawberry
from strawberry import UNSET

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.fields import subscription, union_of
from lorebase.api.graphql.filters import JobFilter, read_filter
from lorebase.api.graphql.jobs import Job, JobError, JobProgress
from lorebase.api.graphql.nodes import read_id
from lorebase.api.graphql.streams import StreamEvent, StreamReset, follow, place_of, stream_cursors
from lorebase.schemas import events as values
from lorebase.schemas import filters
from lorebase.schemas.workspaces import ApiScope

JobId = Annotated[strawberry.ID, strawberry.argument(description="The job.")]
WorkspaceId = Annotated[strawberry.ID, strawberry.argument(description="The workspace.")]
Condition = Annotated[
    JobFilter | None,
    strawberry.argument(name="filter", description="Conditions on the jobs to follow."),
]
After = Annotated[
    str | None,
    strawberry.argument(description="Cursor of the last event seen; everything from the start when absent."),
]
LiveAfter = Annotated[
    str | None, strawberry.argument(description="Cursor of the last event seen; live only when absent.")
]


@strawberry.type(description="The job waits for a worker.")
class JobQueued(StreamEvent):
    """Accepted, or accepted again."""

    job: Job = strawberry.field(description="The job.")


@strawberry.type(description="A worker took the job.")
class JobStarted(StreamEvent):
    """An attempt began."""

    job: Job = strawberry.field(description="The job.")


@strawberry.type(description="The job advanced; at most four of these a second.")
class JobProgressed(StreamEvent):
    """Some of the work is done."""

    job: Job = strawberry.field(description="The job.")
    progress: JobProgress = strawberry.field(description="Where it is.")


@strawberry.type(description="An attempt failed and another will follow.")
class JobRetried(StreamEvent):
    """Not yet."""

    error: JobError = strawberry.field(description="Why.")
    job: Job = strawberry.field(description="The job.")
    next_attempt_at: datetime = strawberry.field(description="When.")


@strawberry.type(description="Final event: the job finished.")
class JobSucceeded(StreamEvent):
    """Done."""

    job: Job = strawberry.field(description="The job.")


@strawberry.type(description="Final event: the job failed for good or was cancelled.")
class JobFailed(StreamEvent):
    """Over, without success."""

    error: JobError | None = strawberry.field(description="Why; null when cancelled.")
    job: Job = strawberry.field(description="The job.")


JobEvent = JobFailed | JobProgressed | JobQueued | JobRetried | JobStarted | JobSucceeded | StreamReset
JOB_EVENT = union_of(
    "JobEvent",
    "What happens to a job. Ends after `JobSucceeded` or `JobFailed` when one job is followed. "
    "Clients must ignore unknown members.",
    JobFailed,
    JobProgressed,
    JobQueued,
    JobRetried,
    JobStarted,
    JobSucceeded,
    StreamReset,
)


def show_job_event(stored: values.StoredEvent, cursor: str) -> JobEvent:
    """An event of a job as clients see it."""
    event = stored.event
    at = place_of(stored, cursor)
    shown: JobEvent
    match event:
        case values.JobQueuedEvent():
            shown = JobQueued(**at, job=Job.from_value(event.job))
        case values.JobStartedEvent():
            shown = JobStarted(**at, job=Job.from_value(event.job))
        case values.JobProgressedEvent():
            progress = JobProgress.from_value(event.progress)
            shown = JobProgressed(**at, job=Job.from_value(event.job), progress=progress)
        case values.JobRetriedEvent():
            error, job = JobError.from_value(event.error), Job.from_value(event.job)
            shown = JobRetried(**at, error=error, job=job, next_attempt_at=event.next_attempt_at)
        case values.JobSucceededEvent():
            shown = JobSucceeded(**at, job=Job.from_value(event.job))
        case values.JobFailedEvent():
            failure = JobError.from_value(event.error) if event.error else None
            shown = JobFailed(**at, error=failure, job=Job.from_value(event.job))
        case values.StreamResetEvent():
            shown = StreamReset(**at, subject_type="Job", subject_id=event.subject_id)
        case _:
            raise TypeError(f"{event.type} is no event of a job")
    return shown


def show_workspace_event(stored: values.StoredEvent, cursor: str) -> JobEvent:
    """An event of a workspace's jobs; after a reset the snapshot is the workspace."""
    shown = show_job_event(stored, cursor)
    if isinstance(shown, StreamReset):
        shown.subject_type = "Workspace"
    return shown


@strawberry.type
class JobSubscriptions:
    """Live events of jobs."""

    @subscription("Events of one job: everything after `after`, then live.", ApiScope.READ, JOB_EVENT)
    def job_events(self, info: Info, job_id: JobId, after: After = UNSET) -> AsyncGenerator[JobEvent, None]:
        """What is kept after the cursor, then live, to the terminal event."""
        context = info.context
        key = read_id(context.principal, job_id, "Job")
        cursors = stream_cursors(context, values.StreamKind.JOB, key)
        opened = partial(context.services.streams.job_events, context.principal, key, cursors.read(after))
        return follow(context, cursors, opened, show_job_event)

    @subscription(
        "Events of all jobs of a workspace, live only unless `after` is given.", ApiScope.READ, JOB_EVENT
    )
    def workspace_job_events(
        self, info: Info, workspace_id: WorkspaceId, condition: Condition = UNSET, after: LiveAfter = UNSET
    ) -> AsyncGenerator[JobEvent, None]:
        """Events of every job that matches, without end."""
        context, streams = info.context, info.context.services.streams
        key = read_id(context.principal, workspace_id, "Workspace")
        cursors = stream_cursors(context, values.StreamKind.WORKSPACE_JOBS, key)
        matching = read_filter(context, condition, filters.JobFilter)
        opened = partial(streams.workspace_job_events, context.principal, cursors.read(after), matching)
        return follow(context, cursors, opened, show_workspace_event)
