"""What all subscriptions share: places, cursors, and fresh loaders for each event."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import TypedDict, TypeVar, cast
from uuid import UUID

import strawberry

from lorebase.api.graphql.context import Context, Info
from lorebase.api.graphql.cursors import StreamCursors
from lorebase.api.graphql.fields import computed
from lorebase.api.graphql.nodes import Node
from lorebase.ports.event_stream import TakesEvent
from lorebase.schemas.events import StoredEvent, StreamKind, StreamName

Shown = TypeVar("Shown")


@strawberry.interface(description="Fields that all stream events share.")
class StreamEvent:
    """An event at its place."""

    cursor: str = strawberry.field(
        description="Opaque position; pass the last one seen as `after` to resume."
    )
    occurred_at: datetime = strawberry.field(description="When the event happened.")
    sequence: int = strawberry.field(
        description="Position in the stream of this subject, from 1, without gaps."
    )
    source: strawberry.Private[StoredEvent]


@strawberry.type(
    description=(
        "The requested position is no longer kept; drop local state and use the snapshot. Live events follow."
    )
)
class StreamReset(StreamEvent):
    """Begin anew from here."""

    subject_type: strawberry.Private[str]
    subject_id: strawberry.Private[UUID]

    @computed("The subject as it is now.")
    async def snapshot(self, info: Info) -> Node:
        """The answer, job or workspace that the stream is about."""
        return await info.context.get(self.subject_type, self.subject_id)


class Place(TypedDict):
    """What every event shares."""

    cursor: str
    occurred_at: datetime
    sequence: int
    source: StoredEvent


def place_of(stored: StoredEvent, cursor: str) -> Place:
    """Where an event stands."""
    sequence = stored.position.sequence
    return {"cursor": cursor, "occurred_at": stored.occurred_at, "sequence": sequence, "source": stored}


def stream_cursors(context: Context, kind: StreamKind, subject_id: UUID) -> StreamCursors:
    """The cursors of one stream of the caller's workspace."""
    name = StreamName(kind=kind, workspace_id=context.principal.workspace_id, id=subject_id)
    return StreamCursors(context.services.signer, name)


def follow(
    context: Context,
    cursors: StreamCursors,
    opened: Callable[[TakesEvent | None], AsyncGenerator[StoredEvent, None]],
    show: Callable[[StoredEvent, str], Shown],
) -> AsyncGenerator[Shown, None]:
    """Shows each event of the stream that is opened; closing it closes the stream behind.

    An event that several follow is read once and so is one object: it is shown once. What is shown holds
    nothing of the reader, and its cursor is that of the stream.
    """
    purpose, shown = (show, cursors.purpose), context.shown

    async def each(events: AsyncGenerator[StoredEvent, None]) -> AsyncGenerator[Shown, None]:
        async with aclosing(events):
            async for stored in events:
                # Loaders know nothing that is older than the event.
                context.renew_loaders()
                made = shown.find(stored, purpose)
                if made is None:
                    made = show(stored, cursors.write(stored.position))
                    shown.keep(stored, purpose, made)
                yield cast("Shown", made)

    return each(opened(context.deliver))
