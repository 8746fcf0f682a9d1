"""Conversations and answers in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from lorebase.core.errors import NotFound
from lorebase.schemas.answers import (
    Answer,
    Conversation,
    ConversationOrder,
    ConversationOrderField,
    Message,
    MessageRole,
)
from lorebase.schemas.filters import ConversationFilter
from lorebase.schemas.jobs import Job
from lorebase.schemas.metadata import milliseconds
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.services.filters.filter_evaluation import matches_text, matches_time
from tests.fakes.memory.jobs import ask_to_stop
from tests.fakes.memory.paging import Place, keyset_page, time_value
from tests.fakes.memory.state import CAP, State, in_any_order


class MemoryConversations:
    """See ports/answers.py."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def add(self, conversation: Conversation) -> None:
        if conversation.workspace_id != self._workspace_id:
            raise AssertionError("row-level security: a row of another workspace")
        self._state.conversations[conversation.id] = conversation

    async def get(self, conversation_id: UUID) -> Conversation:
        found = await self.get_many([conversation_id])
        if not found:
            raise NotFound("There is no such conversation.")
        return found[0]

    async def get_many(self, ids: Sequence[UUID]) -> list[Conversation]:
        mine = {held.id: held for held in self._all()}
        return [mine[one] for one in in_any_order(ids) if one in mine]

    async def page(
        self, page: PageRequest, order: ConversationOrder, condition: ConversationFilter | None
    ) -> Page[Conversation]:
        def place(held: Conversation) -> Place:
            by_age = order.field is ConversationOrderField.CREATED_AT
            return time_value(held.created_at if by_age else held.updated_at), held.id

        found = [held for held in self._all() if _matches(held, condition)]
        return keyset_page(found, place, page, descending=order.descending)

    async def count(self, condition: ConversationFilter | None) -> int:
        return min(CAP, sum(_matches(held, condition) for held in self._all()))

    async def add_message(self, message: Message) -> None:
        if message.workspace_id != self._workspace_id:
            raise AssertionError("row-level security: a row of another workspace")
        self._state.messages[message.id] = message
        held = self._state.conversations[message.conversation_id]
        self._state.conversations[held.id] = held.model_copy(update={"updated_at": message.created_at})

    async def remove(self, conversation_id: UUID) -> list[Job]:
        await self.get(conversation_id)
        answers = [a for a in self._state.answers.values() if a.conversation_id == conversation_id]
        stopped: list[Job] = []
        for answer in answers:
            job = self._state.jobs.get(answer.job_id)
            if job is not None and not job.is_terminal:
                stopped.append(ask_to_stop(self._state, job, self._now))
            del self._state.answers[answer.id]
        for message in self._messages(conversation_id):
            del self._state.messages[message.id]
        del self._state.conversations[conversation_id]
        return stopped

    async def messages(self, conversation_id: UUID, page: PageRequest) -> Page[Message]:
        return keyset_page(self._messages(conversation_id), lambda m: (time_value(m.created_at), m.id), page)

    async def count_messages(self, conversation_id: UUID) -> int:
        return min(CAP, len(self._messages(conversation_id)))

    async def get_messages(self, ids: Sequence[UUID]) -> list[Message]:
        mine = {m.id: m for m in self._state.messages.values() if m.workspace_id == self._workspace_id}
        return [self._with_text(mine[one]) for one in in_any_order(ids) if one in mine]

    def _messages(self, conversation_id: UUID) -> list[Message]:
        return [
            self._with_text(message)
            for message in self._state.messages.values()
            if (message.workspace_id, message.conversation_id) == (self._workspace_id, conversation_id)
        ]

    def _with_text(self, message: Message) -> Message:
        answer = self._state.answers.get(message.answer_id) if message.answer_id else None
        if answer is None or message.role is not MessageRole.ASSISTANT:
            return message
        return message.model_copy(update={"text": answer.text, "updated_at": answer.updated_at})

    def _all(self) -> list[Conversation]:
        return [
            held.model_copy(
                update={
                    "knowledge_base_ids": tuple(
                        base for base in held.knowledge_base_ids if base not in self._state.deleted_bases
                    )
                }
            )
            for held in self._state.conversations.values()
            if held.workspace_id == self._workspace_id
        ]


class MemoryAnswers:
    """See ports/answers.py. A terminal answer never changes."""

    def __init__(self, state: State, workspace_id: UUID) -> None:
        self._state = state
        self._workspace_id = workspace_id

    async def add(self, answer: Answer) -> None:
        if answer.workspace_id != self._workspace_id:
            raise AssertionError("row-level security: a row of another workspace")
        self._state.answers[answer.id] = answer

    async def get(self, answer_id: UUID) -> Answer:
        found = await self.get_many([answer_id])
        if not found:
            raise NotFound("There is no such answer.")
        return found[0]

    async def get_many(self, ids: Sequence[UUID]) -> list[Answer]:
        mine = {held.id: held for held in self._all()}
        return [mine[one] for one in in_any_order(ids) if one in mine]

    async def by_message(self, message_ids: Sequence[UUID]) -> Mapping[UUID, Answer]:
        return {held.message_id: held for held in self._all() if held.message_id in message_ids}

    async def save(self, answer: Answer) -> None:
        held = await self.get(answer.id)
        if not held.is_terminal:
            self._state.answers[answer.id] = answer

    def _all(self) -> list[Answer]:
        return [held for held in self._state.answers.values() if held.workspace_id == self._workspace_id]


def _matches(held: Conversation, condition: ConversationFilter | None) -> bool:
    if condition is None:
        return True
    return (
        all(_matches(held, part) for part in condition.and_ or ())
        and (condition.or_ is None or any(_matches(held, part) for part in condition.or_))
        and (condition.not_ is None or not _matches(held, condition.not_))
        and (condition.title is None or matches_text(condition.title, held.title))
        and (
            condition.created_at is None or matches_time(condition.created_at, milliseconds(held.created_at))
        )
    )
