"""Answers over a real PostgreSQL, a real Valkey and a chat model behind HTTP that misbehaves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis

from lorebase.clients.openai_chat import OpenAIChatModel
from lorebase.clients.openai_connection import ModelConnections
from lorebase.clients.prompt_templates import FilePromptTemplates
from lorebase.clients.redis_streams import RedisEventStream
from lorebase.core.errors import ErrorCode
from lorebase.schemas.answers import Answer, AnswerStatus, Asked, FinishReason, MessageRole, TokenUsage
from lorebase.schemas.events import AnswerFailedEvent
from lorebase.schemas.jobs import JobLane, JobStatus
from lorebase.schemas.pagination import PageRequest
from lorebase.services.jobs.job_events import answer_stream_of
from lorebase.services.streams.stream_merging import merged
from tests.factories import Tenant
from tests.fakes.answer_stage import TASKS, AnswerStage, Reader, joined, rewriting
from tests.fakes.faults import Crash, Faults
from tests.fakes.openai_server import OpenAIServer, openai_server
from tests.fakes.world import World
from tests.integration.clients.test_openai_embedder import settings_for
from tests.integration.services.conftest import LEASE_SECONDS

SENTENCE = "A task is cancelled by calling its cancel method [1]. Nobody waits for an empty queue [2]."
PIECES = [f"{word} " for word in SENTENCE.split(" ")]
DEADLINE_SECONDS = 60


@pytest.fixture
async def streams(redis_url: str) -> AsyncIterator[RedisEventStream]:
    made = RedisEventStream(redis_url, max_events=500, expire_seconds=60)
    yield made
    await made.close()


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as running:
        yield running


@pytest.fixture
async def chat(server: OpenAIServer) -> AsyncIterator[OpenAIChatModel]:
    connections = ModelConnections(settings_for(server, model_timeout_seconds=0.5, model_retry_seconds=1.0))
    yield OpenAIChatModel(
        connections=connections,
        templates=FilePromptTemplates(),
        provider="openai",
        name="some-chat",
        is_generative=True,
    )
    await connections.close()


@pytest.fixture
async def stage(
    world: World, tenant: Tenant, streams: RedisEventStream, chat: OpenAIChatModel
) -> AnswerStage:
    """The model is the one behind HTTP."""
    stage = AnswerStage(world, tenant, streams=streams, chat=chat)
    await stage.fill()
    return stage


@pytest.fixture
async def scripted(world: World, tenant: Tenant, streams: RedisEventStream) -> AnswerStage:
    """The model does what a test says between its words."""
    stage = AnswerStage(world, tenant, streams=streams)
    await stage.fill()
    return stage


async def come_to_rest(stage: AnswerStage, asked: Asked) -> Answer:
    """Healthy workers run until the answer ended."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (await stage.answer(asked)).is_terminal:
            await stage.runner().run_due(JobLane.ANSWERS)
            await asyncio.sleep(LEASE_SECONDS / 10)
    return await stage.answer(asked)


