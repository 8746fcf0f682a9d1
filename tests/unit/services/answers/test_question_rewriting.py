"""Follow-up questions: what of the conversation is given, and what when the model fails."""

from __future__ import annotations

import asyncio

import pytest

from lorebase.clients.prompt_templates import FilePromptTemplates
from lorebase.core.errors import ErrorCode, Permanent, Transient, Unavailable
from lorebase.ports.chat_model import Structure
from lorebase.schemas.answers import Asked
from lorebase.schemas.chat import ChatPrompt
from lorebase.services.answers.question_rewriting import (
    TURN_CHARACTERS,
    TURNS,
    QuestionRewriter,
    Turn,
    earlier_turns,
)
from tests.factories import Tenant
from tests.fakes.answer_stage import AnswerStage, rewriting
from tests.fakes.chat_model import FakeChatModel
from tests.fakes.clock import FakeClock
from tests.fakes.world import World

HISTORY = [Turn(role="user", text="How is a task cancelled?"), Turn(role="assistant", text="By its method.")]
FOLLOW_UP = "And when does it end?"


@pytest.fixture
def chat() -> FakeChatModel:
    return FakeChatModel(FakeClock())


def rewriter(chat: FakeChatModel) -> QuestionRewriter:
    return QuestionRewriter(chat=chat, templates=FilePromptTemplates())


async def test_a_follow_up_is_rewritten_with_what_was_said(chat: FakeChatModel) -> None:
    chat.completions.append(rewriting(" When does a cancelled task end? "))
    assert await rewriter(chat).standalone(FOLLOW_UP, HISTORY) == "When does a cancelled task end?"
    [prompt] = chat.rewritten
    assert prompt.template == "rewrite_question.v1"
    for words in ("How is a task cancelled?", "By its method.", FOLLOW_UP):
        assert words in prompt.user


async def test_a_first_question_stands_alone_already(chat: FakeChatModel) -> None:
    assert await rewriter(chat).standalone(FOLLOW_UP, []) == FOLLOW_UP
    assert chat.rewritten == []


async def test_a_model_that_only_quotes_is_not_asked(chat: FakeChatModel) -> None:
    chat.is_generative = False
    assert await rewriter(chat).standalone(FOLLOW_UP, HISTORY) == FOLLOW_UP
    assert chat.rewritten == []


@pytest.mark.parametrize(
    "failure",
    [
        Transient("It did not keep to the structure.", code=ErrorCode.MODEL_MISBEHAVED),
        Unavailable("down", code=ErrorCode.MODEL_UNAVAILABLE),
        Permanent("It knows no structures.", code=ErrorCode.MODEL_REFUSED),
    ],
)
async def test_the_question_itself_serves_when_the_model_fails(
    chat: FakeChatModel, failure: Exception
) -> None:
    chat.completions.append(failure)
    assert await rewriter(chat).standalone(FOLLOW_UP, HISTORY) == FOLLOW_UP


@pytest.mark.parametrize("useless", ["", " \\n", "\\u0000\\u200b", "?!"])
async def test_a_rewriting_that_nobody_can_search_for_is_not_used(chat: FakeChatModel, useless: str) -> None:
    chat.completions.append(f'{{"standalone_question": "{useless}"}}')
    assert await rewriter(chat).standalone(FOLLOW_UP, HISTORY) == FOLLOW_UP


async def test_what_no_database_stores_is_taken_out_of_a_rewriting(chat: FakeChatModel) -> None:
    chat.completions.append('{"standalone_question": "When does\\u0000 a\\n task end?"}')
    assert await rewriter(chat).standalone(FOLLOW_UP, HISTORY) == "When does a task end?"


async def test_nobody_waits_long_for_a_rewriting() -> None:
    class Slow(FakeChatModel):
        async def complete(
            self, prompt: ChatPrompt, structure: type[Structure], max_tokens: int
        ) -> Structure:
            await asyncio.Event().wait()
            raise AssertionError

    hurried = QuestionRewriter(chat=Slow(FakeClock()), templates=FilePromptTemplates(), patience_seconds=0.01)
    assert await hurried.standalone(FOLLOW_UP, HISTORY) == FOLLOW_UP


async def turns(stage: AnswerStage, asked: Asked) -> list[Turn]:
    async with stage.world.units.for_workspace(stage.tenant.workspace.id) as uow:
        return await earlier_turns(uow, asked.answer)


@pytest.fixture
async def stage(world: World, tenant: Tenant) -> AnswerStage:
    stage = AnswerStage(world, tenant)
    await stage.fill()
    return stage


async def talk(stage: AnswerStage, count: int) -> list[Asked]:
    """Questions of one conversation, each answered before the next."""
    asked: list[Asked] = []
    for number in range(count):
        given = {"conversation_id": asked[0].conversation.id} if asked else {}
        asked.append(await stage.ask(f"Question {number}?", **given))
        stage.model.scripts.append([f"Answer {number} [1]."])
        stage.model.completions.append(rewriting("task"))
        await stage.run(asked[-1])
        stage.world.clock.advance(1)
    return asked


async def test_the_first_question_has_no_history(stage: AnswerStage) -> None:
    [asked] = await talk(stage, 1)
    assert await turns(stage, asked) == []


async def test_history_is_what_was_said_before_without_its_markers(stage: AnswerStage) -> None:
    """A marker of an earlier answer numbers other passages: a model must not copy it."""
    asked = await talk(stage, 3)
    assert [(turn.role, turn.text) for turn in await turns(stage, asked[2])] == [
        ("user", "Question 0?"),
        ("assistant", "Answer 0."),
        ("user", "Question 1?"),
        ("assistant", "Answer 1."),
    ]


async def test_only_the_last_turns_are_given(stage: AnswerStage) -> None:
    asked = await talk(stage, TURNS)
    found = await turns(stage, asked[-1])
    assert len(found) == TURNS
    assert found[-1].text == f"Answer {TURNS - 2}."


async def test_questions_asked_later_are_no_history(stage: AnswerStage) -> None:
    asked = await talk(stage, 4)
    assert [turn.text for turn in await turns(stage, asked[1])] == ["Question 0?", "Answer 0."]


async def test_an_answer_that_is_still_empty_is_left_out(stage: AnswerStage) -> None:
    first = await stage.ask("Question 0?")
    stage.world.clock.advance(1)
    second = await stage.ask("Question 1?", conversation_id=first.conversation.id)
    assert [turn.text for turn in await turns(stage, second)] == ["Question 0?"]


async def test_a_long_turn_is_shortened(stage: AnswerStage) -> None:
    first = await stage.ask("x" * (TURN_CHARACTERS + 1))
    stage.world.clock.advance(1)
    second = await stage.ask(conversation_id=first.conversation.id)
    assert [len(turn.text) for turn in await turns(stage, second)] == [TURN_CHARACTERS]
