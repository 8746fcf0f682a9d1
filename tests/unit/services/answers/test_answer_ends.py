"""How answers end that are stopped or fail: what is kept, and that every reader hears of it at once."""

from __future__ import annotations

import asyncio

import pytest

from lorebase.core.errors import Conflict, ErrorCode, Permanent, Transient
from lorebase.schemas.answers import AnswerStatus, FinishReason
from lorebase.schemas.events import AnswerCompletedEvent, AnswerFailedEvent, StreamName
from lorebase.schemas.jobs import JobStatus
from tests.factories import add_tenant, make_settings
from tests.fakes.answer_stage import AnswerStage, joined
from tests.fakes.event_stream import FakeEventStream
from tests.fakes.world import World
from tests.unit.services.answers.test_answer_recovery import (
    LEASE_SECONDS,
    SENTENCE,
    die_in_mid_answer,
    forever,
    stream_of,
)


@pytest.fixture
async def stage() -> AnswerStage:
    world = World(make_settings(job_lease_seconds=LEASE_SECONDS))
    stage = AnswerStage(world, await add_tenant(world.database))
    await stage.fill()
    return stage


async def test_cancelling_keeps_the_text_so_far_and_its_evidence(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    runner = stage.runner()

    async def cancel() -> None:
        await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
        await runner.notice_cancel(asked.answer.job_id)
        await forever()

    stage.model.scripts.append([*SENTENCE[:4], cancel])
    await runner.run(asked.answer.job_id)
    answer = await stage.answer(asked)
    assert (answer.status, answer.finish_reason) == (AnswerStatus.CANCELLED, FinishReason.CANCELLED)
    assert answer.text == "A task is cancelled by calling its cancel method [1]"
    assert answer.citations[0].quote == "A task is cancelled by calling its cancel method"
    assert (answer.model, answer.error) == ("fake-chat", None)
    assert (await stage.job(asked)).status is JobStatus.CANCELLED
    followed = await reader
    assert followed.text == answer.text
    assert followed.events[-1] == AnswerCompletedEvent(
        answer_id=answer.id, finish_reason=FinishReason.CANCELLED
    )
    assert stage.model.closed == 1


async def test_an_answer_cancelled_while_nobody_worked_on_it_keeps_what_was_said(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.model.scripts.append([*SENTENCE[:2], Transient("busy")])
    await stage.run(asked)
    reader = stage.follow(asked)
    answer = await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
    assert (answer.status, answer.text) == (AnswerStatus.CANCELLED, "A task is cancelled by")
    followed = await reader
    assert (followed.text, followed.told[-1]) == (answer.text, "AnswerCompleted")


async def test_a_failed_answer_ends_its_readers_at_once(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    stage.model.scripts.append([*SENTENCE[:2], Permanent("refused", code=ErrorCode.MODEL_REFUSED)])
    answer = await stage.run(asked)
    assert answer.error is not None
    followed = await reader
    assert followed.events[-1] == AnswerFailedEvent(answer_id=answer.id, error=answer.error)
    assert followed.text == answer.text == "A task is cancelled by"


async def test_a_waiting_answer_that_is_cancelled_ends_its_readers_at_once(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
    assert (await reader).told == ["AnswerCompleted"]


async def test_cancelling_the_job_ends_the_answer_s_readers_too(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    await stage.world.jobs.cancel(stage.tenant.principal, asked.answer.job_id)
    assert (await reader).told == ["AnswerCompleted"]
    assert (await stage.answer(asked)).status is AnswerStatus.CANCELLED


async def test_an_answer_that_kills_its_workers_ends_for_its_readers(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    for _ in range(stage.world.settings.job_attempts_maximum):
        await die_in_mid_answer(stage, asked)
    answer = await stage.run(asked)
    assert answer.status is AnswerStatus.FAILED
    assert (await reader).told[-1] == "AnswerFailed"


async def test_the_end_of_a_cancelled_answer_whose_stream_was_lost_shows_its_text(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.model.scripts.append([*SENTENCE[:2], Transient("busy")])
    await stage.run(asked)
    stage.world.streams.lose(stream_of(asked))
    await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
    followed = await stage.follow(asked)
    assert followed.told == ["StreamReset", "AnswerCompleted"]
    assert followed.text == "A task is cancelled by"


async def test_without_the_store_an_answer_is_cancelled_all_the_same(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.world.streams.down = True
    answer = await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
    assert answer.status is AnswerStatus.CANCELLED
    stage.world.streams.down = False
    assert (await stage.follow(asked)).told == ["StreamReset", "AnswerCompleted"]


async def test_an_answer_is_not_retried_once_it_ended(stage: AnswerStage) -> None:
    asked = await stage.ask()
    await stage.answers.cancel(stage.tenant.principal, asked.answer.id)
    events = await stage.told(asked)
    with pytest.raises(Conflict):
        await stage.world.jobs.retry(stage.tenant.principal, asked.answer.job_id)
    assert (await stage.job(asked)).status is JobStatus.CANCELLED
    assert await stage.told(asked) == events


class FarStream(FakeEventStream):
    """A store of events behind a network: it writes in the middle of the time that a call takes."""

    async def before_append(self, name: StreamName) -> None:
        await asyncio.sleep(0)

    async def after_append(self, name: StreamName) -> None:
        await asyncio.sleep(0)


async def test_a_worker_stopped_at_any_moment_has_kept_what_was_streamed_and_nothing_else(
    stage: AnswerStage,
) -> None:
    far = AnswerStage(stage.world, stage.tenant, streams=FarStream(stage.world.clock))
    far.model.scripts = [[*SENTENCE[:5], Transient("busy")] for _ in range(400)]
    half = set()
    for turns in range(400):
        asked = await far.ask()
        running = asyncio.create_task(far.runner().run(asked.answer.job_id))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        text = (await far.answer(asked)).text
        assert joined(await far.events(asked)) == text, turns
        half.add(text)
        if not running.cancelled():
            break
    assert running.done()
    assert not running.cancelled()
    assert len(half) > 2