async def follow(stage: AnswerStage, asked: Asked) -> Reader:
    """Follows an answer from the moment on at which its stream is there."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await stage.streams.tail(answer_stream_of(await stage.job(asked))) is None:
            await asyncio.sleep(0.005)
    return await stage.follow(asked)


async def test_a_question_is_answered_with_citations_that_stand_in_the_document(
    stage: AnswerStage, server: OpenAIServer
) -> None:
    server.completions = [SENTENCE]
    asked = await stage.ask()
    reader = asyncio.create_task(follow(stage, asked))
    answer = await stage.run(asked)
    assert (answer.status, answer.text, answer.finish_reason) == (
        AnswerStatus.COMPLETED,
        SENTENCE,
        FinishReason.STOP,
    )
    assert (answer.model, answer.usage) == ("some-chat", TokenUsage(prompt_tokens=7, completion_tokens=3))
    first = answer.citations[0]
    assert [citation.index for citation in answer.citations] == [1, 2]
    assert TASKS[first.document_range.start : first.document_range.end] == first.quote
    assert (await stage.job(asked)).status is JobStatus.SUCCEEDED
    followed = await reader
    assert (followed.text, followed.holes) == (SENTENCE, 0)
    assert followed.told[:2] == ["AnswerStarted", "AnswerRetrieved"]
    assert followed.told[-3:] == ["AnswerCitation", "AnswerCitation", "AnswerCompleted"]
    messages = (
        await stage.answers.messages(stage.tenant.principal, asked.conversation.id, PageRequest(limit=5))
    ).items
    assert [(message.role, message.text) for message in messages] == [
        (MessageRole.USER, asked.message.text),
        (MessageRole.ASSISTANT, SENTENCE),
    ]
    assert await stage.answers.by_message(stage.tenant.principal, [messages[1].id]) == {
        messages[1].id: answer
    }


async def test_every_place_of_a_finished_stream_resumes_with_what_followed(
    stage: AnswerStage, server: OpenAIServer
) -> None:
    server.completions = [SENTENCE]
    asked = await stage.ask()
    await stage.run(asked)
    stored = await stage.stored(asked)
    assert [event.position.sequence for event in stored] == [*range(1, len(stored) + 1)]
    for number, event in enumerate(stored[:-1], start=1):
        rest = await stage.follow(asked, event.position)
        assert rest.events == [later.event for later in merged(stored[number:])]


async def test_a_follow_up_is_rewritten_with_the_conversation_so_far(
    stage: AnswerStage, server: OpenAIServer
) -> None:
    server.completions = ["By its method [1].", rewriting("Who waits for an empty queue?"), "Nobody [1]."]
    first = await stage.ask()
    await stage.run(first)
    second = await stage.ask("And who waits?", conversation_id=first.conversation.id)
    answer = await stage.run(second)
    assert answer.citations[0].quote == "Nobody waits for an empty queue."
    rewrite = str(server.requests[1]["messages"])
    assert "How is a task cancelled?" in rewrite
    assert "By its method." in rewrite


async def test_a_busy_provider_is_asked_again(stage: AnswerStage, server: OpenAIServer) -> None:
    server.script = ["429", "500", "429"]
    asked = await stage.ask()
    answer = await come_to_rest(stage, asked)
    assert (answer.status, answer.text) == (AnswerStatus.COMPLETED, "It is so [1].")


async def test_a_provider_that_is_away_for_long_costs_no_attempt(
    stage: AnswerStage, server: OpenAIServer
) -> None:
    server.script = ["429"] * 2000
    asked = await stage.ask()
    answer = await stage.run(asked)
    job = await stage.job(asked)
    assert (answer.status, job.status, job.attempt) == (AnswerStatus.QUEUED, JobStatus.QUEUED, 0)
    assert job.error is not None
    assert job.error.code is ErrorCode.MODEL_UNAVAILABLE
    server.script = []
    assert (await come_to_rest(stage, asked)).status is AnswerStatus.COMPLETED


@pytest.mark.parametrize("trouble", ["cut", "stall"])
async def test_an_answer_broken_off_in_the_middle_is_made_again_from_its_start(
    stage: AnswerStage, server: OpenAIServer, trouble: str
) -> None:
    server.script = [trouble, "well"]
    server.completions = ["Wrong words here.", SENTENCE]
    asked = await stage.ask()
    reader = asyncio.create_task(follow(stage, asked))
    await stage.run(asked)
    job = await stage.job(asked)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 1)
    assert (await stage.told(asked))[-1] == "AnswerDelta"
    answer = await come_to_rest(stage, asked)
    assert answer.text == SENTENCE
    assert joined(await stage.events(asked)) == SENTENCE
    followed = await reader
    assert (followed.text, followed.holes) == (SENTENCE, 0)
    assert "StreamReset" in followed.told


async def test_a_provider_that_hangs_before_the_first_word_is_asked_again(
    stage: AnswerStage, server: OpenAIServer
) -> None:
    server.script = ["hang"]
    assert (await come_to_rest(stage, await stage.ask())).text == "It is so [1]."


async def test_a_refused_key_fails_the_answer_and_tells_its_readers(
    stage: AnswerStage, server: OpenAIServer
) -> None:
    server.script = ["401"]
    asked = await stage.ask()
    reader = asyncio.create_task(follow(stage, asked))
    answer = await stage.run(asked)
    assert answer.status is AnswerStatus.FAILED
    assert answer.error is not None
    assert answer.error.code is ErrorCode.MODEL_REFUSED
    assert "secret-key" not in answer.error.message
    assert (await reader).events[-1] == AnswerFailedEvent(answer_id=answer.id, error=answer.error)


async def test_an_answer_is_cancelled_while_its_provider_hangs(
    stage: AnswerStage, server: OpenAIServer
) -> None:
    server.script = ["stall"]
    server.completions = ["Some words."]
    asked = await stage.ask()
    reader = asyncio.create_task(follow(stage, asked))
    running = asyncio.create_task(stage.run(asked))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while "AnswerDelta" not in await stage.told(asked):
            await asyncio.sleep(0.01)
        await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
        answer = await running
    assert (answer.status, answer.text) == (AnswerStatus.CANCELLED, "Some")
    followed = await reader
    assert (followed.text, followed.told[-1]) == ("Some", "AnswerCompleted")


async def test_a_waiting_answer_that_is_cancelled_ends_its_readers(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = asyncio.create_task(follow(stage, asked))
    await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
    assert (await reader).told == ["AnswerCompleted"]
    await stage.runner().run_due(JobLane.ANSWERS)
    assert (await stage.answer(asked)).status is AnswerStatus.CANCELLED


async def test_valkey_may_lose_everything_in_mid_answer(scripted: AnswerStage, redis_url: str) -> None:
    asked = await scripted.ask()
    reader = asyncio.create_task(follow(scripted, asked))

    async def flush() -> None:
        async with redis.Redis.from_url(redis_url) as client:
            await client.flushall()

    scripted.model.scripts.append([*PIECES[:6], flush, *PIECES[6:]])
    answer = await scripted.run(asked)
    assert (answer.text, answer.status) == (SENTENCE + " ", AnswerStatus.COMPLETED)
    assert (await reader).text == answer.text
    late = await scripted.follow(asked)
    assert (late.text, late.told[0], late.told[-1]) == (answer.text, "StreamReset", "AnswerCompleted")


async def test_a_worker_dies_in_mid_answer_and_another_takes_over(scripted: AnswerStage) -> None:
    asked = await scripted.ask()
    reader = asyncio.create_task(follow(scripted, asked))
    faults = Faults()

    async def die() -> None:
        faults.crash_at(faults.steps + 1)
        raise Crash

    scripted.model.scripts += [[*PIECES[:5], die], PIECES]
    with pytest.raises(Crash):
        await scripted.run(asked, faults)
    answer = await come_to_rest(scripted, asked)
    assert answer.text == SENTENCE + " "
    assert (await scripted.job(asked)).fence == 2
    assert joined(await scripted.events(asked)) == answer.text
    followed = await reader
    assert (followed.text, followed.holes) == (answer.text, 0)


async def test_many_questions_are_each_answered_once_by_many_workers(
    stage: AnswerStage, server: OpenAIServer
) -> None:
    asked = await asyncio.gather(*(stage.ask(f"Question {number}?") for number in range(12)))
    readers = [asyncio.create_task(follow(stage, one)) for one in asked]
    workers = [stage.runner() for _ in range(3)]
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await asyncio.gather(*(worker.run_due(JobLane.ANSWERS) for worker in workers)) != [0, 0, 0]:
            continue
    assert len(server.requests) == len(asked)
    for one, reader in zip(asked, readers, strict=True):
        answer = await stage.answer(one)
        assert (answer.status, answer.text) == (AnswerStatus.COMPLETED, "It is so [1].")
        assert (await reader).told.count("AnswerCompleted") == 1


async def test_cancelling_at_any_moment_leaves_one_end_only(stage: AnswerStage) -> None:
    """Answer, job and stream agree on it, whoever was first."""
    chance = random.Random(5)
    endings = set()
    for _ in range(15):
        asked = await stage.ask()
        reader = asyncio.create_task(follow(stage, asked))
        runner = stage.runner()
        running = asyncio.create_task(runner.run(asked.answer.job_id))
        await asyncio.sleep(chance.uniform(0, 0.08))
        await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
        await runner.notice_cancel(asked.answer.job_id)
        await running
        answer, job = await come_to_rest(stage, asked), await stage.job(asked)
        endings.add((answer.status, job.status))
        followed = await reader
        assert followed.told.count("AnswerCompleted") == 1
        assert followed.text == answer.text
    assert endings <= {
        (AnswerStatus.COMPLETED, JobStatus.SUCCEEDED),
        (AnswerStatus.CANCELLED, JobStatus.CANCELLED),
    }
