"""Makes a follow-up question stand alone, so that it can be searched for."""

from __future__ import annotations

import logging
import secrets

from pydantic import JsonValue

from lorebase.core.errors import LorebaseError
from lorebase.ports.chat_model import ChatModel
from lorebase.ports.prompts import PromptTemplates
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.answers import Answer, MessageRole, StandaloneQuestion
from lorebase.schemas.base import Value
from lorebase.schemas.pagination import PageRequest

_log = logging.getLogger(__name__)

TEMPLATE = "rewrite_question.v1"
TURNS = 6
TURN_CHARACTERS = 1000
QUESTION_TOKENS = 256


class Turn(Value):
    """A message of the conversation before the question, shortened."""

    role: str
    text: str


async def earlier_turns(uow: UnitOfWork, answer: Answer) -> list[Turn]:
    """The last messages before the question of `answer`, oldest first, without empty ones."""
    page = PageRequest(limit=TURNS + 2, backward=True)
    messages = (await uow.conversations.messages(answer.conversation_id, page)).items
    asked = next((m.created_at for m in messages if m.id == answer.message_id), answer.created_at)
    return [
        Turn(
            role="user" if message.role is MessageRole.USER else "assistant",
            text=message.text[:TURN_CHARACTERS],
        )
        for message in messages
        if message.created_at < asked and message.text.strip()
    ][-TURNS:]


class QuestionRewriter:
    """Asks the chat model for a standalone question; the question itself serves when that fails."""

    def __init__(self, *, chat: ChatModel, templates: PromptTemplates) -> None:
        self._chat = chat
        self._templates = templates

    async def standalone(self, question: str, history: list[Turn]) -> str:
        """The question to search for. Models that only quote cannot rewrite: they get it as it is."""
        if not history or not self._chat.is_generative:
            return question
        variables: dict[str, JsonValue] = {
            "token": secrets.token_hex(8),
            "history": [turn.model_dump() for turn in history],
            "question": question,
        }
        prompt = self._templates.render(TEMPLATE, variables)
        try:
            rewritten = await self._chat.complete(prompt, StandaloneQuestion, QUESTION_TOKENS)
        except LorebaseError as error:
            _log.warning("question not rewritten", extra={"code": error.code})
            return question
        return rewritten.standalone_question.strip() or question
