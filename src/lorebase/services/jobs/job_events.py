"""Telling subscribers about jobs: the job's own stream, the workspace's, and that of an answer cut short."""

from __future__ import annotations

import asyncio
import logging

from lorebase.core.errors import LeaseLost, LorebaseError
from lorebase.ports.event_stream import EventStream
from lorebase.schemas.answers import AnswerError, FinishReason
from lorebase.schemas.events import (
    AnswerCompletedEvent,
    AnswerFailedEvent,
    JobFailedEvent,
    JobProgressedEvent,
    JobQueuedEvent,
    JobRetriedEvent,
    JobStartedEvent,
    JobSucceededEvent,
    StreamKind,
    StreamName,
)
from lorebase.schemas.jobs import Job, JobKind, JobStatus

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


def answer_stream_of(job: Job) -> StreamName:
    """The stream of the answer that a job works on."""
    return StreamName(kind=StreamKind.ANSWER, workspace_id=job.workspace_id, id=job.subject_id)


def answer_end(job: Job) -> AnswerCompletedEvent | AnswerFailedEvent | None:
    """The last event of an answer whose job ended without finishing it; None for any other job."""
    if job.kind is not JobKind.ANSWER:
        return None
    if job.status is JobStatus.CANCELLED:
        return AnswerCompletedEvent(answer_id=job.subject_id, finish_reason=FinishReason.CANCELLED)
    if job.status is JobStatus.FAILED and job.error is not None:
        return AnswerFailedEvent(
            answer_id=job.subject_id, error=AnswerError.model_validate(job.error.model_dump())
        )
    return None


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
        ended = answer_end(job)
        if ended is not None:
            # A started answer's stream that was lost shall begin after 1: readers then ask for the answer.
            await self._append(answer_stream_of(job), ended, job, floor=min(job.fence, 1))
        sequence = await self._append(stream_of(job), event, job, floor=known)
        if sequence is not None:
            await self._append(workspace_stream_of(job), event, job, fence=0)
        return sequence

    async def _append(
        self,
        name: StreamName,
        event: JobEvent | AnswerCompletedEvent | AnswerFailedEvent,
        job: Job,
        *,
        fence: int | None = None,
        floor: int = 0,
    ) -> int | None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._streams.append(
                    name, [event], fence=job.fence if fence is None else fence, floor=floor
                )
        except LeaseLost:
            _log.info("event of a lost lease refused", extra={"job_id": str(job.id), "event": event.type})
        except (LorebaseError, TimeoutError) as error:
            _log.warning(
                "event not announced",
                extra={"job_id": str(job.id), "event": event.type, "reason": type(error).__name__},
            )
        return None
