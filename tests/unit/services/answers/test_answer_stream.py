"""The stream of one answer as its worker writes it: batches, saves, gaps."""

from __future__ import annotations

import asyncio

import pytest

from lorebase.core.errors import ErrorCode, LeaseLost, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.answers import FinishReason
from lorebase.schemas.events import (
    AnswerCompletedEvent,
    AnswerDeltaEvent,
    AnswerStartedEvent,
    StreamName,
    StreamResetEvent,
)
from lorebase.schemas.jobs import Job, JobKind
from lorebase.services.answers.answer_stream import BATCH_SECONDS, SAVE_SECONDS, SILENCE_SECONDS, AnswerStream
from lorebase.services.jobs.job_events import answer_stream_of
from tests.factories import make_job
from tests.fakes.clock import FakeClock
from tests.fakes.event_stream import FakeEventStream


class Store(FakeEventStream):
    """Counts what it is asked; may hang instead of answering."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.asked = 0
        self.hangs = False

    async def before_append(self, name: StreamName) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()


class Desk:
    """A worker's stream over a store, and what it saved."""

    def __init__(self, *, max_events: int = 5000, fence: int = 1, patience_seconds: float = 10.0) -> None:
        self.clock = FakeClock()
        self.store = Store(self.clock)
        self.saved: list[str] = []
        self.database_down = False
        self.job: Job = make_job(kind=JobKind.ANSWER, fence=fence)
        self.name = answer_stream_of(self.job)
        self.stream = AnswerStream(
            self.store,
            self.job,
            self.clock,
            self.save,
            max_events=max_events,
            patience_seconds=patience_seconds,
        )

    async def save(self) -> None:
        if self.database_down:
            raise Unavailable("down", code=ErrorCode.DATABASE_UNAVAILABLE)
        self.saved.append(self.stream.text)

    async def say(self, *words: str, seconds: float = 1.0) -> None:
        for word in words:
            self.clock.advance(seconds)
            await self.stream.write(word)

    @property
    def told(self) -> list[str]:
        texts = {AnswerDeltaEvent: lambda event: event.text}
        events = self.store.of(self.name)
        return [texts.get(type(event), lambda event: event.type)(event) for event in events]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_words_are_sent_in_batches(desk: Desk) -> None:
    await desk.stream.begin(0, again=False)
    await desk.say(*"abcdefgh", seconds=BATCH_SECONDS / 3.5)
    await desk.stream.flush()
    assert desk.told == ["a", "bcde", "fgh"]
    offsets = [event.offset for event in desk.store.of(desk.name) if isinstance(event, AnswerDeltaEvent)]
    assert offsets == [0, 1, 5]


async def test_what_waits_is_not_yet_part_of_the_text(desk: Desk) -> None:
    await desk.say("a")
    await desk.stream.write("b")
    assert desk.stream.text == "a"
    await desk.stream.flush()
    assert desk.stream.text == "ab"


async def test_nothing_is_sent_for_nothing(desk: Desk) -> None:
    await desk.stream.begin(0, again=False)
    await desk.stream.write("")
    await desk.stream.flush()
    await desk.stream.send()
    assert desk.store.asked == 0


async def test_offsets_count_code_points(desk: Desk) -> None:
    await desk.say("a😀", "é", "x")
    offsets = [event.offset for event in desk.store.of(desk.name) if isinstance(event, AnswerDeltaEvent)]
    assert offsets == [0, 2, 3]


async def test_the_text_is_saved_every_few_seconds_before_it_is_sent(desk: Desk) -> None:
    await desk.say(*"abcdef", seconds=SAVE_SECONDS / 2)
    assert desk.saved == ["ab", "abcd", "abcdef"]


async def test_a_save_that_fails_holds_up_no_word(desk: Desk) -> None:
    desk.database_down = True
    await desk.say(*"abcd", seconds=SAVE_SECONDS)
    assert desk.told == [*"abcd"]


async def test_once_the_store_forgets_every_word_is_saved_before_it_is_sent() -> None:
    desk = Desk(max_events=3)
    await desk.say(*"abcdef", seconds=BATCH_SECONDS)
    assert desk.saved == ["abcd", "abcde", "abcdef"]


