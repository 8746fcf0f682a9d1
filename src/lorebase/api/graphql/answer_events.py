"""Events of answers, live, token by token."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry import UNSET

from lorebase.api.graphql.answer_parts import AnswerError, Citation
from lorebase.api.graphql.answers import Answer
from lorebase.api.graphql.context import Info
from lorebase.api.graphql.enums import FinishReason
from lorebase.api.graphql.fields import computed, subscription, union_of
from lorebase.api.graphql.nodes import Node, read_id
from lorebase.api.graphql.search import SearchHit, show_hits
from lorebase.api.graphql.streams import StreamEvent, StreamReset, follow, place_of, stream_cursors
from lorebase.schemas import events as values
from lorebase.schemas.search import SearchHit as FoundHit
from lorebase.schemas.workspaces import ApiScope

AnswerId = Annotated[strawberry.ID, strawberry.argument(description="The answer.")]
After = Annotated[
    str | None,
    strawberry.argument(description="Cursor of the last event seen; everything from the start when absent."),
]


@strawberry.type(description="A worker took the question.")
class AnswerStarted(StreamEvent):
    """An attempt began."""

    answer_id: strawberry.Private[UUID]

    @computed("The answer.", graphql_type=Answer)
    async def answer(self, info: Info) -> Node:
        """The answer as it is now."""
        return await info.context.get("Answer", self.answer_id)


@strawberry.type(description="Evidence was found.")
class AnswerRetrieved(StreamEvent):
    """What the model is given."""

    found: strawberry.Private[Sequence[FoundHit]]

    @computed("Passages given to the model.")
    async def hits(self, info: Info) -> list[SearchHit]:
        """The hits, without those deleted since."""
        return [hit for _, hit in await show_hits(info.context, self.found)]


@strawberry.type(description="More text. Events sent faster than the client reads are merged into one.")
class AnswerDelta(StreamEvent):
    """The next words."""

    offset: int = strawberry.field(
        description="Where the text goes, in Unicode code points; lets clients drop repeats."
    )
    parts: int = strawberry.field(description="Deltas merged into this one; `sequence` is that of the last.")
    text: str = strawberry.field(description="Text to append.")


@strawberry.type(description="A claim was linked to evidence.")
class AnswerCitation(StreamEvent):
    """Evidence for what was said."""

    citation: Citation = strawberry.field(description="The link.")


@strawberry.type(description="Final event: the answer is complete.")
class AnswerCompleted(StreamEvent):
    """Done."""

    finish_reason: FinishReason = strawberry.field(description="Why generation ended.")
    answer_id: strawberry.Private[UUID]

    @computed("The answer.", graphql_type=Answer)
    async def answer(self, info: Info) -> Node:
        """The answer, complete."""
        return await info.context.get("Answer", self.answer_id)


@strawberry.type(description="Final event: generation failed.")
class AnswerFailed(StreamEvent):
    """Over, without success."""

    error: AnswerError = strawberry.field(description="Why.")
    answer_id: strawberry.Private[UUID]

    @computed("The answer with the text so far.", graphql_type=Answer)
    async def answer(self, info: Info) -> Node:
        """The answer as far as it came."""
        return await info.context.get("Answer", self.answer_id)


AnswerEvent = (
    AnswerCitation
    | AnswerCompleted
    | AnswerDelta
    | AnswerFailed
    | AnswerRetrieved
    | AnswerStarted
    | StreamReset
)
ANSWER_EVENT = union_of(
    "AnswerEvent",
    "What happens while an answer is produced. Ends after `AnswerCompleted` or `AnswerFailed`. "
    "Clients must ignore unknown members.",
    AnswerCitation,
    AnswerCompleted,
    AnswerDelta,
    AnswerFailed,
    AnswerRetrieved,
    AnswerStarted,
    StreamReset,
)


def show_answer_event(stored: values.StoredEvent, cursor: str) -> AnswerEvent:
    """An event of an answer as clients see it."""
    event, at = stored.event, place_of(stored, cursor)
    shown: AnswerEvent
    match event:
        case values.AnswerStartedEvent():
            shown = AnswerStarted(**at, answer_id=event.answer_id)
        case values.AnswerRetrievedEvent():
            shown = AnswerRetrieved(**at, found=event.hits)
        case values.AnswerDeltaEvent():
            shown = AnswerDelta(**at, offset=event.offset, parts=event.parts, text=event.text)
        case values.AnswerCitationEvent():
            shown = AnswerCitation(**at, citation=Citation.from_value(event.citation))
        case values.AnswerCompletedEvent():
            shown = AnswerCompleted(**at, answer_id=event.answer_id, finish_reason=event.finish_reason)
        case values.AnswerFailedEvent():
            error = AnswerError.from_value(event.error)
            shown = AnswerFailed(**at, answer_id=event.answer_id, error=error)
        case values.StreamResetEvent():
            shown = StreamReset(**at, subject_type="Answer", subject_id=event.subject_id)
        case _:
            raise TypeError(f"{event.type} is no event of an answer")
    return shown


@strawberry.type
class AnswerSubscriptions:
    """Live events of answers."""

    @subscription("Events of one answer: everything after `after`, then live.", ApiScope.ASK, ANSWER_EVENT)
    def answer_events(
        self, info: Info, answer_id: AnswerId, after: After = UNSET
    ) -> AsyncGenerator[AnswerEvent, None]:
        """What is kept after the cursor, then live, to the terminal event."""
        context = info.context
        key = read_id(context.principal, answer_id, "Answer")
        cursors = stream_cursors(context, values.StreamKind.ANSWER, key)
        opened = partial(context.services.streams.answer_events, context.principal, key, cursors.read(after))
        return follow(context, cursors, opened, show_answer_event)
