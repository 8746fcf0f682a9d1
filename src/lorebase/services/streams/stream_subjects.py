"""What a stream is about, as PostgreSQL has it: the answer when the stream itself is lost or silent."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from lorebase.core.errors import ErrorCode
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.answers import Answer, AnswerError, AnswerStatus, FinishReason
from lorebase.schemas.base import Value
from lorebase.schemas.events import (
    AnswerCompletedEvent,
    AnswerFailedEvent,
    StreamEvent,
    StreamKind,
    StreamName,
)
from lorebase.services.jobs.job_events import state_event


class SubjectEnd(Value):
    """The terminal event of a subject that came to its end, and the last sequence that its row knows."""

    event: StreamEvent
    sequence: int


class StreamSubject(Protocol):
    """The job, answer or workspace that a stream belongs to."""

    @property
    def name(self) -> StreamName:
        """Its stream."""
        ...

    @property
    def ends(self) -> bool:
        """Whether a terminal event ends the stream."""
        ...

    @property
    def adds_up(self) -> bool:
        """Whether its events say only together what it is, like the pieces of an answer."""
        ...

    async def end(self) -> SubjectEnd | None:
        """How it ended; None while it goes on. NotFound when it is gone."""
        ...


class JobSubject:
    """One job."""

    ends = True
    adds_up = False

    def __init__(self, units: UnitOfWorkFactory, workspace_id: UUID, job_id: UUID) -> None:
        self._units = units
        self.name = StreamName(kind=StreamKind.JOB, workspace_id=workspace_id, id=job_id)

    async def end(self) -> SubjectEnd | None:
        """Succeeded, failed or cancelled."""
        async with self._units.for_workspace(self.name.workspace_id) as uow:
            job = await uow.jobs.get(self.name.id)
        return SubjectEnd(event=state_event(job), sequence=job.event_sequence) if job.is_terminal else None


class AnswerSubject:
    """One answer."""

    ends = True
    adds_up = True

    def __init__(self, units: UnitOfWorkFactory, workspace_id: UUID, answer_id: UUID) -> None:
        self._units = units
        self.name = StreamName(kind=StreamKind.ANSWER, workspace_id=workspace_id, id=answer_id)

    async def end(self) -> SubjectEnd | None:
        """Completed (cancelled ones too) or failed."""
        async with self._units.for_workspace(self.name.workspace_id) as uow:
            answer = await uow.answers.get(self.name.id)
        if not answer.is_terminal:
            return None
        return SubjectEnd(event=_answer_end(answer), sequence=answer.event_sequence)


class WorkspaceSubject:
    """All jobs of a workspace: never at an end."""

    ends = False
    adds_up = False

    def __init__(self, workspace_id: UUID) -> None:
        self.name = StreamName(kind=StreamKind.WORKSPACE_JOBS, workspace_id=workspace_id, id=workspace_id)

    async def end(self) -> SubjectEnd | None:
        """Never."""
        return None


def _answer_end(answer: Answer) -> AnswerCompletedEvent | AnswerFailedEvent:
    if answer.status is AnswerStatus.FAILED:
        unknown = AnswerError(code=ErrorCode.INTERNAL, message="The answer failed.", retryable=True)
        return AnswerFailedEvent(answer_id=answer.id, error=answer.error or unknown)
    default = FinishReason.CANCELLED if answer.status is AnswerStatus.CANCELLED else FinishReason.STOP
    return AnswerCompletedEvent(answer_id=answer.id, finish_reason=answer.finish_reason or default)
