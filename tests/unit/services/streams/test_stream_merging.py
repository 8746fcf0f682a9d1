"""Deltas that waited together: sent as one, without losing a place."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.core.ids import new_id
from lorebase.schemas.events import (
    AnswerDeltaEvent,
    AnswerStartedEvent,
    StoredEvent,
    StreamPosition,
    StreamResetEvent,
)
from lorebase.services.streams.stream_merging import Merging, merged
from tests.fakes.clock import START

PIECES = st.lists(st.one_of(st.text("ab", min_size=1, max_size=3), st.none(), st.just("RESET")), max_size=20)


@given(pieces=PIECES)
@settings(max_examples=100)
def test_merging_changes_no_text_and_loses_no_place(pieces: list[str | None]) -> None:
    """None stands for another event, RESET for a rerun that starts at offset 0 again."""
    events: list[StoredEvent] = []
    offset, answer_id = 0, new_id()

    def add(event: AnswerDeltaEvent | AnswerStartedEvent | StreamResetEvent) -> None:
        place = StreamPosition(epoch="e", sequence=len(events) + 1)
        events.append(StoredEvent(position=place, occurred_at=START, event=event))

    for piece in pieces:
        if piece is None:
            add(AnswerStartedEvent(answer_id=answer_id))
        elif piece == "RESET":
            add(StreamResetEvent(subject_id=answer_id))
            offset = 0
        else:
            add(AnswerDeltaEvent(text=piece, offset=offset))
            offset += len(piece)

    def written(stored: list[StoredEvent]) -> str:
        text = ""
        for event in (item.event for item in stored):
            if isinstance(event, StreamResetEvent):
                text += "|"
            if isinstance(event, AnswerDeltaEvent):
                assert event.offset == len(text.rpartition("|")[2])
                text += event.text
        return text

    result = merged(events)
    assert written(result) == written(events)
    parts = [item.event.parts if isinstance(item.event, AnswerDeltaEvent) else 1 for item in result]
    assert sum(parts) == len(events)
    places = [item.position.sequence for item in result]
    assert places == [sum(parts[: number + 1]) for number in range(len(parts))]


def test_who_comes_with_the_same_events_gets_the_same_objects() -> None:
    def deltas(*texts: str) -> list[StoredEvent]:
        starts = [sum(map(len, texts[:number])) for number in range(len(texts))]
        return [
            StoredEvent(
                position=StreamPosition(epoch="e", sequence=number + 1),
                occurred_at=START,
                event=AnswerDeltaEvent(text=text, offset=starts[number]),
            )
            for number, text in enumerate(texts)
        ]

    merge, first, second = Merging(), deltas("a", "b"), deltas("a", "c")
    [for_one], [for_another] = merge(first), merge(first)
    assert for_one is for_another
    assert for_one == merged(first)[0]
    assert list(merge(second)) == merged(second)
    assert list(merge(first)) == merged(first)
