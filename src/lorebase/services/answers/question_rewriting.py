"""Makes a follow-up question stand alone, so that it can be searched for."""

from __future__ import annotations

import asyncio
import logging
import secrets

from pydantic import JsonValue

from lorebase.core.errors import ErrorCode, LorebaseError
from lorebase.ports.chat_model import ChatModel
from lorebase.ports.prompts import PromptTemplates
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.answers import Answer, Message, MessageRole, StandaloneQuestion
from lorebase.schemas.base import Value
from lorebase.schemas.pagination import PageRequest
from lorebase.services.answers.answer_markers import without_markers
from lorebase.services.text_rules import tidied

_log = logging.getLogger(__name__)

TEMPLATE = "rewrite_question.v1"
TURNS = 6
TURN_CHARACTERS = 1000
QUESTION_TOKENS = 256
# Whoever asked is waiting, and the plain question is good enough to search for.
PATIENCE_SECONDS = 10.0

# Questions asked after this one, before it had its turn, stand behind it.
_LATER_MESSAGES = 40


class Turn(Value):
    """A message of the conversation before the question, shortened."""

    role: str
    text: str


async def earlier_turns(uow: UnitOfWork, answer: Answer) -> list[Turn]:
    """The last messages before the question of `answer`, oldest first, without empty ones."""
    page = PageRequest(limit=TURNS + 2 + _LATER_MESSAGES, backward=True)
    messages = (await uow.conversations.messages(answer.conversation_id, page)).items
    shown = next((place for place, m in enumerate(messages) if m.id == answer.message_id), 0)
    # The message that shows the answer stands right behind its question.
    return [_turn(message) for message in messages[: max(0, shown - 1)] if message.text.strip()][-TURNS:]


def _turn(message: Message) -> Turn:
    if message.role is MessageRole.USER:
        return Turn(role="user", text=message.text[:TURN_CHARACTERS])
    return Turn(role="assistant", text=without_markers(message.text)[:TURN_CHARACTERS])


class QuestionRewriter:
    """Asks the chat model for a standalone question; the question itself serves when that fails."""

    def __init__(
        self, *, chat: ChatModel, templates: PromptTemplates, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._chat = chat
        self._templates = templates
        self._patience_seconds = patience_seconds

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
            async with asyncio.timeout(self._patience_seconds):
                rewritten = await self._chat.complete(prompt, StandaloneQuestion, QUESTION_TOKENS)
        except LorebaseError as error:
            _log.warning("question not rewritten", extra={"code": error.code})
            return question
        except TimeoutError:
            _log.warning("question not rewritten", extra={"code": ErrorCode.MODEL_UNAVAILABLE})
            return question
        standalone = tidied(rewritten.standalone_question)
        return standalone if any(map(str.isalnum, standalone)) else question
