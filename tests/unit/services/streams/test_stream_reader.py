"""One subscriber's place: everything once and in order, however much waits and wherever it begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.ids import new_id
from lorebase.ports.event_stream import EVENTS_AT_ONCE, Turn
from lorebase.schemas.answers import FinishReason
from lorebase.schemas.events import AnswerCompletedEvent, AnswerStartedEvent, StoredEvent, StreamPosition
from lorebase.services.streams.stream_reader import StreamReader
from lorebase.services.streams.stream_subjects import AnswerSubject, SubjectEnd
from tests.fakes.clock import FakeClock
from tests.fakes.event_stream import FakeEventStream
from tests.fakes.unit_of_work import FakeUnits, MemoryDatabase


class Scene:
    """A stream of so many events, and readers of it."""

    def __init__(self) -> None:
        self.streams = FakeEventStream()
        self.subject = AnswerSubject(FakeUnits(MemoryDatabase()), new_id(), new_id())

    async def append(self, number: int) -> None:
        started = AnswerStartedEvent(answer_id=self.subject.name.id)
        await self.streams.append(self.subject.name, [started] * number)

    def reader(self, after: StreamPosition | None = None) -> StreamReader:
        return StreamReader(self.subject, self.streams, FakeClock(), after)

    async def end(self) -> SubjectEnd:
        event = AnswerCompletedEvent(answer_id=self.subject.name.id, finish_reason=FinishReason.STOP)
        return SubjectEnd(event=event, sequence=7)


async def caught_up(reader: StreamReader) -> list[list[int]]:
    """The sequences of each reading until nothing is left to read at once."""
    readings = [await reader.read_on()]
    while reader.behind:
        readings.append(await reader.read_on())
    return [[event.position.sequence for event in reading] for reading in readings]


@pytest.fixture
def scene() -> Scene:
    return Scene()


@given(number=st.integers(1, 350), place=st.integers(0, 350))
async def test_what_waits_is_read_once_in_order_and_never_too_much_at_once(number: int, place: int) -> None:
    scene, start = Scene(), min(place, number)
    await scene.append(number)
    tail = await scene.streams.tail(scene.subject.name)
    assert tail is not None
    readings = await caught_up(scene.reader(tail.model_copy(update={"sequence": start})))
    assert [sequence for reading in readings for sequence in reading] == list(range(start + 1, number + 1))
    assert all(len(reading) <= EVENTS_AT_ONCE for reading in readings)


async def test_nothing_new_is_no_event_and_no_change_of_place(scene: Scene) -> None:
    await scene.append(3)
    reader = scene.reader()
    assert await caught_up(reader) == [[1, 2, 3]]
    place = reader.position
    assert await reader.read_on() == []
    assert reader.position == place


async def test_a_reader_goes_on_after_an_outage_where_it_stood(scene: Scene) -> None:
    await scene.append(2)
    reader = scene.reader()
    await reader.read_on()
    scene.streams.down = True
    await scene_reads_nothing(reader)
    scene.streams.down = False
    await scene.append(1)
    assert await caught_up(reader) == [[3]]
    assert reader.reachable


async def scene_reads_nothing(reader: StreamReader) -> None:
    assert await reader.read_on() == ()
    assert not reader.reachable
    assert not reader.behind


async def test_a_terminal_event_ends_only_when_nothing_follows_it(scene: Scene) -> None:
    end = await scene.end()
    await scene.streams.append(scene.subject.name, [end.event])
    await scene.append(1)
    reader = scene.reader()
    assert await caught_up(reader) == [[1, 2]]
    assert not reader.ended
    await scene.streams.append(scene.subject.name, [end.event])
    assert await caught_up(reader) == [[3]]
    assert reader.ended


async def test_the_end_of_an_answer_from_elsewhere_follows_a_reset_for_pieces_may_be_missing(
    scene: Scene,
) -> None:
    await scene.append(2)
    reader = scene.reader()
    await reader.read_on()
    last = reader.conclude(await scene.end())
    assert shown(last) == [("StreamReset", 2), ("AnswerCompleted", 3)]
    assert reader.ended


async def test_the_end_of_a_lost_stream_follows_a_reset(scene: Scene) -> None:
    reader = scene.reader()
    assert await reader.read_on() == ()
    assert not reader.exists
    assert shown(reader.conclude(await scene.end())) == [("StreamReset", 7), ("AnswerCompleted", 8)]


def shown(events: object) -> list[tuple[str, int]]:
    assert isinstance(events, list)
    assert all(isinstance(event, StoredEvent) for event in events)
    return [(event.event.type, event.position.sequence) for event in events]


@given(
    batches=st.lists(st.integers(1, 3), max_size=25),
    looks=st.lists(st.sampled_from(["glance", "part", "take", "miss"]), min_size=25, max_size=25),
)
async def test_however_turns_are_dealt_with_everything_is_seen_once_and_in_order(
    batches: list[int], looks: list[str]
) -> None:
    scene, seen = Scene(), list[int]()
    await scene.append(1)
    reader = scene.reader()
    seen += [sequence for reading in await caught_up(reader) for sequence in reading]
    for number, look in zip(batches, looks, strict=False):
        turns = scene.streams.follow(scene.subject.name)
        await anext(turns)
        await scene.append(number)
        turn = await anext(turns)
        glanced = reader.glance(turn) if look in {"glance", "part"} else ()
        # Who was interrupted at a glance has skipped only some of the events.
        skipped = glanced[:1] if look == "part" else glanced
        for event in skipped:
            reader.skip(event)
            seen.append(event.position.sequence)
        if look != "miss" and len(skipped) < number:
            seen += [event.position.sequence for event in reader.take(turn)]
            if reader.behind:
                seen += [sequence for reading in await caught_up(reader) for sequence in reading]
        await turns.aclose()
    seen += [sequence for reading in await caught_up(reader) for sequence in reading]
    assert seen == list(range(1, sum(batches) + 2))


async def test_the_last_event_of_a_subject_is_never_taken_at_a_glance(scene: Scene) -> None:
    await scene.append(1)
    reader = scene.reader()
    await caught_up(reader)
    tail = reader.position
    end = await scene.end()
    await scene.streams.append(scene.subject.name, [end.event])
    [last] = await scene.streams.read(scene.subject.name, tail) or ()
    turn = Turn(grown=True, after=tail, events=[last])
    assert not reader.glance(turn)
    assert list(reader.take(turn)) == [last]
    assert reader.ended
