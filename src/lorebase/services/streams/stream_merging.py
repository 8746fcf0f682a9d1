"""Making up for a slow reader: deltas that waited together are sent as one."""

from __future__ import annotations

from collections.abc import Sequence

from lorebase.schemas.events import AnswerDeltaEvent, StoredEvent


class Merging:
    """Merges what many were handed: done once for those who come with the same events."""

    __slots__ = ("_events", "_merged")

    def __init__(self) -> None:
        self._events: Sequence[StoredEvent] = ()
        self._merged: Sequence[StoredEvent] = ()

    def __call__(self, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        """The events as `merged` gives them; the very same objects for the very same events."""
        if events is not self._events:
            self._events, self._merged = events, merged(events)
        return self._merged


def merged(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    """The events with neighbouring deltas put together: texts and parts, at the last place."""
    if len(events) == 1:
        return list(events)
    result: list[StoredEvent] = []
    for event in events:
        joined = _joined(result[-1], event) if result else None
        if joined is None:
            result.append(event)
        else:
            result[-1] = joined
    return result


def _joined(first: StoredEvent, second: StoredEvent) -> StoredEvent | None:
    before, after = first.event, second.event
    if not isinstance(before, AnswerDeltaEvent) or not isinstance(after, AnswerDeltaEvent):
        return None
    if before.offset + len(before.text) != after.offset:
        return None
    both = AnswerDeltaEvent(
        text=before.text + after.text, offset=before.offset, parts=before.parts + after.parts
    )
    return second.model_copy(update={"event": both})
