"""Telling subscribers about jobs: the job's own stream, then the workspace's."""

from __future__ import annotations

import asyncio
import logging

from lorebase.core.errors import LeaseLost, LorebaseError
from lorebase.ports.event_stream import EventStream
from lorebase.schemas.events import (
    JobFailedEvent,
    JobProgressedEvent,
    JobQueuedEvent,
    JobRetriedEvent,
    JobStartedEvent,
    JobSucceededEvent,
    StreamKind,
    StreamName,
)
from lorebase.schemas.jobs import Job, JobStatus

_log = logging.getLogger(__name__)

JobEvent = (
    JobQueuedEvent
    | JobStartedEvent
    | JobProgressedEvent
    | JobRetriedEvent
    | JobSucceededEvent
    | JobFailedEvent
)

_PATIENCE_SECONDS = 2.0


def stream_of(job: Job) -> StreamName:
    """The stream of one job."""
    return StreamName(kind=StreamKind.JOB, workspace_id=job.workspace_id, id=job.id)


def workspace_stream_of(job: Job) -> StreamName:
    """The stream of all jobs of the job's workspace."""
    return StreamName(kind=StreamKind.WORKSPACE_JOBS, workspace_id=job.workspace_id, id=job.workspace_id)


def state_event(job: Job) -> JobEvent:
    """The event that says what state the job is in now."""
    match job.status:
        case JobStatus.SUCCEEDED:
            return JobSucceededEvent(job=job)
        case JobStatus.FAILED:
            return JobFailedEvent(job=job, error=job.error)
        case JobStatus.CANCELLED:
            return JobFailedEvent(job=job, error=None)
        case JobStatus.RUNNING:
            return JobStartedEvent(job=job)
        case JobStatus.QUEUED if job.is_retrying and job.error is not None:
            return JobRetriedEvent(job=job, error=job.error, next_attempt_at=job.run_at)
        case JobStatus.QUEUED:
            return JobQueuedEvent(job=job)


class JobEvents:
    """Appends events of jobs. Best effort: PostgreSQL holds the state, a lost event is found there."""

    def __init__(self, streams: EventStream) -> None:
        self._streams = streams

    async def announce(self, job: Job, event: JobEvent, *, floor: int | None = None) -> int | None:
        """Appends the event under the job's fence; returns its sequence in the job's stream.

        None when it could not be appended, which is logged and never raised. `floor` is the last sequence
        known, when that is newer than the one in the job.
        """
        known = job.event_sequence if floor is None else floor
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                sequence = await self._streams.append(
                    stream_of(job),
                    [event],
                    fence=job.fence,
                    floor=known,
                )
                await self._streams.append(workspace_stream_of(job), [event])
        except LeaseLost:
            _log.info("event of a lost lease refused", extra={"job_id": str(job.id), "event": event.type})
            return None
        except (LorebaseError, TimeoutError) as error:
            _log.warning(
                "event not announced",
                extra={"job_id": str(job.id), "event": event.type, "reason": type(error).__name__},
            )
            return None
        return sequence
