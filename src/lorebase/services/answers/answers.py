"""Questions, answers and conversations, as users see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import NotFound
from lorebase.ports.clock import Clock
from lorebase.ports.job_queue import JobQueue
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.answers import Answer, Ask, Asked, Conversation, ConversationOrder, Message
from lorebase.schemas.filters import ConversationFilter
from lorebase.schemas.jobs import JobStatus
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import require, require_any
from lorebase.services.answers.answer_acceptance import accept_question, checked
from lorebase.services.idempotency import Replay, kept_id
from lorebase.services.jobs.job_events import JobEvents
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.jobs.job_subjects import note_cancelled
from lorebase.services.search.retrieval_profiles import RetrievalProfiles


class AnswerService:
    """Asking returns at once; a worker produces the answer, whoever still listens."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        queue: JobQueue,
        events: JobEvents,
        settings: Settings,
        clock: Clock,
        profiles: RetrievalProfiles | None = None,
    ) -> None:
        """Without `profiles` those built in can be chosen."""
        self._units = units
        self._notices = JobNotices(queue=queue, events=events)
        self._settings = settings
        self._clock = clock
        self._profiles = profiles or RetrievalProfiles(settings)

    async def ask(self, principal: Principal, command: Ask) -> Asked:
        """Persists the question and queues its answer.

        BadInput for a blank or too long question, a new conversation over no knowledge base, or a retrieval
        that no search accepts; NotFound for a conversation or knowledge base that is not there.
        """
        require(principal, ApiScope.ASK)
        command = checked(command, self._settings)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "ask", command.idempotency_key, command)
            kept = await replay.earlier()
            if kept is not None:
                return await _asked_before(uow, kept_id(kept, "answer_id"), kept_id(kept, "message_id"))
            asked, job = await accept_question(
                uow, command, self._clock.now(), self._settings, self._profiles
            )
            await replay.keep(answer_id=asked.answer.id, message_id=asked.message.id)
            await uow.commit()
        await self._notices.send(added=[job])
        return asked

    async def cancel(
        self, principal: Principal, answer_id: UUID, idempotency_key: str | None = None
    ) -> Answer:
        """Asks the worker to stop and keeps the text so far; an answer that ended stays as it is."""
        require(principal, ApiScope.ASK)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "cancelAnswer", idempotency_key, {"id": str(answer_id)})
            answer = await uow.answers.get(answer_id)
            if await replay.earlier() is not None or answer.is_terminal:
                return answer
            job = await uow.jobs.request_cancel(answer.job_id)
            if job.status is JobStatus.CANCELLED:
                await note_cancelled(uow, job)
            await replay.keep(answer_id=answer_id)
            answer = await uow.answers.get(answer_id)
            await uow.commit()
        # A worker that was faster has told the end itself.
        if job.status is JobStatus.CANCELLED or not job.is_terminal:
            await self._notices.send(stopped=[job])
        return answer

    async def delete_conversation(
        self, principal: Principal, conversation_id: UUID, idempotency_key: str | None = None
    ) -> None:
        """Removes a conversation with its messages and answers; an answer in the making stops. NotFound."""
        require(principal, ApiScope.ASK)
        asked = {"id": str(conversation_id)}
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "deleteConversation", idempotency_key, asked)
            if await replay.earlier() is not None:
                return
            stopped = await uow.conversations.remove(conversation_id)
            await replay.keep(conversation_id=conversation_id)
            await uow.commit()
        await self._notices.send(stopped=stopped)

    async def get_many(self, principal: Principal, ids: Sequence[UUID]) -> list[Answer]:
        """Those that exist, in any order."""
        require_any(principal, ApiScope.ASK, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.answers.get_many(ids)

    async def by_message(self, principal: Principal, message_ids: Sequence[UUID]) -> Mapping[UUID, Answer]:
        """Answers by the assistant's message that shows them."""
        require_any(principal, ApiScope.ASK, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.answers.by_message(message_ids)

    async def conversations(
        self,
        principal: Principal,
        page: PageRequest,
        order: ConversationOrder,
        condition: ConversationFilter | None,
    ) -> Page[Conversation]:
        """Conversations that match, in order."""
        require_any(principal, ApiScope.ASK, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.conversations.page(page, order, condition)

    async def count_conversations(self, principal: Principal, condition: ConversationFilter | None) -> int:
        """Their number, capped."""
        require_any(principal, ApiScope.ASK, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.conversations.count(condition)

    async def get_conversations(self, principal: Principal, ids: Sequence[UUID]) -> list[Conversation]:
        """Those that exist, in any order."""
        require_any(principal, ApiScope.ASK, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.conversations.get_many(ids)

    async def messages(self, principal: Principal, conversation_id: UUID, page: PageRequest) -> Page[Message]:
        """Messages, oldest first."""
        require_any(principal, ApiScope.ASK, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.conversations.messages(conversation_id, page)

    async def count_messages(self, principal: Principal, conversation_id: UUID) -> int:
        """Their number, capped."""
        require_any(principal, ApiScope.ASK, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.conversations.count_messages(conversation_id)

    async def get_messages(self, principal: Principal, ids: Sequence[UUID]) -> list[Message]:
        """Those that exist, in any order."""
        require_any(principal, ApiScope.ASK, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.conversations.get_messages(ids)


async def _asked_before(uow: UnitOfWork, answer_id: UUID, message_id: UUID) -> Asked:
    answer = await uow.answers.get(answer_id)
    messages = await uow.conversations.get_messages([message_id])
    if not messages:
        raise NotFound("There is no such object.")
    conversation = await uow.conversations.get(answer.conversation_id)
    return Asked(conversation=conversation, message=messages[0], answer=answer)
