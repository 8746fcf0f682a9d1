"""Answers: state, text, evidence, and the mutation that stops one."""

from __future__ import annotations

from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.answer_parts import (
    AnswerError,
    AnswerSentence,
    AnswerTimings,
    Citation,
    TokenUsage,
)
from lorebase.api.graphql.context import Info
from lorebase.api.graphql.cursors import StreamCursors
from lorebase.api.graphql.enums import AnswerStatus, FinishReason
from lorebase.api.graphql.fields import computed, identifier, upward
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.mutations import Input, MutationInput, Payload, mutation
from lorebase.api.graphql.nodes import Node, Timestamped, global_id, read_id
from lorebase.api.graphql.search import SearchHit, show_hits
from lorebase.schemas import answers as values
from lorebase.schemas.events import StreamKind, StreamName, StreamPosition
from lorebase.schemas.workspaces import ApiScope


@strawberry.type(
    description="A generated answer. It is produced by a worker and survives dropped connections."
)
class Answer(Node, Timestamped):
    """An answer as clients see it."""

    id: strawberry.ID = identifier()
    citations: list[Citation] = strawberry.field(description="Evidence, in order of first use.")
    error: AnswerError | None = strawberry.field(description="Why it failed; null unless failed.")
    finish_reason: FinishReason | None = strawberry.field(
        description="Why generation ended; null before that."
    )
    model: str | None = strawberry.field(description="Name of the chat model.")
    prompt: str | None = strawberry.field(
        description="Prompt template and version used, for example `answer_with_citations.v1`."
    )
    status: AnswerStatus = strawberry.field(description="State.")
    text: str = strawberry.field(description="Text so far, Markdown.")
    support: float | None = strawberry.field(
        description="How well the passages bear out each sentence, 0 to 1; null before completion."
    )
    sentences: list[AnswerSentence] = strawberry.field(
        description="Sentences with their own support and citations, in order; empty before completion."
    )
    timings: AnswerTimings | None = strawberry.field(
        description="Where the time went; null before completion."
    )
    trace_id: str | None = strawberry.field(description="Trace identifier, also in the logs.")
    usage: TokenUsage | None = strawberry.field(description="Tokens used; null before completion.")
    value: strawberry.Private[values.Answer]

    @classmethod
    def from_value(cls, value: values.Answer) -> Self:
        """Shows an answer."""
        return cls(
            id=global_id("Answer", value.workspace_id, value.id),
            citations=[Citation.from_value(citation) for citation in value.citations],
            created_at=value.created_at,
            error=AnswerError.from_value(value.error) if value.error else None,
            finish_reason=value.finish_reason,
            model=value.model,
            prompt=value.prompt,
            sentences=[AnswerSentence.from_value(sentence) for sentence in value.sentences],
            status=value.status,
            support=value.support,
            text=value.text,
            timings=AnswerTimings.from_value(value.timings) if value.timings else None,
            trace_id=value.trace_id or None,
            updated_at=value.updated_at,
            usage=TokenUsage.from_value(value.usage) if value.usage else None,
            value=value,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The answer, or None."""
        value = await loaders.answers.load(object_id)
        return cls.from_value(value) if value else None

    @upward("Conversation", "conversations", "Conversation it belongs to.")
    async def conversation(self, info: Info) -> Node:
        """The thread."""
        return await info.context.get("Conversation", self.value.conversation_id)

    @computed("Cursor of the newest event; subscribe with `after` set to it to get only what follows.")
    def last_event_cursor(self, info: Info) -> str | None:
        """Null while nothing has happened yet."""
        if not self.value.event_sequence:
            return None
        name = answer_stream(self.value.workspace_id, self.value.id)
        position = StreamPosition(epoch="", sequence=self.value.event_sequence)
        return StreamCursors(info.context.services.signer, name).write(position)

    @computed("Passages the model was given.")
    async def retrieved(self, info: Info) -> list[SearchHit]:
        """Hits, without those deleted since."""
        return [hit for _, hit in await show_hits(info.context, self.value.retrieved)]


def answer_stream(workspace_id: UUID, answer_id: UUID) -> StreamName:
    """The name of an answer's stream."""
    return StreamName(kind=StreamKind.ANSWER, workspace_id=workspace_id, id=answer_id)


@strawberry.input(description="Input of `cancelAnswer`.")
class CancelAnswerInput(MutationInput):
    """The answer to stop."""

    id: strawberry.ID = strawberry.field(description="The answer.")


@strawberry.type(
    description="Result of `cancelAnswer`. On failure the object fields are null and `userErrors` says why."
)
class CancelAnswerPayload(Payload):
    """The answer, asked to stop."""

    answer: Answer | None = strawberry.field(description="The answer.", default=None)


@strawberry.type
class AnswerMutations:
    """Mutations of answers."""

    @mutation("Stops generation and keeps the text so far.", ApiScope.ASK)
    async def cancel_answer(self, info: Info, given: Input[CancelAnswerInput]) -> CancelAnswerPayload:
        """Asks the worker to stop."""
        principal, answers = info.context.principal, info.context.services.answers
        answer_id = read_id(principal, given.id, "Answer")
        answer = await answers.cancel(principal, answer_id, given.idempotency_key)
        return CancelAnswerPayload(answer=Answer.from_value(answer))
