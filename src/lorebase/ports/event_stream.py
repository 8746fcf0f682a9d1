"""Streams of events that survive dropped connections."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple, Protocol

from lorebase.schemas.events import StoredEvent, StreamEvent, StreamName, StreamPosition

EVENTS_AT_ONCE = 100


class Turn(NamedTuple):
    """What wakes a follower: the stream may have grown or was lost, or it is only time to look at the clock.

    `events`, where there are any, come right after the position `after`: read once for all who stand there.
    Whoever stands elsewhere, or gets none though the stream has grown, reads by itself.
    """

    grown: bool
    after: StreamPosition | None = None
    events: Sequence[StoredEvent] = ()


# They take it while a follower waits, and say whether they did.
TakesTurn = Callable[[Turn], bool]
TakesEvent = Callable[[StoredEvent], bool]

GROWN = Turn(grown=True)
TIME = Turn(grown=False)


class EventStream(Protocol):
    """Append-only streams with gap-free sequences, kept for a while."""

    async def append(
        self,
        name: StreamName,
        events: Sequence[StreamEvent],
        *,
        fence: int = 0,
        floor: int = 0,
        resumes: bool = False,
    ) -> int:
        """Appends events in one step; returns the sequence of the last.

        A `fence` older than the newest one seen raises LeaseLost and appends nothing. When the stream was
        lost, it begins anew (a new epoch) after `floor`. With `resumes` nothing is appended then, and 0 is
        returned: the writer first does what readers of a new stream need. A terminal event makes it expire
        later.
        Raises Unavailable when the store is out of reach.
        """
        ...

    async def read(
        self, name: StreamName, after: StreamPosition | None, limit: int = EVENTS_AT_ONCE
    ) -> Sequence[StoredEvent] | None:
        """Events after the position, from the first when None; an empty list when there are none yet.

        None when the stream does not exist or no longer holds what follows the position (trimmed, another
        epoch, never made): the caller then answers from PostgreSQL.
        """
        ...

    async def tail(self, name: StreamName) -> StreamPosition | None:
        """The position of the newest event; None when the stream does not exist."""
        ...

    def follow(self, name: StreamName, at_once: TakesTurn | None = None) -> AsyncGenerator[Turn]:
        """A turn that has `grown` at once, and then whenever the stream may have; close it when done.

        In between one that has not every few seconds, so that a follower can look at the clock. One
        connection per process serves all followers. An outage of the store ends no generator; a turn says
        when it is over.

        While the follower waits for a turn, one with events or of time may be shown to `at_once` instead:
        when that says that it dealt with it, nobody is woken. Thousands are told of an event in this way.
        """
        ...
