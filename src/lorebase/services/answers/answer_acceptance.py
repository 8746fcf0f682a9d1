"""Accepting a question in one transaction: its conversation, messages, answer and job."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, LimitExceeded
from lorebase.core.ids import new_id
from lorebase.core.logging import current_trace_id
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.answers import Answer, AnswerStatus, Ask, Asked, Conversation, Message, MessageRole
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobSubjectType, NewJob
from lorebase.schemas.search import SearchRequest
from lorebase.services.answers.answer_retrieval import check_retrieval
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from lorebase.services.text_rules import refuse_unstorable, tidied

TITLE_CHARACTERS = 80


def checked(command: Ask, settings: Settings) -> Ask:
    """The command with its question trimmed; BadInput for one that is blank, too long or unstorable."""
    field = ["input", "question"]
    refuse_unstorable(command.question, field)
    question = command.question.strip()
    if not any(unicodedata.category(character)[0] not in "CZ" for character in question):
        raise BadInput("The question is empty.", field=field)
    if len(question) > settings.question_max_characters:
        limit = settings.question_max_characters
        raise BadInput(f"A question has at most {limit} characters.", field=field)
    if command.max_tokens is not None and command.max_tokens < 1:
        raise BadInput("An answer has at least one token.", field=["input", "maxTokens"])
    return command.model_copy(update={"question": question})


async def accept_question(
    uow: UnitOfWork, command: Ask, now: datetime, settings: Settings, profiles: RetrievalProfiles
) -> tuple[Asked, Job]:
    """Adds everything that a worker needs; the caller commits."""
    if await uow.jobs.count_open() >= settings.open_jobs_maximum:
        limit = settings.open_jobs_maximum
        raise LimitExceeded(
            f"The workspace has {limit} open jobs: wait for some to end.", details={"limit": limit}
        )
    conversation = await _conversation(uow, command, now)
    retrieval = _retrieval(command, conversation)
    await check_retrieval(uow, retrieval, command.question, settings, profiles)
    if command.conversation_id is None:
        await uow.conversations.add(conversation)
    answer_id = new_id()
    job = await uow.jobs.add(_job(answer_id))
    question = _message(conversation, MessageRole.USER, command.question, None, now)
    # A microsecond later: messages are ordered by time, and an answer never stands before its question.
    shown = _message(conversation, MessageRole.ASSISTANT, "", answer_id, now + timedelta(microseconds=1))
    answer = _answer(command, retrieval, shown, answer_id=answer_id, job_id=job.id)
    await uow.conversations.add_message(question)
    await uow.answers.add(answer)
    await uow.conversations.add_message(shown)
    return Asked(conversation=conversation, message=question, answer=answer), job


async def _conversation(uow: UnitOfWork, command: Ask, now: datetime) -> Conversation:
    if command.conversation_id is not None:
        return await uow.conversations.get(command.conversation_id)
    wanted = command.retrieval.knowledge_base_ids if command.retrieval else ()
    return Conversation(
        id=new_id(),
        workspace_id=uow.workspace_id,
        title=_title(command.question),
        knowledge_base_ids=tuple(dict.fromkeys(wanted)),
        created_at=now,
        updated_at=now,
    )


def _retrieval(command: Ask, conversation: Conversation) -> SearchRequest:
    given = command.retrieval or SearchRequest(knowledge_base_ids=(), query="")
    bases = given.knowledge_base_ids or conversation.knowledge_base_ids
    return given.model_copy(update={"knowledge_base_ids": bases})


def _job(answer_id: UUID) -> NewJob:
    return NewJob(
        id=new_id(),
        kind=JobKind.ANSWER,
        lane=JobLane.ANSWERS,
        subject_type=JobSubjectType.ANSWER,
        subject_id=answer_id,
        trace_id=current_trace_id(),
    )


def _title(question: str) -> str:
    line = tidied(question)
    if len(line) <= TITLE_CHARACTERS:
        return line
    space = line.rfind(" ", 0, TITLE_CHARACTERS)
    return f"{line[: space if space > 0 else TITLE_CHARACTERS - 1]}…"


def _message(
    conversation: Conversation, role: MessageRole, text: str, answer_id: UUID | None, now: datetime
) -> Message:
    return Message(
        id=new_id(),
        workspace_id=conversation.workspace_id,
        conversation_id=conversation.id,
        role=role,
        text=text,
        answer_id=answer_id,
        created_at=now,
        updated_at=now,
    )


def _answer(
    command: Ask, retrieval: SearchRequest, shown: Message, *, answer_id: UUID, job_id: UUID
) -> Answer:
    return Answer(
        id=answer_id,
        workspace_id=shown.workspace_id,
        conversation_id=shown.conversation_id,
        message_id=shown.id,
        job_id=job_id,
        status=AnswerStatus.QUEUED,
        text="",
        question=command.question,
        retrieval=retrieval,
        max_tokens=command.max_tokens,
        finish_reason=None,
        model=None,
        prompt=None,
        error=None,
        retrieved=(),
        citations=(),
        sentences=(),
        support=None,
        timings=None,
        usage=None,
        event_sequence=0,
        trace_id=current_trace_id(),
        created_at=shown.created_at,
        updated_at=shown.created_at,
    )
