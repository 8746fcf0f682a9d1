"""What tests of streams begin with: the service, jobs and answers, and those who follow them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from lorebase.core.ids import new_id
from lorebase.schemas.answers import (
    Answer,
    AnswerStatus,
)
from lorebase.schemas.events import (
    StoredEvent,
    StreamKind,
    StreamName,
)
from lorebase.schemas.jobs import Job
from lorebase.schemas.search import SearchRequest
from lorebase.services.streams.streams import StreamService
from tests.factories import Tenant
from tests.fakes.clock import START
from tests.fakes.world import World

DEADLINE_SECONDS = 30


def service(world: World, **given: float) -> StreamService:
    """Asks PostgreSQL whenever a stream is silent: the clock of the tests stands still."""
    pace = {"doubt_seconds": 0.0, **given}
    return StreamService(
        units=world.units, streams=world.streams, clock=world.clock, settings=world.settings, **pace
    )


async def all_of(events: AsyncIterator[StoredEvent]) -> list[StoredEvent]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return [event async for event in events]


async def some_of(events: AsyncIterator[StoredEvent], count: int) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(found) < count:
            found.append(await anext(events))
    return found


def types(events: list[StoredEvent]) -> list[str]:
    return [event.event.type for event in events]


async def a_job(world: World, tenant: Tenant) -> Job:
    accepted = await world.upsert(tenant, "Text.")
    assert accepted.job is not None
    return accepted.job


async def an_answer(world: World, tenant: Tenant, **given: object) -> Answer:
    values: dict[str, object] = {
        "id": new_id(),
        "workspace_id": tenant.workspace.id,
        "conversation_id": new_id(),
        "message_id": new_id(),
        "job_id": new_id(),
        "status": AnswerStatus.GENERATING,
        "text": "",
        "question": "Why?",
        "retrieval": SearchRequest(knowledge_base_ids=(tenant.knowledge_base.id,), query="Why?"),
        "max_tokens": None,
        "finish_reason": None,
        "model": None,
        "prompt": None,
        "error": None,
        "retrieved": (),
        "citations": (),
        "sentences": (),
        "support": None,
        "timings": None,
        "usage": None,
        "event_sequence": 0,
        "trace_id": "",
        "created_at": START,
        "updated_at": START,
    }
    answer = Answer.model_validate({**values, **given})
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        await uow.answers.add(answer)
        await uow.commit()
    return answer


def stream_for(answer: Answer) -> StreamName:
    return StreamName(kind=StreamKind.ANSWER, workspace_id=answer.workspace_id, id=answer.id)
