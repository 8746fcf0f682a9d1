"""Conversations, messages and answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWork, SqlUnitOfWorkFactory
from lorebase.schemas.answers import (
    Answer,
    AnswerError,
    AnswerSentence,
    AnswerStatus,
    AnswerTimings,
    Citation,
    Conversation,
    ConversationOrder,
    ConversationOrderField,
    FinishReason,
    Message,
    MessageRole,
    TokenUsage,
)
from lorebase.schemas.filters import ConversationFilter, StringFilter
from lorebase.schemas.jobs import JobKind, JobLane, JobSubjectType
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.search import SearchExplanation, SearchHit, SearchScores, TextRange
from tests.integration.sql.factories import (
    LONG_AGO,
    Tenant,
    answer,
    conversation,
    job,
    knowledge_base,
    message,
)

Units = SqlUnitOfWorkFactory


def finished(asked: Answer) -> Answer:
    """The answer with everything that a worker fills in."""
    hit = SearchHit(
        chunk_id=new_id(),
        document_id=new_id(),
        version_id=new_id(),
        score=0.75,
        scores=SearchScores(vector=0.5),
        explanation=SearchExplanation(fused_rank=1, vector_rank=2),
        highlights=(TextRange(start=1, end=4),),
    )
    citations = tuple(
        Citation(
            index=1,
            chunk_id=hit.chunk_id,
            version_id=hit.version_id,
            quote=f"quote {place}",
            range=TextRange(start=place, end=9),
            document_range=TextRange(start=100 + place, end=200),
        )
        for place in (3, 1)
    )
    return asked.model_copy(
        update={
            "status": AnswerStatus.COMPLETED,
            "text": "So [1].",
            "finish_reason": FinishReason.STOP,
            "model": "m",
            "prompt": "answer.v1",
            "retrieved": (hit,),
            "citations": citations,
            "sentences": (
                AnswerSentence(range=TextRange(start=0, end=7), support=0.5, citation_indexes=(1,)),
            ),
            "support": 0.5,
            "timings": AnswerTimings(first_token_ms=1, retrieval_ms=2, total_ms=3),
            "usage": TokenUsage(prompt_tokens=4, completion_tokens=5),
            "event_sequence": 6,
        }
    )


async def ask(uow: SqlUnitOfWork, of: Conversation) -> tuple[Message, Answer]:
    """Adds a question, the message that will show its answer, the answer and its job."""
    work = await uow.jobs.add(
        job(kind=JobKind.ANSWER, lane=JobLane.ANSWERS, subject_type=JobSubjectType.ANSWER)
    )
    shown = message(of, role=MessageRole.ASSISTANT, text="", answer_id=new_id())
    await uow.conversations.add_message(message(of))
    await uow.conversations.add_message(shown)
    asked = answer(of, shown.id, work.id, id=shown.answer_id)
    await uow.answers.add(asked)
    return shown, asked


async def asked_in(units: Units, tenant: Tenant) -> tuple[Conversation, Message, Answer]:
    started = conversation(tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.conversations.add(started)
        shown, asked = await ask(uow, started)
        await uow.commit()
    return started, shown, asked


async def test_a_conversation_keeps_its_knowledge_bases_in_order(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        bases = [knowledge_base(tenant.workspace_id) for _ in range(4)]
        for base in bases:
            await uow.knowledge_bases.add(base, tenant.model.id)
        ids = tuple(sorted((base.id for base in bases), key=lambda identity: identity.bytes[::-1]))
        started = conversation(tenant, knowledge_base_ids=ids)
        await uow.conversations.add(started)
        assert await uow.conversations.get(started.id) == started
        assert await uow.conversations.get_many([started.id, new_id()]) == [started]
        with pytest.raises(NotFound):
            await uow.conversations.get(new_id())


async def test_an_unknown_knowledge_base_is_refused(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(NotFound):
            await uow.conversations.add(conversation(tenant, knowledge_base_ids=(new_id(),)))


async def test_messages_come_in_the_order_they_were_added(units: Units, tenant: Tenant) -> None:
    started = conversation(tenant)
    same_moment = [message(started, text=str(number)) for number in range(7)]
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.conversations.add(started)
        for one in same_moment:
            await uow.conversations.add_message(one)
        page = await uow.conversations.messages(started.id, PageRequest(limit=4))
        rest = await uow.conversations.messages(started.id, PageRequest(limit=9, after=page.positions[-1]))
        assert [*page.items, *rest.items] == same_moment
        assert await uow.conversations.count_messages(started.id) == 7
        assert await uow.conversations.get_messages([same_moment[2].id]) == [same_moment[2]]
        with pytest.raises(NotFound):
            await uow.conversations.add_message(message(conversation(tenant)))


async def test_questions_asked_at_once_take_turns(units: Units, tenant: Tenant) -> None:
    started = conversation(tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.conversations.add(started)
        await uow.commit()

    async def one() -> UUID:
        async with units.for_workspace(tenant.workspace_id) as uow:
            shown, _ = await ask(uow, started)
            await uow.commit()
            return shown.id

    shown = await asyncio.gather(*(one() for _ in range(8)))
    async with units.for_workspace(tenant.workspace_id) as uow:
        page = await uow.conversations.messages(started.id, PageRequest(limit=50))
    assert [found.role for found in page.items] == [MessageRole.USER, MessageRole.ASSISTANT] * 8
    assert {found.id for found in page.items[1::2]} == set(shown)


async def test_the_message_shows_the_text_of_its_answer(units: Units, tenant: Tenant) -> None:
    started, shown, asked = await asked_in(units, tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.answers.save(asked.model_copy(update={"status": AnswerStatus.GENERATING, "text": "So"}))
        (found,) = await uow.conversations.get_messages([shown.id])
        page = await uow.conversations.messages(started.id, PageRequest(limit=5))
    assert (found.text, found.answer_id) == ("So", asked.id)
    assert found.updated_at > shown.updated_at
    assert [one.text for one in page.items] == ["How?", "So"]


async def test_an_answer_comes_back_with_all_its_evidence(units: Units, tenant: Tenant) -> None:
    _, shown, asked = await asked_in(units, tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.answers.get(asked.id) == asked
        complete = finished(asked)
        await uow.answers.save(complete.model_copy(update={"citations": complete.citations[:1]}))
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        found = await uow.answers.get(asked.id)
        assert found == complete.model_copy(
            update={"citations": complete.citations[:1], "updated_at": found.updated_at}
        )
        assert await uow.answers.by_message([shown.id, new_id()]) == {shown.id: found}
        assert await uow.answers.get_many([asked.id, new_id()]) == [found]
        with pytest.raises(NotFound):
            await uow.answers.get(new_id())


async def test_saving_replaces_citations_and_keeps_their_order(units: Units, tenant: Tenant) -> None:
    _, _, asked = await asked_in(units, tenant)
    complete = finished(asked)
    growing = {"status": AnswerStatus.GENERATING, "finish_reason": None}
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.answers.save(complete.model_copy(update=growing))
        assert (await uow.answers.get(asked.id)).citations == complete.citations
        other = complete.citations[:1]
        await uow.answers.save(complete.model_copy(update={**growing, "citations": other}))
        assert (await uow.answers.get(asked.id)).citations == other


@pytest.mark.parametrize("status", [AnswerStatus.COMPLETED, AnswerStatus.FAILED, AnswerStatus.CANCELLED])
async def test_a_terminal_answer_never_changes(units: Units, tenant: Tenant, status: AnswerStatus) -> None:
    _, _, asked = await asked_in(units, tenant)
    error = AnswerError(code=ErrorCode.MODEL_UNAVAILABLE, message="Later.", retryable=True)
    ended = finished(asked).model_copy(update={"status": status, "error": error})
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.answers.save(ended)
        kept = await uow.answers.get(asked.id)
        with pytest.raises(Conflict) as refused:
            await uow.answers.save(ended.model_copy(update={"text": "other", "citations": ()}))
        assert await uow.answers.get(asked.id) == kept
        with pytest.raises(NotFound):
            await uow.answers.save(ended.model_copy(update={"id": new_id()}))
    assert refused.value.code is ErrorCode.WRONG_STATE
    assert kept.error == error


async def test_an_answer_without_its_message_cannot_be_committed(units: Units, tenant: Tenant) -> None:
    started = conversation(tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.conversations.add(started)
        work = await uow.jobs.add(job())
        await uow.answers.add(answer(started, new_id(), work.id))
        with pytest.raises(NotFound):
            await uow.commit()


@pytest.mark.parametrize("field", list(ConversationOrderField))
async def test_conversations_are_listed_by_creation_or_newest_message(
    units: Units, tenant: Tenant, field: ConversationOrderField
) -> None:
    hour = timedelta(hours=1)
    made = [conversation(tenant, created_at=LONG_AGO + hour * number) for number in range(3)]
    async with units.for_workspace(tenant.workspace_id) as uow:
        for one in made:
            await uow.conversations.add(one)
        await uow.conversations.add_message(message(made[0], created_at=LONG_AGO + hour * 9))
        order = ConversationOrder(field=field, descending=True)
        page = await uow.conversations.page(PageRequest(limit=5), order, None)
    by_message = [made[0].id, made[2].id, made[1].id]
    by_creation = [made[2].id, made[1].id, made[0].id]
    expected = by_message if field is ConversationOrderField.LAST_MESSAGE_AT else by_creation
    assert [one.id for one in page.items] == expected


async def test_conversations_are_found_by_title(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        found = conversation(tenant, title="Straße 100%_")
        await uow.conversations.add(found)
        await uow.conversations.add(conversation(tenant, title="Other 1000"))
        for condition, count in (
            (StringFilter(contains="STRASSE"), 1),
            (StringFilter(contains="100%_"), 1),
            (StringFilter(contains="100"), 2),
            (StringFilter(starts_with="other"), 1),
            (StringFilter(neq="Other 1000"), 1),
        ):
            assert await uow.conversations.count(ConversationFilter(title=condition)) == count
        page = await uow.conversations.page(
            PageRequest(limit=5),
            ConversationOrder(),
            ConversationFilter(not_=ConversationFilter(title=StringFilter(starts_with="other"))),
        )
    assert page.items == (found,)
