"""Asking: what is accepted, what is refused, what is kept; and reading it back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lorebase.core.errors import BadInput, Conflict, ErrorCode, Forbidden, LimitExceeded, NotFound
from lorebase.core.ids import new_id
from lorebase.core.logging import trace
from lorebase.schemas.answers import (
    AnswerStatus,
    Ask,
    ConversationOrder,
    FinishReason,
    MessageRole,
)
from lorebase.schemas.events import StreamKind, StreamName
from lorebase.schemas.filters import (
    DocumentFilter,
    MetadataFilter,
    MetadataValueFilter,
    SearchFilter,
    StringFilter,
)
from lorebase.schemas.jobs import JobKind, JobLane, JobStatus, JobSubjectType
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.search import SearchRequest
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.answers.answers import AnswerService
from tests.factories import Tenant, add_tenant, make_principal, make_settings
from tests.fakes.answer_stage import QUESTION, AnswerStage
from tests.fakes.world import World

UNDECLARED = MetadataFilter(path="unknown", value=MetadataValueFilter(string=StringFilter(eq="x")))


@pytest.fixture
def stage(world: World, tenant: Tenant) -> AnswerStage:
    return AnswerStage(world, tenant)


def rows(stage: AnswerStage) -> tuple[int, ...]:
    state = stage.world.database.state
    return len(state.conversations), len(state.messages), len(state.answers), len(state.jobs)


async def test_a_question_is_kept_with_all_that_its_answer_needs(stage: AnswerStage) -> None:
    with trace("f" * 32):
        asked = await stage.ask("  How is a task\ncancelled? ", max_tokens=50)
    answer = await stage.answer(asked)
    assert answer == asked.answer
    assert (answer.status, answer.text, answer.question) == (
        AnswerStatus.QUEUED,
        "",
        "How is a task\ncancelled?",
    )
    assert answer.retrieval.knowledge_base_ids == (stage.tenant.knowledge_base.id,)
    assert (answer.max_tokens, answer.trace_id) == (50, "f" * 32)
    job = await stage.job(asked)
    assert (job.kind, job.lane, job.status) == (JobKind.ANSWER, JobLane.ANSWERS, JobStatus.QUEUED)
    assert (job.subject_type, job.subject_id) == (JobSubjectType.ANSWER, answer.id)
    assert job.trace_id == "f" * 32
    assert stage.world.queue.woken == [(job.id, 0, JobLane.ANSWERS)]
    assert [event.type for event in stage.world.events_of(job)] == ["JobQueued"]


async def test_a_new_conversation_holds_the_question_and_the_message_of_its_answer(
    stage: AnswerStage,
) -> None:
    asked = await stage.ask(QUESTION)
    assert asked.conversation.title == QUESTION
    assert asked.conversation.knowledge_base_ids == (stage.tenant.knowledge_base.id,)
    principal = stage.tenant.principal
    page = await stage.answers.messages(principal, asked.conversation.id, PageRequest(limit=9))
    question, shown = page.items
    assert question == asked.message
    assert (question.role, question.text, question.answer_id) == (MessageRole.USER, QUESTION, None)
    assert (shown.role, shown.text, shown.answer_id) == (MessageRole.ASSISTANT, "", asked.answer.id)
    by_message = await stage.answers.by_message(principal, [question.id, shown.id])
    assert by_message == {shown.id: asked.answer}
    assert await stage.answers.count_messages(principal, asked.conversation.id) == 2
    assert await stage.answers.get_messages(principal, [question.id]) == [question]


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How?", "How?"),
        ("Why\n\n does\tit \u202ewait?", "Why does it wait?"),
        ("word " * 40, "word " * 15 + "word…"),
        ("x" * 200, "x" * 79 + "…"),
        ("x" * 80, "x" * 80),
    ],
)
async def test_a_conversation_is_titled_by_its_question(
    stage: AnswerStage, question: str, title: str
) -> None:
    assert (await stage.ask(question)).conversation.title == title


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("", ErrorCode.BAD_USER_INPUT),
        (" \n\t", ErrorCode.BAD_USER_INPUT),
        ("\u200b\u2060", ErrorCode.BAD_USER_INPUT),
        ("x" * 4001, ErrorCode.BAD_USER_INPUT),
        ("a\0b", ErrorCode.INVALID_TEXT),
        ("a\ud800b", ErrorCode.INVALID_TEXT),
    ],
)
async def test_a_question_that_cannot_be_used_is_refused(
    stage: AnswerStage, question: str, code: ErrorCode
) -> None:
    with pytest.raises(BadInput) as caught:
        await stage.ask(question)
    assert (caught.value.code, caught.value.field) == (code, ["input", "question"])
    assert rows(stage) == (0, 0, 0, 0)


async def test_the_longest_question_is_accepted(stage: AnswerStage) -> None:
    assert len((await stage.ask("x" * 4000)).answer.question) == 4000


async def test_an_answer_has_room_for_a_word(stage: AnswerStage) -> None:
    with pytest.raises(BadInput) as caught:
        await stage.ask(max_tokens=0)
    assert caught.value.field == ["input", "maxTokens"]


async def test_a_new_conversation_needs_knowledge_bases(stage: AnswerStage) -> None:
    for bases in ((), tuple(new_id() for _ in range(21))):
        with pytest.raises(BadInput) as caught:
            await stage.ask(retrieval=stage.retrieval(knowledge_base_ids=bases))
        assert caught.value.field == ["input", "retrieval", "knowledgeBaseIds"]
    with pytest.raises(BadInput):
        await stage.answers.ask(stage.tenant.principal, Ask(question=QUESTION))
    assert rows(stage) == (0, 0, 0, 0)


async def test_a_knowledge_base_named_twice_is_searched_once(stage: AnswerStage) -> None:
    twice = stage.retrieval(knowledge_base_ids=(stage.tenant.knowledge_base.id,) * 2)
    asked = await stage.ask(retrieval=twice)
    assert asked.conversation.knowledge_base_ids == (stage.tenant.knowledge_base.id,)


async def test_a_knowledge_base_of_another_workspace_is_not_there(stage: AnswerStage) -> None:
    other = await add_tenant(stage.world.database, name="Other")
    for unknown in (other.knowledge_base.id, new_id()):
        bases = (stage.tenant.knowledge_base.id, unknown)
        with pytest.raises(NotFound) as caught:
            await stage.ask(retrieval=stage.retrieval(knowledge_base_ids=bases))
        assert caught.value.field == ["input", "retrieval", "knowledgeBaseIds"]
    assert rows(stage) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"rerank": True}, ["rerank"]),
        ({"min_score": 7.0}, ["minScore"]),
        ({"query": "a\0b"}, ["query"]),
        ({"filter": SearchFilter(document=DocumentFilter(metadata=(UNDECLARED,)))}, None),
    ],
)
async def test_a_retrieval_that_no_search_accepts_is_refused_at_once(
    stage: AnswerStage, given: dict[str, object], field: list[str] | None
) -> None:
    """A worker could only fail at it later, when nobody looks any more."""
    with pytest.raises(BadInput) as caught:
        await stage.ask(retrieval=stage.retrieval(**given))
    path = caught.value.field or []
    assert path[:2] == ["input", "retrieval"]
    assert field is None or path[2:] == field
    assert rows(stage) == (0, 0, 0, 0)


async def test_a_follow_up_stays_in_its_conversation_and_its_knowledge_bases(stage: AnswerStage) -> None:
    first = await stage.ask()
    second = await stage.ask("And a queue?", conversation_id=first.conversation.id)
    assert second.conversation.id == first.conversation.id
    assert second.answer.retrieval.knowledge_base_ids == first.conversation.knowledge_base_ids
    page = await stage.answers.messages(stage.tenant.principal, first.conversation.id, PageRequest(limit=9))
    stage.world.clock.advance(1)
    texts = [message.text for message in page.items if message.role is MessageRole.USER]
    assert sorted(texts) == sorted([QUESTION, "And a queue?"])
    assert rows(stage) == (1, 4, 2, 2)


async def test_a_follow_up_may_search_elsewhere_but_not_in_nothing(stage: AnswerStage) -> None:
    first = await stage.ask()
    given = stage.retrieval(knowledge_base_ids=(new_id(),))
    with pytest.raises(NotFound):
        await stage.ask("And then?", conversation_id=first.conversation.id, retrieval=given)
    assert rows(stage) == (1, 2, 1, 1)


async def test_a_conversation_of_another_workspace_is_not_there(stage: AnswerStage) -> None:
    other = AnswerStage(stage.world, await add_tenant(stage.world.database, name="Other"))
    foreign = await other.ask()
    for unknown in (foreign.conversation.id, new_id()):
        with pytest.raises(NotFound):
            await stage.ask(conversation_id=unknown)
    assert await stage.answers.get_many(stage.tenant.principal, [foreign.answer.id]) == []
    with pytest.raises(NotFound):
        await stage.answers.cancel(stage.tenant.principal, foreign.answer.id)


async def test_the_same_key_asks_once(stage: AnswerStage) -> None:
    stage.model.scripts.append(["Call it [1]."])
    first = await stage.ask(idempotency_key="k1")
    await stage.run(first)
    again = await stage.ask(idempotency_key="k1")
    assert (again.conversation.id, again.message) == (first.conversation.id, first.message)
    assert again.answer.id == first.answer.id
    assert again.answer.status is AnswerStatus.COMPLETED
    assert rows(stage) == (1, 2, 1, 1)
    assert len(stage.world.queue.woken) == 1


async def test_a_key_used_for_another_question_is_refused(stage: AnswerStage) -> None:
    await stage.ask(idempotency_key="k1")
    with pytest.raises(Conflict) as caught:
        await stage.ask("Something else?", idempotency_key="k1")
    assert caught.value.code is ErrorCode.IDEMPOTENCY_MISMATCH
    assert rows(stage) == (1, 2, 1, 1)


async def test_a_workspace_has_only_so_many_open_questions(tenant: Tenant, world: World) -> None:
    busy = World(make_settings(open_jobs_maximum=1))
    stage = AnswerStage(busy, await add_tenant(busy.database))
    await stage.ask()
    with pytest.raises(LimitExceeded) as caught:
        await stage.ask()
    assert caught.value.details["limit"] == 1


async def test_asking_needs_its_scope(stage: AnswerStage) -> None:
    reader = make_principal(stage.tenant.workspace.id, ApiScope.READ)
    with pytest.raises(Forbidden):
        await stage.answers.ask(reader, Ask(question=QUESTION, retrieval=stage.retrieval()))
    asked = await stage.ask()
    with pytest.raises(Forbidden):
        await stage.answers.cancel(reader, asked.answer.id)
    assert await stage.answers.get_many(reader, [asked.answer.id]) == [asked.answer]
    with pytest.raises(Forbidden):
        await stage.answers.get_many(make_principal(stage.tenant.workspace.id, ApiScope.WRITE), [])


async def test_conversations_are_listed_newest_first(stage: AnswerStage) -> None:
    first = await stage.ask("One?")
    stage.world.clock.advance(1)
    second = await stage.ask("Two?")
    principal = stage.tenant.principal
    page = await stage.answers.conversations(principal, PageRequest(limit=9), ConversationOrder(), None)
    assert [conversation.id for conversation in page.items] == [second.conversation.id, first.conversation.id]
    assert await stage.answers.count_conversations(principal, None) == 2
    [found] = await stage.answers.get_conversations(principal, [first.conversation.id, new_id()])
    assert found.title == "One?"


async def test_a_waiting_answer_is_cancelled_at_once(stage: AnswerStage) -> None:
    asked = await stage.ask()
    answer = await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
    assert (answer.status, answer.finish_reason) == (AnswerStatus.CANCELLED, FinishReason.CANCELLED)
    assert (await stage.job(asked)).status is JobStatus.CANCELLED
    assert await stage.told(asked) == ["AnswerCompleted"]
    assert await stage.run(asked) == answer
    assert stage.model.prompts == []


async def test_a_running_answer_is_asked_to_stop(stage: AnswerStage) -> None:
    asked = await stage.ask()
    async with stage.world.units.for_system() as uow:
        await uow.jobs.claim(asked.answer.job_id, timedelta(hours=1))
        await uow.commit()
    answer = await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
    assert answer.status is AnswerStatus.QUEUED
    assert stage.world.queue.cancelled == [asked.answer.job_id]
    assert (await stage.job(asked)).cancel_requested
    assert await stage.told(asked) == []


async def test_an_answer_that_ended_stays_as_it_is(stage: AnswerStage) -> None:
    await stage.fill()
    stage.model.scripts.append(["Call it [1]."])
    asked = await stage.ask()
    answer = await stage.run(asked)
    events = await stage.told(asked)
    assert await stage.answers.cancel(stage.tenant.principal, asked.answer.id) == answer
    assert await stage.told(asked) == events
    assert (await stage.job(asked)).status is JobStatus.SUCCEEDED


async def test_cancelling_twice_with_one_key_is_cancelling_once(stage: AnswerStage) -> None:
    asked = await stage.ask()
    first = await stage.answers.cancel(stage.tenant.principal, asked.answer.id, "k")
    assert await stage.answers.cancel(stage.tenant.principal, asked.answer.id, "k") == first
    assert await stage.told(asked) == ["AnswerCompleted"]
    other = await stage.ask()
    with pytest.raises(Conflict):
        await stage.answers.cancel(stage.tenant.principal, other.answer.id, "k")
    assert (await stage.answer(other)).status is AnswerStatus.QUEUED


async def test_a_deleted_conversation_takes_its_answers_along_and_stops_their_jobs(
    world: World, tenant: Tenant
) -> None:
    answers = AnswerService(
        units=world.units,
        queue=world.queue,
        events=world.events,
        settings=world.settings,
        clock=world.clock,
    )
    search = SearchRequest(knowledge_base_ids=(tenant.knowledge_base.id,), query="")
    gone, kept = [
        await answers.ask(tenant.principal, Ask(question="How?", retrieval=search)) for _ in range(2)
    ]
    await answers.delete_conversation(tenant.principal, gone.conversation.id, "key")
    await answers.delete_conversation(tenant.principal, gone.conversation.id, "key")
    state = world.database.state
    assert list(state.conversations) == [kept.conversation.id]
    assert list(state.answers) == [kept.answer.id]
    assert len(state.messages) == 2
    job = world.job(gone.answer.job_id)
    assert job.status is JobStatus.CANCELLED
    stream = StreamName(kind=StreamKind.ANSWER, workspace_id=tenant.workspace.id, id=gone.answer.id)
    assert [event.type for event in world.streams.of(stream)] == ["AnswerCompleted"]
    with pytest.raises(NotFound):
        await answers.delete_conversation(tenant.principal, gone.conversation.id)
