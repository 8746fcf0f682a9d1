"""What a model is given for an answer: the question that is searched for, the passages, the conversation."""

from __future__ import annotations

import re

import pytest

from lorebase.core.errors import BadInput, Transient
from lorebase.schemas.answers import AnswerStatus
from lorebase.schemas.documents import UpdateDocument
from lorebase.schemas.events import AnswerRetrievedEvent
from lorebase.schemas.search import SearchPart
from tests.factories import Tenant, add_tenant, make_settings
from tests.fakes.answer_stage import QUESTION, QUEUES, TASKS, AnswerStage, rewriting
from tests.fakes.world import World


@pytest.fixture
async def stage(world: World, tenant: Tenant) -> AnswerStage:
    stage = AnswerStage(world, tenant)
    await stage.fill()
    return stage


async def test_the_passages_given_are_the_hits_told_and_kept(stage: AnswerStage) -> None:
    stage.model.scripts.append(["Call its cancel method [1]."])
    asked = await stage.ask()
    answer = await stage.run(asked)
    [told] = [event for event in await stage.events(asked) if isinstance(event, AnswerRetrievedEvent)]
    assert told.hits == answer.retrieved
    [prompt] = stage.model.prompts
    assert len(re.findall(r"<passage ", prompt.user)) == len(answer.retrieved) == 2
    first, second = prompt.user.index(TASKS[:30]), prompt.user.index(QUEUES[:30])
    assert first < second
    assert 'title="Tasks"' in prompt.user


async def test_a_document_deleted_between_search_and_prompt_is_left_out(stage: AnswerStage) -> None:
    document = next(d for d in stage.world.database.state.documents.values() if d.title == "Tasks")
    asked = await stage.ask()
    await stage.world.documents.delete(stage.tenant.principal, document.id)
    stage.model.scripts.append(["Nobody waits [1]."])
    answer = await stage.run(asked)
    assert {hit.document_id for hit in answer.retrieved}.isdisjoint({document.id})
    assert TASKS[:20] not in stage.model.prompts[0].user


async def test_titles_are_those_of_now(stage: AnswerStage) -> None:
    document = next(d for d in stage.world.database.state.documents.values() if d.title == "Tasks")
    change = UpdateDocument.model_validate({"id": document.id, "title": 'A "new"\ntitle'})
    await stage.world.documents.update(stage.tenant.principal, change)
    await stage.answered("So [1].")
    assert 'title="A &#34;new&#34; title"' in stage.model.prompts[0].user


async def test_a_follow_up_is_made_to_stand_alone_before_the_search(stage: AnswerStage) -> None:
    stage.model.scripts.append(["Call its cancel method [1]."])
    first = await stage.ask()
    await stage.run(first)
    stage.world.clock.advance(1)
    stage.model.completions.append(rewriting("Who waits for an empty queue?"))
    stage.model.scripts.append(["Nobody [1]."])
    second = await stage.ask("And who waits for that?", conversation_id=first.conversation.id)
    answer = await stage.run(second)
    [rewrite] = stage.model.rewritten
    assert "And who waits for that?" in rewrite.user
    assert "Call its cancel method" in rewrite.user
    assert stage.world.embedder.calls[-1][1] == ("Who waits for an empty queue?",)
    assert answer.citations[0].quote == "Nobody waits for an empty queue."
    prompt = stage.model.prompts[-1].user
    assert "And who waits for that?</question>" in prompt
    assert f'role="user">{QUESTION}</history>' in prompt
    assert "Call its cancel method.</history>" in prompt


async def test_the_query_of_the_retrieval_goes_before_the_question(stage: AnswerStage) -> None:
    await stage.answered("Nobody [1].", retrieval=stage.retrieval(query="empty queue"))
    assert stage.world.embedder.calls[-1][1] == ("empty queue",)
    assert f"{QUESTION}</question>" in stage.model.prompts[0].user


async def test_a_retrieval_s_filter_and_mode_are_used(stage: AnswerStage) -> None:
    await stage.answered("So [1].", retrieval=stage.retrieval(mode="KEYWORD"))
    assert stage.world.index.queries == []


async def test_the_number_of_passages_is_a_setting() -> None:
    world = World(make_settings(answer_passages=1))
    stage = AnswerStage(world, await add_tenant(world.database))
    await stage.fill()
    answer = await stage.answered("So [1] and so [2].")
    assert len(answer.retrieved) == 1
    assert answer.text == "So [1] and so."


@pytest.fixture
async def generative_stage() -> AnswerStage:
    world = World(make_settings(chat_model="any"))
    stage = AnswerStage(world, await add_tenant(world.database))
    await stage.fill()
    return stage


async def test_a_question_may_be_searched_by_a_profile(generative_stage: AnswerStage) -> None:
    stage = generative_stage
    stage.model.completions.append('{"queries": ["ending a task", "stopping a task"]}')
    stage.model.scripts.append(["Call its cancel method [1]."])
    answer = await stage.run(await stage.ask(retrieval=stage.retrieval(profile="multi-query@1")))
    assert answer.citations != ()
    for hit in answer.retrieved:
        assert hit.explanation.profile == "multi-query@1"
        searched = [query.text for query in hit.explanation.queries]
        assert searched == [QUESTION, "ending a task", "stopping a task"]
        assert hit.explanation.degraded == ()


async def test_a_profile_whose_model_fails_fails_no_answer(generative_stage: AnswerStage) -> None:
    stage = generative_stage
    stage.model.completions.append(Transient("no"))
    stage.model.scripts.append(["Call its cancel method [1]."])
    answer = await stage.run(await stage.ask(retrieval=stage.retrieval(profile="hyde@1")))
    assert answer.status is AnswerStatus.COMPLETED
    assert {hit.explanation.degraded for hit in answer.retrieved} == {(SearchPart.EXPANSION,)}


@pytest.mark.parametrize("profile", ["hyde@1", "unknown"])
async def test_a_profile_that_cannot_be_used_is_refused_when_it_is_asked_for(
    stage: AnswerStage, profile: str
) -> None:
    with pytest.raises(BadInput) as error:
        await stage.ask(retrieval=stage.retrieval(profile=profile))
    assert error.value.field == ["input", "retrieval", "profile"]
    assert stage.world.database.state.answers == {}
