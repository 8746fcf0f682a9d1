"""Scripts of events for the fake streams."""

from __future__ import annotations

from datetime import timedelta

from lorebase.core.errors import ErrorCode
from lorebase.schemas.answers import AnswerError, FinishReason
from lorebase.schemas.events import (
    AnswerCitationEvent,
    AnswerCompletedEvent,
    AnswerDeltaEvent,
    AnswerFailedEvent,
    AnswerRetrievedEvent,
    AnswerStartedEvent,
    JobFailedEvent,
    JobProgressedEvent,
    JobQueuedEvent,
    JobRetriedEvent,
    JobStartedEvent,
    JobSucceededEvent,
    StoredEvent,
    StreamEvent,
    StreamPosition,
    StreamResetEvent,
)
from tests.fakes.clock import START
from tests.unit.api.fake_world import World


def stored(*events: StreamEvent) -> list[StoredEvent]:
    """Events in a row, from sequence 1."""
    return [
        StoredEvent(
            position=StreamPosition(epoch="e1", sequence=sequence),
            occurred_at=START + timedelta(seconds=sequence),
            event=event,
        )
        for sequence, event in enumerate(events, start=1)
    ]


def job_story(world: World) -> list[StoredEvent]:
    """One of every event of a job."""
    job = world.job
    assert job.error is not None
    return stored(
        JobQueuedEvent(job=job),
        JobStartedEvent(job=job),
        JobProgressedEvent(job=job, progress=job.progress),
        JobRetriedEvent(job=job, error=job.error, next_attempt_at=START),
        StreamResetEvent(subject_id=job.id),
        JobSucceededEvent(job=job),
        JobFailedEvent(job=job, error=None),
    )


def answer_story(world: World) -> list[StoredEvent]:
    """One of every event of an answer."""
    answer = world.answer
    error = AnswerError(code=ErrorCode.MODEL_REFUSED, message="The model refused.", retryable=False)
    return stored(
        AnswerStartedEvent(answer_id=answer.id),
        AnswerRetrievedEvent(hits=answer.retrieved),
        AnswerDeltaEvent(text="With ", offset=0),
        AnswerDeltaEvent(text="cancel().", offset=5, parts=3),
        AnswerCitationEvent(citation=answer.citations[0]),
        StreamResetEvent(subject_id=answer.id),
        AnswerFailedEvent(answer_id=answer.id, error=error),
        AnswerCompletedEvent(answer_id=answer.id, finish_reason=FinishReason.STOP),
    )
