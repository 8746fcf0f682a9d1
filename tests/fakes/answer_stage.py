"""A world in which questions are asked, answered by a scripted model, and followed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from lorebase.clients.prompt_templates import FilePromptTemplates
from lorebase.ports.chat_model import ChatModel
from lorebase.ports.event_stream import EventStream
from lorebase.schemas.answers import Answer, Ask, Asked
from lorebase.schemas.events import (
    AnswerDeltaEvent,
    StoredEvent,
    StreamEvent,
    StreamPosition,
    StreamResetEvent,
)
from lorebase.schemas.jobs import Job, JobKind
from lorebase.schemas.search import SearchRequest
from lorebase.services.answers.answering import AnswerHandler
from lorebase.services.answers.answers import AnswerService
from lorebase.services.jobs.job_events import JobEvents, answer_stream_of
from lorebase.services.jobs.job_runner import JobRunner
from lorebase.services.search.query_expansion import QueryExpander
from lorebase.services.search.search import SearchService
from lorebase.services.streams.streams import StreamService
from tests.factories import Tenant
from tests.fakes.chat_model import FakeChatModel
from tests.fakes.faults import Faults
from tests.fakes.world import World

QUESTION = "How is a task cancelled?"
TASKS = "A task is cancelled by calling its cancel method. The task then ends with an exception [7]."
QUEUES = "A queue holds items until a worker takes them. Nobody waits for an empty queue."
DEADLINE_SECONDS = 20


class AnswerStage:
    """Asks and answers; `streams` and `chat` may be the real ones."""

    def __init__(
        self,
        world: World,
        tenant: Tenant,
        *,
        streams: EventStream | None = None,
        chat: ChatModel | None = None,
    ) -> None:
        self.world = world
        self.tenant = tenant
        self.model = FakeChatModel(world.clock)
        self.streams: EventStream = streams or world.streams
        self._chat = chat or self.model
        self._events = JobEvents(self.streams)
        self.answers = AnswerService(
            units=world.units,
            queue=world.queue,
            events=self._events,
            settings=world.settings,
            clock=world.clock,
        )

    async def fill(self) -> None:
        """Two documents, searchable."""
        await self.world.upsert(self.tenant, TASKS, title="Tasks")
        await self.world.upsert(self.tenant, QUEUES, title="Queues")
        await self.world.run_all()

    def runner(self, faults: Faults | None = None) -> JobRunner:
        """A worker process that may die."""
        units, world = self.world.units_of(faults or Faults()), self.world
        search = SearchService(
            units=units,
            embedder=world.embedder,
            index=world.index,
            settings=world.settings,
            clock=world.clock,
            expander=QueryExpander(chat=self._chat, templates=FilePromptTemplates(), settings=world.settings),
        )
        handler = AnswerHandler(
            units=units,
            search=search,
            chat=self._chat,
            templates=FilePromptTemplates(),
            streams=self.streams,
            settings=world.settings,
            clock=world.clock,
        )
        return JobRunner(
            units=units,
            handlers={JobKind.ANSWER: handler},
            events=self._events,
            settings=world.settings,
            clock=world.clock,
        )

    def retrieval(self, **given: object) -> SearchRequest:
        """How to retrieve from the tenant's knowledge base."""
        values = {"knowledge_base_ids": (self.tenant.knowledge_base.id,), "query": "", **given}
        return SearchRequest.model_validate(values)

    async def ask(self, question: str = QUESTION, **given: object) -> Asked:
        """Asks in a new conversation, unless one is given."""
        values: dict[str, object] = {"question": question, **given}
        if "conversation_id" not in values:
            values.setdefault("retrieval", self.retrieval())
        return await self.answers.ask(self.tenant.principal, Ask.model_validate(values))

    async def run(self, asked: Asked, faults: Faults | None = None) -> Answer:
        """A worker tries the job once."""
        await self.runner(faults).run(asked.answer.job_id)
        return await self.answer(asked)

    async def answered(self, *script: str, question: str = QUESTION, **given: object) -> Answer:
        """Asks, has it answered with these words, and returns the answer."""
        self.model.scripts.append([*script])
        return await self.run(await self.ask(question, **given))

    async def answer(self, asked: Asked) -> Answer:
        """The answer as it is now."""
        [found] = await self.answers.get_many(self.tenant.principal, [asked.answer.id])
        return found

    async def job(self, asked: Asked) -> Job:
        """Its job as it is now."""
        [found] = await self.world.jobs.get_many(self.tenant.principal, [asked.answer.job_id])
        return found

    async def stored(self, asked: Asked) -> list[StoredEvent]:
        """What its stream holds, with places."""
        after: StreamPosition | None = None
        events: list[StoredEvent] = []
        name = answer_stream_of(await self.job(asked))
        tail = await self.streams.tail(name)
        while tail and (not events or events[-1].position.sequence < tail.sequence):
            batch = await self.streams.read(name, after)
            if not batch:
                # It begins after a floor: its head was lost.
                after = tail.model_copy(update={"sequence": (after.sequence if after else 0) + 1})
                continue
            events += batch
            after = events[-1].position
        return events

    async def events(self, asked: Asked) -> list[StreamEvent]:
        """What its stream holds."""
        return [stored.event for stored in await self.stored(asked)]

    async def told(self, asked: Asked) -> list[str]:
        """The kinds of events that its stream holds."""
        return [event.type for event in await self.events(asked)]

    def service(self, **given: float) -> StreamService:
        """For followers, who end by what the stream says or not within the test, unless told otherwise."""
        pace = {"doubt_seconds": 3600.0, **given}
        return StreamService(
            units=self.world.units,
            streams=self.streams,
            clock=self.world.clock,
            settings=self.world.settings,
            **pace,
        )

    def follow(
        self, asked: Asked, after: StreamPosition | None = None, **given: float
    ) -> asyncio.Task[Reader]:
        """A reader that follows the answer to its end."""
        return asyncio.create_task(self._follow(asked, after, given))

    async def _follow(self, asked: Asked, after: StreamPosition | None, given: dict[str, float]) -> Reader:
        reader = Reader()
        events = self.service(**given).answer_events(self.tenant.principal, asked.answer.id, after)
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for stored in events:
                reader.events.append(stored.event)
                if isinstance(stored.event, StreamResetEvent):
                    reader.text = (await self.answer(asked)).text
                elif isinstance(stored.event, AnswerDeltaEvent):
                    reader.put(stored.event)
        return reader


class Reader:
    """A client that does what the contract says: puts each delta at its offset, starts over on a reset."""

    def __init__(self) -> None:
        self.text = ""
        self.holes = 0
        self.events: list[StreamEvent] = []

    @property
    def told(self) -> list[str]:
        """The kinds of events that came."""
        return [event.type for event in self.events]

    def put(self, delta: AnswerDeltaEvent) -> None:
        """Adds text; counts what does not join."""
        self.holes += delta.offset > len(self.text)
        self.text = self.text[: delta.offset] + delta.text


def joined(events: Sequence[StreamEvent]) -> str:
    """The text that the deltas make; asserts that they join."""
    text = ""
    for event in events:
        if isinstance(event, StreamResetEvent):
            text = ""
        elif isinstance(event, AnswerDeltaEvent):
            assert event.offset == len(text)
            text += event.text
    return text


def rewriting(question: str) -> str:
    """The structured completion that a rewriting model gives."""
    return json.dumps({"standalone_question": question})