async def test_the_first_attempt_begins_at_one(desk: Desk) -> None:
    await desk.stream.begin(0, again=False)
    await desk.stream.send(AnswerStartedEvent(answer_id=desk.job.subject_id))
    assert desk.stream.sequence == 1
    assert desk.told == ["AnswerStarted"]


async def test_a_rerun_goes_on_in_the_stream_that_is_there() -> None:
    desk = Desk(fence=2)
    await desk.store.append(desk.name, [AnswerStartedEvent(answer_id=new_id())], fence=1)
    await desk.stream.begin(1000, again=True)
    await desk.say("a")
    assert desk.stream.sequence == 3
    assert desk.told == ["AnswerStarted", "StreamReset", "a"]
    assert desk.saved == []


async def test_a_rerun_in_a_lost_stream_begins_behind_the_floor_and_saves_every_word() -> None:
    desk = Desk(fence=2)
    await desk.stream.begin(1000, again=True)
    assert desk.stream.sequence == 1001
    await desk.say("a", "b", seconds=BATCH_SECONDS)
    assert desk.saved == ["a", "ab"]


async def test_a_lost_stream_is_noticed_at_the_next_event(desk: Desk) -> None:
    await desk.say("a", "b", seconds=BATCH_SECONDS)
    desk.store.lose(desk.name)
    await desk.say("c", "d", seconds=BATCH_SECONDS)
    assert desk.told == ["StreamReset", "c", "d"]
    assert desk.saved == ["abc", "abcd"]
    assert desk.stream.sequence == 6


async def test_a_lost_stream_is_not_taken_up_again_behind_its_end(desk: Desk) -> None:
    """A reset there would make a stream that is over look as if it went on, and never expire."""
    await desk.say("a")
    desk.store.lose(desk.name)
    end = AnswerCompletedEvent(answer_id=desk.job.subject_id, finish_reason=FinishReason.STOP)
    await desk.stream.send(end)
    assert desk.told == ["AnswerCompleted"]


async def test_after_an_outage_the_text_is_saved_and_readers_are_reset(desk: Desk) -> None:
    await desk.say("a")
    desk.store.down = True
    await desk.say("b", "c")
    desk.store.down = False
    await desk.say("d")
    assert desk.told == ["a", "StreamReset", "d"]
    assert desk.saved[-1] == "abcd"


async def test_without_the_database_the_gap_stays_open(desk: Desk) -> None:
    """Readers are never sent to a text that is not there."""
    await desk.say("a")
    desk.store.down = True
    await desk.say("b")
    desk.store.down, desk.database_down = False, True
    await desk.say("c", "d", seconds=SILENCE_SECONDS + 1)
    assert desk.told == ["a"]
    desk.database_down = False
    await desk.say("e", seconds=SILENCE_SECONDS + 1)
    assert desk.told == ["a", "StreamReset", "e"]
    assert desk.saved[-1] == "abcde"


async def test_a_store_that_fails_is_left_alone_for_a_while(desk: Desk) -> None:
    desk.store.down = True
    await desk.say(*"x" * 50, seconds=SILENCE_SECONDS / 10)
    assert 4 <= desk.store.asked <= 6


async def test_the_end_is_always_tried(desk: Desk) -> None:
    desk.store.down = True
    await desk.say("a")
    desk.store.down = False
    end = AnswerCompletedEvent(answer_id=desk.job.subject_id, finish_reason=FinishReason.STOP)
    await desk.stream.send(end)
    assert desk.told == ["StreamReset", "AnswerCompleted"]


async def test_a_store_that_hangs_is_an_outage() -> None:
    desk = Desk(patience_seconds=0.01)
    desk.store.hangs = True
    await desk.say("a")
    desk.store.hangs = False
    await desk.say("b", seconds=SILENCE_SECONDS)
    assert desk.told == ["StreamReset", "b"]


async def test_another_worker_s_fence_stops_this_one(desk: Desk) -> None:
    await desk.say("a")
    await desk.store.append(desk.name, [StreamResetEvent(subject_id=desk.job.subject_id)], fence=2)
    with pytest.raises(LeaseLost):
        await desk.say("b")
    assert desk.told == ["a", "StreamReset"]
