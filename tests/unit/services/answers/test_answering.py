"""Producing answers: what is told in which order, what is kept, and what a failure means."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.core.errors import ErrorCode, Permanent, Transient, Unavailable
from lorebase.schemas.answers import Answer, AnswerStatus, Asked, FinishReason, TokenUsage
from lorebase.schemas.events import (
    AnswerCitationEvent,
    AnswerCompletedEvent,
    AnswerDeltaEvent,
    AnswerFailedEvent,
    StreamEvent,
    StreamName,
)
from lorebase.schemas.jobs import JobStatus
from lorebase.services.answers.answer_draft import NO_EVIDENCE_TEXT
from lorebase.services.answers.answer_markers import NO_EVIDENCE
from tests.factories import Tenant, add_tenant
from tests.fakes.answer_stage import QUEUES, TASKS, AnswerStage, joined, rewriting
from tests.fakes.chat_model import USAGE
from tests.fakes.event_stream import FakeEventStream
from tests.fakes.world import World

MODEL_DOWN = Unavailable("The model provider does not answer.", code=ErrorCode.MODEL_UNAVAILABLE)


class WatchedStream(FakeEventStream):
    """Looks at the answer whenever its end is told."""

    def __init__(self, stage: AnswerStage, asked: Asked) -> None:
        super().__init__(stage.world.clock)
        self.seen: list[Answer] = []
        self._stage = stage
        self._asked = asked

    async def append(
        self,
        name: StreamName,
        events: Sequence[StreamEvent],
        *,
        fence: int = 0,
        floor: int = 0,
        resumes: bool = False,
    ) -> int:
        if any(event.type == "AnswerCompleted" for event in events):
            self.seen.append(await self._stage.answer(self._asked))
        return await super().append(name, events, fence=fence, floor=floor, resumes=resumes)


@pytest.fixture
async def stage(world: World, tenant: Tenant) -> AnswerStage:
    stage = AnswerStage(world, tenant)
    await stage.fill()
    return stage


async def test_an_answer_is_told_step_by_step_and_kept_whole(stage: AnswerStage) -> None:
    stage.model.scripts.append(["A task is ", "cancelled by calling its cancel method [1]", "."])
    asked = await stage.ask()
    answer = await stage.run(asked)
    stored = await stage.stored(asked)
    assert [event.event.type for event in stored] == [
        "AnswerStarted",
        "AnswerRetrieved",
        "AnswerDelta",
        "AnswerDelta",
        "AnswerDelta",
        "AnswerCitation",
        "AnswerCompleted",
    ]
    assert [event.position.sequence for event in stored] == [*range(1, 8)]
    assert joined([event.event for event in stored]) == answer.text
    assert answer.text == "A task is cancelled by calling its cancel method [1]."
    assert stored[-1].event == AnswerCompletedEvent(answer_id=answer.id, finish_reason=FinishReason.STOP)
    assert (answer.status, answer.finish_reason) == (AnswerStatus.COMPLETED, FinishReason.STOP)
    assert answer.event_sequence == 6
    assert (await stage.job(asked)).status is JobStatus.SUCCEEDED


async def test_a_citation_stands_word_for_word_in_the_document(stage: AnswerStage) -> None:
    answer = await stage.answered("It is cancelled by calling its cancel method [1].")
    [citation] = answer.citations
    assert citation.index == 1
    assert citation.quote == "A task is cancelled by calling its cancel method."
    assert TASKS[citation.document_range.start : citation.document_range.end] == citation.quote
    assert answer.text[citation.range.start : citation.range.end] == answer.text
    assert answer.sentences[0].citation_indexes == (1,)
    assert answer.support == answer.sentences[0].support > 0.8


async def test_everything_is_in_postgres_before_the_last_event(stage: AnswerStage) -> None:
    """Whoever hears the end and asks for the answer gets the whole of it."""
    stage.model.scripts.append(["Call its cancel method [1]."])
    asked = await stage.ask()
    watched = stage.streams = WatchedStream(stage, asked)
    answer = await stage.run(asked)
    assert watched.seen == [answer]
    assert answer.status is AnswerStatus.COMPLETED
    assert answer.citations


async def test_what_it_took_is_kept(stage: AnswerStage) -> None:
    clock = stage.world.clock
    asked = await stage.ask()
    clock.advance(5)
    stage.model.scripts.append([lambda: clock.advance(2), "Call its ", "cancel method [1]."])
    answer = await stage.run(asked)
    assert answer.timings is not None
    assert answer.timings.first_token_ms == 8000
    assert answer.timings.total_ms == 9000
    assert answer.timings.retrieval_ms == 0
    assert (answer.usage, answer.model) == (USAGE, "fake-chat")
    assert answer.prompt == stage.model.prompts[0].template == "answer_with_citations.v1"


@pytest.mark.parametrize(("asked_for", "limit"), [(None, 1024), (50, 50), (5000, 1024)])
async def test_the_longest_answer_is_bounded(stage: AnswerStage, asked_for: int | None, limit: int) -> None:
    await stage.answered("Call it [1].", max_tokens=asked_for)
    assert stage.model.limits == [limit]


async def test_without_hits_nothing_is_asked_of_a_model(world: World, tenant: Tenant) -> None:
    stage = AnswerStage(world, tenant)
    asked = await stage.ask()
    answer = await stage.run(asked)
    assert stage.model.prompts == []
    assert (answer.status, answer.finish_reason) == (AnswerStatus.COMPLETED, FinishReason.NO_EVIDENCE)
    assert answer.text == NO_EVIDENCE_TEXT
    assert (answer.model, answer.prompt, answer.usage) == (
        None,
        None,
        TokenUsage(prompt_tokens=0, completion_tokens=0),
    )
    assert (answer.citations, answer.sentences, answer.support) == ((), (), 0.0)
    told = await stage.events(asked)
    assert [event.type for event in told] == [
        "AnswerStarted",
        "AnswerRetrieved",
        "AnswerDelta",
        "AnswerCompleted",
    ]
    assert joined(told) == NO_EVIDENCE_TEXT


@pytest.mark.parametrize(
    "script", [[NO_EVIDENCE], ["NO_", "EVIDENCE", "."], [], [" \n"], ["**NO_EVIDENCE**"], ["NO_EVID"]]
)
async def test_a_refusal_is_no_evidence_and_its_token_is_never_shown(
    stage: AnswerStage, script: list[str]
) -> None:
    asked = await stage.ask()
    stage.model.scripts.append([*script])
    answer = await stage.run(asked)
    assert (answer.finish_reason, answer.text) == (FinishReason.NO_EVIDENCE, NO_EVIDENCE_TEXT)
    assert answer.citations == ()
    assert answer.model == "fake-chat"
    assert joined(await stage.events(asked)) == NO_EVIDENCE_TEXT


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.CONTENT_FILTER])
async def test_a_model_that_was_stopped_before_it_spoke_did_not_look_in_vain(
    stage: AnswerStage, reason: FinishReason
) -> None:
    stage.model.finish = reason
    answer = await stage.answered()
    assert answer.finish_reason is reason
    assert answer.text
    assert answer.text != NO_EVIDENCE_TEXT
    assert (answer.citations, answer.support) == ((), 0.0)


async def test_an_answer_cut_by_its_limit_keeps_what_it_says(stage: AnswerStage) -> None:
    stage.model.finish = FinishReason.LENGTH
    answer = await stage.answered("Call its cancel method [1]. Then")
    assert (answer.finish_reason, answer.text) == (FinishReason.LENGTH, "Call its cancel method [1]. Then")
    assert len(answer.citations) == 1


async def test_numbers_of_a_document_are_no_citations(stage: AnswerStage) -> None:
    """The passage ends in "[7]"; a model that quotes it cites the passage only by a marker of its own."""
    [line] = re.findall(r"The task then ends.*\.", TASKS)
    asked = await stage.ask()
    quoted: list[str] = []

    def quote() -> None:
        found = re.search(r"The task then ends[^\n]*?\.", stage.model.prompts[0].user)
        assert found is not None
        quoted.append(found.group())

    stage.model.scripts.append([quote])
    await stage.run(asked)
    answer = await stage.answered(f"{quoted[0]} [1]")
    assert answer.text == "The task then ends with an exception ［7］. [1]"
    [citation] = answer.citations
    assert citation.quote == line
    assert answer.support == 1.0


async def test_an_outage_of_the_model_costs_no_attempt_and_ends_nothing(stage: AnswerStage) -> None:
    asked = await stage.ask()
    for _ in range(20):
        stage.model.scripts.append([MODEL_DOWN])
        await stage.run(asked)
        stage.world.clock.advance(120)
    job = await stage.job(asked)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
    assert (await stage.answer(asked)).status is AnswerStatus.QUEUED
    assert {"AnswerCompleted", "AnswerFailed"}.isdisjoint(await stage.told(asked))
    stage.model.scripts.append(["Call its cancel method [1]."])
    answer = await stage.run(asked)
    assert answer.status is AnswerStatus.COMPLETED
    assert joined(await stage.events(asked)) == answer.text


async def test_an_outage_of_the_vector_store_waits_too(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.world.index.down = True
    await stage.run(asked)
    assert (await stage.job(asked)).attempt == 0
    assert (await stage.answer(asked)).status is AnswerStatus.QUEUED
    assert stage.model.prompts == []


async def test_a_model_that_always_breaks_off_is_given_up(stage: AnswerStage) -> None:
    """An outage after the first word costs an attempt: every try may cost money."""
    asked = await stage.ask()
    attempts = stage.world.settings.job_attempts_maximum
    for _ in range(attempts):
        stage.model.scripts.append(["Call its ", MODEL_DOWN])
        answer = await stage.run(asked)
        stage.world.clock.advance(3600)
    assert answer.status is AnswerStatus.FAILED
    assert len(stage.model.prompts) == attempts
    assert (await stage.told(asked))[-1] == "AnswerFailed"
    assert answer.text == "Call its"


async def test_a_permanent_refusal_fails_the_answer_and_says_why(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.model.scripts.append([Permanent("The key is refused.", code=ErrorCode.MODEL_REFUSED)])
    answer = await stage.run(asked)
    assert answer.status is AnswerStatus.FAILED
    assert answer.error is not None
    assert (answer.error.code, answer.error.retryable) == (ErrorCode.MODEL_REFUSED, False)
    last = (await stage.events(asked))[-1]
    assert last == AnswerFailedEvent(answer_id=answer.id, error=answer.error)
    assert (await stage.job(asked)).status is JobStatus.FAILED


async def test_a_knowledge_base_that_is_gone_fails_the_answer_at_once(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.world.database.state.knowledge_bases.clear()
    answer = await stage.run(asked)
    assert answer.status is AnswerStatus.FAILED
    assert answer.error is not None
    assert answer.error.code is ErrorCode.NOT_FOUND


async def test_an_answer_that_is_gone_leaves_no_job_behind(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.world.database.state.answers.clear()
    await stage.runner().run(asked.answer.job_id)
    assert (await stage.job(asked)).status is JobStatus.FAILED


async def test_an_unknown_error_is_masked_and_tried_again(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.model.scripts += [[ValueError("SECRET")], ["Call its cancel method [1]."]]
    assert (await stage.run(asked)).status is AnswerStatus.QUEUED
    assert (await stage.run(asked)).status is AnswerStatus.COMPLETED
    assert (await stage.job(asked)).attempt == 2


async def test_the_stream_of_the_model_is_closed_whatever_happens(stage: AnswerStage) -> None:
    for script in (["Yes [1]."], ["Yes ", Transient("x")], ["Yes ", ValueError("x")]):
        stage.model.scripts.append([*script])
        await stage.run(await stage.ask())
    assert stage.model.closed == 3


async def test_neither_question_nor_documents_nor_answer_are_logged(
    stage: AnswerStage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.model.scripts += [
        ["Call", Transient("busy")],
        ["Call its cancel method [1]."],
        [ValueError("cancel")],
    ]
    stage.model.completions += [rewriting("How is it cancelled twice?"), ValueError("cancel")]
    with caplog.at_level(logging.DEBUG):
        asked = await stage.ask()
        await stage.run(asked)
        stage.world.clock.advance(60)
        await stage.run(asked)
        stage.world.streams.down = True
        await stage.run(await stage.ask("And cancel a queue?", conversation_id=asked.conversation.id))
    assert len(caplog.records) > 5
    logged = str([record.__dict__ for record in caplog.records]).casefold()
    assert not re.search(r"how is a task|cancelled|cancel method|holds items|call its", logged)


async def test_a_pause_of_the_model_holds_no_words_back(world: World, tenant: Tenant) -> None:
    """Words that came together are sent together, but not only when the next ones come."""
    stage = AnswerStage(world, tenant)
    await stage.fill()
    asked = await stage.ask()

    async def until_told() -> None:
        async with asyncio.timeout(10):
            while joined(await stage.events(asked)) != "Call its cancel":
                await asyncio.sleep(0.005)

    stage.model.seconds_per_piece = 0.0
    stage.model.scripts.append(["Call ", "its ", "cancel", until_told, " method [1]."])
    answer = await stage.run(asked)
    assert answer.text == "Call its cancel method [1]."


FRAGMENTS = [
    *(
        "A task is cancelled ",
        "by calling its cancel method. ",
        "[1]",
        "[2]",
        "[9]",
        "[2, 1]",
        " [",
        "1]",
        "\n",
    ),
    *(
        "NO_",
        "EVIDENCE",
        "A queue holds items. ",
        "Nobody waits ",
        "`x[1]`",
        "**",
        "](",
        "e.g. ",
        "。",
        "日本",
    ),
]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20))
async def test_whatever_the_model_streams_the_answer_holds_together(pieces: list[str]) -> None:
    world = World()
    stage = AnswerStage(world, await add_tenant(world.database))
    await stage.fill()
    asked = await stage.ask()
    stage.model.scripts.append([*pieces])
    answer = await stage.run(asked)
    events = await stage.events(asked)
    assert answer.status is AnswerStatus.COMPLETED
    assert joined(events) == answer.text
    assert NO_EVIDENCE not in answer.text
    told = [event.citation for event in events if isinstance(event, AnswerCitationEvent)]
    assert tuple(told) == answer.citations
    for citation in answer.citations:
        source = next(text for text in (TASKS, QUEUES) if citation.quote in text)
        assert source[citation.document_range.start : citation.document_range.end] == citation.quote
        assert f"[{citation.index}]" in answer.text
        assert 0 <= citation.range.start < citation.range.end <= len(answer.text)
    offsets = [event.offset for event in events if isinstance(event, AnswerDeltaEvent)]
    assert offsets == sorted(set(offsets))
