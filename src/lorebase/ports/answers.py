"""Storage of conversations and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.answers import Answer, Conversation, ConversationOrder, Message
from lorebase.schemas.filters import ConversationFilter
from lorebase.schemas.jobs import Job
from lorebase.schemas.pagination import Page, PageRequest


class ConversationRepository(Protocol):
    """Conversations of the workspace of the unit of work."""

    async def add(self, conversation: Conversation) -> None:
        """Adds it with its knowledge bases."""
        ...

    async def get(self, conversation_id: UUID) -> Conversation:
        """One by id, or NotFound."""
        ...

    async def get_many(self, ids: Sequence[UUID]) -> list[Conversation]:
        """Those that exist, in any order."""
        ...

    async def page(
        self, page: PageRequest, order: ConversationOrder, condition: ConversationFilter | None
    ) -> Page[Conversation]:
        """Conversations that match, in order."""
        ...

    async def count(self, condition: ConversationFilter | None) -> int:
        """Their number, capped."""
        ...

    async def add_message(self, message: Message) -> None:
        """Adds a message at the end."""
        ...

    async def remove(self, conversation_id: UUID) -> list[Job]:
        """Removes it with its messages, answers and citations; NotFound.

        Also asks the open jobs of its answers to stop, and returns those as they are then.
        """
        ...

    async def messages(self, conversation_id: UUID, page: PageRequest) -> Page[Message]:
        """Messages, oldest first; the text of an assistant's message is that of its answer."""
        ...

    async def count_messages(self, conversation_id: UUID) -> int:
        """Their number, capped."""
        ...

    async def get_messages(self, ids: Sequence[UUID]) -> list[Message]:
        """Those that exist, in any order."""
        ...


class AnswerRepository(Protocol):
    """Answers of the workspace of the unit of work."""

    async def add(self, answer: Answer) -> None:
        """Adds it, queued."""
        ...

    async def get(self, answer_id: UUID) -> Answer:
        """One by id with its citations, or NotFound."""
        ...

    async def get_many(self, ids: Sequence[UUID]) -> list[Answer]:
        """Those that exist, in any order."""
        ...

    async def by_message(self, message_ids: Sequence[UUID]) -> Mapping[UUID, Answer]:
        """Answers by the id of the assistant message that shows them."""
        ...

    async def save(self, answer: Answer) -> None:
        """Writes state, text, evidence and figures; citations are replaced. A terminal one never changes."""
        ...
