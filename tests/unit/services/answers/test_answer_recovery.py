"""Answers when something dies, is lost, cut off or stopped: one complete answer, and every reader's end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from lorebase.core.errors import ErrorCode, Transient, Unavailable
from lorebase.schemas.answers import Answer, AnswerStatus, Asked
from lorebase.schemas.events import (
    StreamEvent,
    StreamKind,
    StreamName,
    StreamPosition,
    StreamResetEvent,
)
from lorebase.schemas.jobs import JobStatus
from lorebase.services.answers.answer_draft import NO_EVIDENCE_TEXT
from tests.factories import add_tenant, make_settings
from tests.fakes.answer_stage import AnswerStage, joined
from tests.fakes.event_stream import FakeEventStream
from tests.fakes.faults import Crash, Faults
from tests.fakes.job_stage import until
from tests.fakes.world import World

# No heartbeat falls into a test, so each step of a worker is one of its handler.
LEASE_SECONDS = 3600.0
SENTENCE = ["A task is ", "cancelled by ", "calling its ", "cancel method [1]", ". Nobody ", "waits [2]."]
TEXT = "".join(SENTENCE)


@pytest.fixture
async def stage() -> AnswerStage:
    world = World(make_settings(job_lease_seconds=LEASE_SECONDS))
    stage = AnswerStage(world, await add_tenant(world.database))
    await stage.fill()
    return stage


def stream_of(asked: Asked) -> StreamName:
    return StreamName(kind=StreamKind.ANSWER, workspace_id=asked.answer.workspace_id, id=asked.answer.id)


async def forever() -> None:
    await asyncio.Event().wait()


def dying(faults: Faults) -> Callable[[], Awaitable[None]]:
    """The process is gone: nothing that it does from now on has an effect."""

    async def die() -> None:
        faults.crash_at(faults.steps + 1)
        raise Crash

    return die


async def die_in_mid_answer(stage: AnswerStage, asked: Asked) -> None:
    faults = Faults()
    stage.model.scripts.append([*SENTENCE[:2], dying(faults)])
    with pytest.raises(Crash):
        await stage.run(asked, faults)
    stage.world.clock.advance(LEASE_SECONDS + 1)


async def answered_again(stage: AnswerStage, asked: Asked) -> Answer:
    stage.model.scripts.append([*SENTENCE])
    answer = await stage.run(asked)
    assert (answer.status, answer.text) == (AnswerStatus.COMPLETED, TEXT)
    assert len(answer.citations) == 2
    return answer


async def test_a_rerun_begins_with_a_reset_and_ends_with_one_whole_answer(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    await die_in_mid_answer(stage, asked)
    await answered_again(stage, asked)
    stored = await stage.stored(asked)
    types = [event.event.type for event in stored]
    assert types[:5] == ["AnswerStarted", "AnswerRetrieved", "AnswerDelta", "AnswerDelta", "StreamReset"]
    assert types[5:7] == ["AnswerStarted", "AnswerRetrieved"]
    assert types.count("StreamReset") == 1
    assert types[-1] == "AnswerCompleted"
    assert [event.position.sequence for event in stored] == [*range(1, len(stored) + 1)]
    assert len({event.position.epoch for event in stored}) == 1
    assert joined([event.event for event in stored]) == TEXT
    followed = await reader
    assert (followed.text, followed.holes) == (TEXT, 0)


async def test_wherever_a_worker_dies_another_finishes_the_answer(stage: AnswerStage) -> None:
    healthy = Faults()
    stage.model.scripts.append([*SENTENCE])
    await stage.run(await stage.ask(), healthy)
    assert healthy.steps > 8
    for step in range(1, healthy.steps + 1):
        asked = await stage.ask()
        # One that died behind its commit told nobody: PostgreSQL is asked.
        reader = stage.follow(asked, doubt_seconds=0.0)
        faults = Faults()
        faults.crash_at(step)
        stage.model.scripts = [[*SENTENCE]]
        with pytest.raises(Crash):
            await stage.run(asked, faults)
        stage.world.clock.advance(LEASE_SECONDS + 1)
        stage.model.scripts = [[*SENTENCE]]
        answer = await stage.run(asked)
        assert (answer.status, answer.text) == (AnswerStatus.COMPLETED, TEXT), step
        assert len(answer.citations) == 2
        assert (await stage.job(asked)).status is JobStatus.SUCCEEDED
        assert (await reader).text == TEXT
        assert reader.result().told[-1] == "AnswerCompleted"


async def test_a_worker_whose_lease_was_taken_stops_and_writes_nothing(stage: AnswerStage) -> None:
    asked = await stage.ask()
    taken: list[Answer] = []

    async def take_over() -> None:
        stage.world.clock.advance(LEASE_SECONDS + 1)
        async with stage.world.units.for_system() as uow:
            assert await uow.jobs.claim(asked.answer.job_id, timedelta(hours=1)) is not None
            await uow.commit()
        await stage.streams.append(stream_of(asked), [StreamResetEvent(subject_id=asked.answer.id)], fence=2)
        taken.append(await stage.answer(asked))

    stage.model.scripts.append([*SENTENCE[:2], take_over, *SENTENCE[2:]])
    answer = await stage.run(asked)
    assert (await stage.told(asked))[-1] == "StreamReset"
    assert [answer] == taken
    job = await stage.job(asked)
    assert (job.status, job.fence) == (JobStatus.RUNNING, 2)
    assert stage.model.closed == 1


async def test_a_frozen_worker_cannot_finish_over_the_next_one(stage: AnswerStage) -> None:
    """It wakes up behind its last word: neither answer nor job nor stream take anything from it."""
    asked = await stage.ask()

    async def freeze() -> None:
        stage.world.clock.advance(LEASE_SECONDS + 1)
        stage.model.scripts.append(["Another answer [1]."])
        await stage.run(asked)

    stage.model.scripts.append([*SENTENCE, freeze])
    answer = await stage.run(asked)
    assert answer.text == "Another answer [1]."
    events = await stage.events(asked)
    assert [event.type for event in events].count("AnswerCompleted") == 1
    assert joined(events) == "Another answer [1]."


async def test_a_worker_that_nobody_told_of_its_successor_commits_nothing(stage: AnswerStage) -> None:
    asked = await stage.ask()
    taken: list[Answer] = []

    async def freeze() -> None:
        stage.world.clock.advance(LEASE_SECONDS + 1)
        async with stage.world.units.for_system() as uow:
            assert await uow.jobs.claim(asked.answer.job_id, timedelta(hours=1)) is not None
            await uow.commit()
        taken.append(await stage.answer(asked))

    stage.model.scripts.append([*SENTENCE, freeze])
    answer = await stage.run(asked)
    assert [answer] == taken
    assert "AnswerCompleted" not in await stage.told(asked)
    job = await stage.job(asked)
    assert (job.status, job.fence) == (JobStatus.RUNNING, 2)


async def test_a_rerun_leaves_nothing_of_the_attempt_before(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.model.scripts.append([*SENTENCE, Transient("busy")])
    before = await stage.run(asked)
    assert before.text == TEXT
    assert before.citations
    seen: list[Answer] = []

    async def look() -> None:
        seen.append(await stage.answer(asked))

    stage.model.scripts.append([look, "NO_EVIDENCE"])
    await stage.run(asked)
    assert [(answer.text, answer.citations) for answer in seen] == [("", ())]


async def test_a_heartbeat_that_finds_the_job_ended_does_not_silence_its_end(stage: AnswerStage) -> None:
    """It takes the lease for lost and cancels the worker between the commit and the last event."""
    asked = await stage.ask()
    running: list[asyncio.Task[Answer]] = []

    class Interrupted(FakeEventStream):
        async def append(
            self,
            name: StreamName,
            events: Sequence[StreamEvent],
            *,
            fence: int = 0,
            floor: int = 0,
            resumes: bool = False,
        ) -> int:
            if events[-1].type == "AnswerCompleted":
                running[0].cancel()
                await asyncio.sleep(0.01)
            return await super().append(name, events, fence=fence, floor=floor, resumes=resumes)

    stage.streams = Interrupted(stage.world.clock)
    stage.model.scripts.append([*SENTENCE])
    running.append(asyncio.create_task(stage.run(asked)))
    await asyncio.wait(running)
    assert (await stage.told(asked))[-1] == "AnswerCompleted"
    assert (await stage.job(asked)).status is JobStatus.SUCCEEDED


async def test_a_worker_that_shuts_down_gives_the_answer_back(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    stage.model.scripts.append([*SENTENCE[:2], forever])
    running = asyncio.create_task(stage.run(asked))
    await until(lambda: len(stage.world.streams.of(stream_of(asked))) == 4)
    running.cancel()
    await asyncio.wait({running})
    job = await stage.job(asked)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
    waiting = await stage.answer(asked)
    assert (waiting.status, waiting.text) == (AnswerStatus.QUEUED, "A task is cancelled by")
    await answered_again(stage, asked)
    assert (await reader).text == TEXT


async def test_without_the_store_of_events_the_answer_is_made_all_the_same(stage: AnswerStage) -> None:
    asked = await stage.ask()
    stage.world.streams.down = True
    await answered_again(stage, asked)
    stage.world.streams.down = False
    followed = await stage.follow(asked)
    assert followed.told == ["StreamReset", "AnswerCompleted"]
    assert followed.text == TEXT


async def test_readers_are_sent_to_the_answer_when_the_store_is_back(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)

    def fail() -> None:
        stage.world.streams.down = True

    def recover() -> None:
        stage.world.streams.down = False

    stage.model.scripts.append([*SENTENCE[:2], fail, *SENTENCE[2:4], recover, *SENTENCE[4:]])
    answer = await stage.run(asked)
    assert answer.text == TEXT
    followed = await reader
    assert (followed.text, followed.holes) == (TEXT, 0)
    assert "StreamReset" in followed.told
    late = await stage.follow(asked)
    assert (late.text, late.holes) == (TEXT, 0)


@pytest.mark.parametrize("pieces_before", [1, 2, 5])
async def test_a_stream_lost_in_mid_answer_begins_anew_and_loses_no_word(
    stage: AnswerStage, pieces_before: int
) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    places: list[StreamPosition] = []

    async def lose() -> None:
        tail = await stage.streams.tail(stream_of(asked))
        assert tail is not None
        places.append(tail)
        stage.world.streams.lose(stream_of(asked))

    stage.model.scripts.append([*SENTENCE[:pieces_before], lose, *SENTENCE[pieces_before:]])
    answer = await stage.run(asked)
    assert answer.text == TEXT
    stored = await stage.stored(asked)
    assert {event.position.epoch for event in stored}.isdisjoint({places[0].epoch})
    assert stored[0].position.sequence > places[0].sequence
    assert stored[0].event.type == "StreamReset"
    assert (await reader).text == TEXT
    for after in (None, places[0]):
        late = await stage.follow(asked, after)
        assert (late.text, late.told[0], late.told[-1]) == (TEXT, "StreamReset", "AnswerCompleted")


async def test_a_reader_who_comes_after_the_loss_misses_nothing(stage: AnswerStage) -> None:
    """It starts at the newest event, so every word before that one must be in PostgreSQL by then."""
    asked = await stage.ask()
    readers = []

    async def join() -> None:
        reader = stage.follow(asked)
        readers.append(reader)
        await asyncio.sleep(0.05)

    def lose() -> None:
        stage.world.streams.lose(stream_of(asked))

    script = [SENTENCE[0], lose, *(step for piece in SENTENCE[1:] for step in (piece, join))]
    stage.model.scripts.append([*script])
    assert (await stage.run(asked)).text == TEXT
    for reader in readers:
        assert (await reader).text == TEXT
    assert {reader.result().holes for reader in readers} == {0}


async def test_a_stream_lost_between_two_attempts_begins_anew(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    await die_in_mid_answer(stage, asked)
    stage.world.streams.lose(stream_of(asked))
    await answered_again(stage, asked)
    assert (await reader).text == TEXT
    assert (await stage.follow(asked)).text == TEXT
    stored = await stage.stored(asked)
    first, last = stored[0].position.sequence, stored[-1].position.sequence
    assert [event.position.sequence for event in stored] == [*range(first, last + 1)]
    assert first > 4


async def test_a_stream_lost_before_the_last_event_still_ends(stage: AnswerStage) -> None:
    asked = await stage.ask()
    reader = stage.follow(asked)
    stage.model.scripts.append([*SENTENCE, lambda: stage.world.streams.lose(stream_of(asked))])
    await stage.run(asked)
    assert (await stage.told(asked))[-1] == "AnswerCompleted"
    followed = await reader
    assert (followed.text, followed.told[-1]) == (TEXT, "AnswerCompleted")


async def test_the_text_grows_in_postgres_too(stage: AnswerStage) -> None:
    """For those who poll, and for readers whose place is no longer kept."""
    asked = await stage.ask()
    seen: list[str] = []

    async def look() -> None:
        seen.append((await stage.answer(asked)).text)

    stage.model.scripts.append([step for piece in SENTENCE for step in (piece, look)])
    await stage.run(asked)
    assert len(set(seen)) > 2
    assert all(TEXT.startswith(text) for text in seen)


async def test_an_outage_of_postgres_at_the_end_costs_a_rerun_and_no_answer(stage: AnswerStage) -> None:
    asked = await stage.ask()

    def fail() -> None:
        stage.world.database.down = True

    stage.model.scripts.append([*SENTENCE, fail])
    with pytest.raises(Unavailable):
        await stage.run(asked)
    stage.world.database.down = False
    assert (await stage.answer(asked)).status is AnswerStatus.GENERATING
    assert "AnswerCompleted" not in await stage.told(asked)
    stage.world.clock.advance(LEASE_SECONDS + 1)
    await answered_again(stage, asked)
    assert (await stage.follow(asked)).text == TEXT


async def test_no_reader_leaves_while_an_answer_is_tried_again(stage: AnswerStage) -> None:
    """However often: failures that are not final, deaths and outages say nothing that ends a reader."""
    asked = await stage.ask()
    reader = stage.follow(asked, doubt_seconds=0.0)
    down = Unavailable("down", code=ErrorCode.MODEL_UNAVAILABLE)
    for trouble in (Transient("busy"), ValueError("bug"), down):
        stage.model.scripts.append([*SENTENCE[:2], trouble])
        await stage.run(asked)
        stage.world.clock.advance(3600)
        await asyncio.sleep(0.05)
        assert not reader.done()
    await die_in_mid_answer(stage, asked)
    await asyncio.sleep(0.05)
    assert not reader.done()
    await answered_again(stage, asked)
    followed = await reader
    assert (followed.text, followed.holes) == (TEXT, 0)
    assert followed.told.count("AnswerCompleted") == 1


async def test_a_rerun_without_evidence_forgets_what_was_said_before(stage: AnswerStage) -> None:
    asked = await stage.ask()
    await die_in_mid_answer(stage, asked)
    stage.model.scripts.append(["NO_EVIDENCE"])
    answer = await stage.run(asked)
    assert (answer.text, answer.citations) == (NO_EVIDENCE_TEXT, ())
    assert joined(await stage.events(asked)) == NO_EVIDENCE_TEXT
