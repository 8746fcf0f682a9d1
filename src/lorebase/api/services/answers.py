"""Services about searches, answers and streams of events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol
from uuid import UUID

from lorebase.ports.event_stream import TakesEvent
from lorebase.schemas.answers import Answer, Ask, Asked, Conversation, ConversationOrder, Message
from lorebase.schemas.events import StoredEvent, StreamPosition
from lorebase.schemas.filters import ConversationFilter, JobFilter
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.retrieval_profiles import ListedProfile, RetrievalProfile
from lorebase.schemas.search import SearchRequest, SearchResult, SettledRequest
from lorebase.schemas.workspaces import Principal


class Searches(Protocol):
    """Retrieval."""

    async def search(
        self, principal: Principal, request: SearchRequest, /, *, highlighted: bool = True
    ) -> SearchResult:
        """A page of hits, with the matched words when they are wanted."""
        ...


class Profiles(Protocol):
    """Retrieval profiles."""

    def listed(self) -> Sequence[ListedProfile]:
        """All of them, at most 100."""
        ...

    def get(self, name: str | None, field: Sequence[str] = ("profile",), /) -> RetrievalProfile:
        """One by name and version, or the newest by name; BadInput at the field."""
        ...

    def asks_model(self, name: str, /) -> bool:
        """Whether it has a chat model add to queries; False for one that there is not."""
        ...

    def applied(self, request: SearchRequest, /) -> tuple[RetrievalProfile, SettledRequest]:
        """The profile of a request, and the request with what that decides; BadInput if it is of no use."""
        ...


class Answers(Protocol):
    """Conversations and answers."""

    async def ask(self, principal: Principal, command: Ask, /) -> Asked:
        """Persists a question; its answer is queued."""
        ...

    async def cancel(self, principal: Principal, answer_id: UUID, idempotency_key: str | None, /) -> Answer:
        """Stops generation and keeps the text so far."""
        ...

    async def delete_conversation(
        self, principal: Principal, conversation_id: UUID, idempotency_key: str | None, /
    ) -> None:
        """Removes a conversation with all in it."""
        ...

    async def get_many(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Answer]:
        """Those that exist."""
        ...

    async def conversations(
        self,
        principal: Principal,
        page: PageRequest,
        order: ConversationOrder,
        condition: ConversationFilter | None,
        /,
    ) -> Page[Conversation]:
        """Conversations that match, in order."""
        ...

    async def count_conversations(self, principal: Principal, condition: ConversationFilter | None, /) -> int:
        """Their number, capped."""
        ...

    async def get_conversations(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Conversation]:
        """Those that exist."""
        ...

    async def messages(
        self, principal: Principal, conversation_id: UUID, page: PageRequest, /
    ) -> Page[Message]:
        """Messages, oldest first."""
        ...

    async def count_messages(self, principal: Principal, conversation_id: UUID, /) -> int:
        """Their number, capped."""
        ...

    async def get_messages(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Message]:
        """Those that exist."""
        ...


class Streams(Protocol):
    """Events of jobs and answers: what is kept, then live; Unauthenticated once the key has ended.

    While its reader waits, an event may be offered to `take` first; what that took is not given again.
    """

    def job_events(
        self,
        principal: Principal,
        job_id: UUID,
        after: StreamPosition | None,
        take: TakesEvent | None = None,
        /,
    ) -> AsyncGenerator[StoredEvent, None]:
        """Events of one job; ends after the terminal one."""
        ...

    def answer_events(
        self,
        principal: Principal,
        answer_id: UUID,
        after: StreamPosition | None,
        take: TakesEvent | None = None,
        /,
    ) -> AsyncGenerator[StoredEvent, None]:
        """Events of one answer; ends after the terminal one."""
        ...

    def workspace_job_events(
        self,
        principal: Principal,
        after: StreamPosition | None,
        condition: JobFilter | None,
        take: TakesEvent | None = None,
        /,
    ) -> AsyncGenerator[StoredEvent, None]:
        """Events of all jobs of the workspace; live only when `after` is None."""
        ...
