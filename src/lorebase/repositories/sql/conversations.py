"""Conversations and messages of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Select, Uuid, case, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from lorebase.core.errors import NotFound
from lorebase.models.answers import answers, conversation_knowledge_bases, conversations, messages
from lorebase.models.jobs import jobs
from lorebase.models.knowledge_bases import knowledge_bases
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.filters import conversation_condition
from lorebase.repositories.sql.job_rows import ASK_TO_STOP, JOB_COLUMNS, OPEN, job_of
from lorebase.repositories.sql.pagination import NUMBER, TIME, Keyset, read_page
from lorebase.repositories.sql.search_keys import fold
from lorebase.repositories.sql.values import build, columns_of, is_one_of
from lorebase.schemas.answers import (
    Conversation,
    ConversationOrder,
    ConversationOrderField,
    Message,
)
from lorebase.schemas.filters import ConversationFilter
from lorebase.schemas.jobs import Job
from lorebase.schemas.pagination import Page, PageRequest

_bases = conversation_knowledge_bases
_KNOWLEDGE_BASE_IDS = (
    select(
        func.array_agg(aggregate_order_by(_bases.c.knowledge_base_id, _bases.c.position), type_=ARRAY(Uuid()))
    )
    .where(
        _bases.c.conversation_id == conversations.c.id,
        knowledge_bases.c.id == _bases.c.knowledge_base_id,
        knowledge_bases.c.deleted_at.is_(None),
    )
    .correlate(conversations)
    .scalar_subquery()
)
_CONVERSATIONS = select(
    *columns_of(conversations, Conversation), _KNOWLEDGE_BASE_IDS.label("knowledge_base_ids")
)
# The text of an assistant's message is that of its answer, which grows: it is kept once.
_MESSAGES = select(
    *(column for column in columns_of(messages, Message) if column.name not in {"text", "updated_at"}),
    case((answers.c.id.is_not(None), answers.c.text), else_=messages.c.text).label("text"),
    func.coalesce(answers.c.updated_at, messages.c.updated_at).label("updated_at"),
).select_from(messages.outerjoin(answers, answers.c.id == messages.c.answer_id))
_ORDERS = {
    ConversationOrderField.CREATED_AT: conversations.c.created_at,
    ConversationOrderField.LAST_MESSAGE_AT: conversations.c.last_message_at,
}


class SqlConversationRepository:
    """See ports/answers.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def add(self, conversation: Conversation) -> None:
        """Adds it with its knowledge bases."""
        plain = conversation.model_dump(exclude={"knowledge_base_ids"})
        keys = {"title_key": fold(conversation.title), "last_message_at": conversation.created_at}
        await self._database.change(insert(conversations).values(**plain, **keys))
        for position, knowledge_base_id in enumerate(conversation.knowledge_base_ids):
            await self._database.change(
                insert(_bases).values(
                    workspace_id=self._workspace_id,
                    conversation_id=conversation.id,
                    position=position,
                    knowledge_base_id=knowledge_base_id,
                )
            )

    async def get(self, conversation_id: UUID) -> Conversation:
        """One by id, or NotFound."""
        found = await self.get_many([conversation_id])
        if not found:
            raise NotFound("There is no such conversation.")
        return found[0]

    async def get_many(self, ids: Sequence[UUID]) -> list[Conversation]:
        """Those that exist, in any order."""
        rows = await self._database.rows(_CONVERSATIONS.where(is_one_of(conversations.c.id, ids)))
        return [_conversation(row) for row in rows]

    async def page(
        self, page: PageRequest, order: ConversationOrder, condition: ConversationFilter | None
    ) -> Page[Conversation]:
        """Conversations that match, in order."""
        keyset = Keyset(_ORDERS[order.field], conversations.c.id, TIME, order.descending)
        statement = _matching(_CONVERSATIONS, condition)
        return await read_page(self._database, statement, keyset, page, _conversation)

    async def count(self, condition: ConversationFilter | None) -> int:
        """Their number, capped."""
        return await self._database.count(_matching(select(conversations.c.id), condition))

    async def add_message(self, message: Message) -> None:
        """Adds a message at the end. NotFound when there is no such conversation."""
        # Counting locks the conversation, so messages of concurrent questions take turns.
        counted = (
            update(conversations)
            .where(conversations.c.id == message.conversation_id)
            .values(
                message_count=conversations.c.message_count + 1,
                last_message_at=func.greatest(conversations.c.last_message_at, message.created_at),
                updated_at=func.greatest(conversations.c.updated_at, message.created_at),
            )
        )
        row = await self._database.first(counted.returning(conversations.c.message_count))
        if row is None:
            raise NotFound("There is no such conversation.")
        plain = message.model_dump(exclude={"role"})
        await self._database.change(
            insert(messages).values(**plain, role=str(message.role), position=row.message_count)
        )

    async def remove(self, conversation_id: UUID) -> list[Job]:
        """Removes it with all in it; asks the open jobs of its answers to stop, and returns those."""
        # The lock that a new message needs too: a question is either in it by now, or finds it gone.
        one = select(conversations.c.id).where(conversations.c.id == conversation_id)
        if await self._database.first(one.with_for_update()) is None:
            raise NotFound("There is no such conversation.")
        in_it = answers.c.conversation_id == conversation_id
        at_work = jobs.c.id.in_(select(answers.c.job_id).where(in_it))
        asked = update(jobs).where(at_work, OPEN).values(ASK_TO_STOP)
        stopped = [job_of(row) for row in await self._database.rows(asked.returning(*JOB_COLUMNS))]
        await self._database.change(delete(answers).where(in_it))
        await self._database.change(delete(conversations).where(conversations.c.id == conversation_id))
        return stopped

    async def messages(self, conversation_id: UUID, page: PageRequest) -> Page[Message]:
        """Messages, oldest first; the text of an assistant's message is that of its answer."""
        keyset = Keyset(messages.c.position, messages.c.id, NUMBER)
        statement = _MESSAGES.where(messages.c.conversation_id == conversation_id)
        return await read_page(self._database, statement, keyset, page, _message)

    async def count_messages(self, conversation_id: UUID) -> int:
        """Their number, capped."""
        return await self._database.count(
            select(messages.c.id).where(messages.c.conversation_id == conversation_id)
        )

    async def get_messages(self, ids: Sequence[UUID]) -> list[Message]:
        """Those that exist, in any order."""
        rows = await self._database.rows(_MESSAGES.where(is_one_of(messages.c.id, ids)))
        return [_message(row) for row in rows]


def _matching(statement: Select[Any], condition: ConversationFilter | None) -> Select[Any]:
    return statement if condition is None else statement.where(conversation_condition(condition))


def _conversation(row: Row[Any]) -> Conversation:
    return build(Conversation, row, knowledge_base_ids=row.knowledge_base_ids or ())


def _message(row: Row[Any]) -> Message:
    return build(Message, row)
