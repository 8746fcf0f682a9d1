"""A Milvus that is away for long, and back."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from pymilvus.exceptions import MilvusException

from lorebase.core.clock import SystemClock
from lorebase.core.errors import Unavailable
from lorebase.repositories.milvus.connection import MilvusConnections
from lorebase.repositories.milvus.errors import translated
from lorebase.services.search.patience import Patience
from tests.integration.embedded.test_milvus_owner import Owner, owner

__all__ = ["owner"]

DEADLINE_SECONDS = 50
# As often as gRPC would by itself only in two minutes, since each of its pauses is longer than the last.
ATTEMPTS = 10


class Silent:
    """Hangs up on everybody and counts them."""

    def __init__(self) -> None:
        self.attempts = 0

    async def meet(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.attempts += 1
        writer.close()


async def test_a_milvus_that_was_away_for_long_is_still_tried_every_second(owner: Owner) -> None:
    connections = MilvusConnections(owner.part.address, None, timeout_seconds=5.0)
    client = (await connections.get()).client
    owner.kill()
    silent = Silent()
    socket = owner.part.address.removeprefix("unix:")
    server = await asyncio.start_unix_server(silent.meet, socket)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while silent.attempts < ATTEMPTS:
            with suppress(MilvusException):
                await client.list_collections(timeout=5)
            await asyncio.sleep(0.05)
    server.close()
    await asyncio.to_thread(owner.start)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await answers(connections):
            await asyncio.sleep(0.05)
    await connections.close()


async def test_who_is_patient_does_not_notice_that_milvus_is_started_anew(owner: Owner) -> None:
    connections = MilvusConnections(owner.part.address, None, timeout_seconds=5.0)

    async def collections() -> list[str]:
        client = (await connections.get()).client
        with translated("list_collections"):
            return await client.list_collections(timeout=5)

    assert await collections() == []
    owner.kill()
    with pytest.raises(Unavailable):
        await Patience(SystemClock(), 0).call(collections)
    asking = [asyncio.create_task(Patience(SystemClock(), DEADLINE_SECONDS).call(collections)) for _ in "ab"]
    await asyncio.sleep(0.2)
    assert not any(task.done() for task in asking)
    await asyncio.to_thread(owner.start)
    assert await asyncio.gather(*asking) == [[], []]
    await connections.close()


async def answers(connections: MilvusConnections) -> bool:
    with suppress(MilvusException):
        return await (await connections.get()).client.list_collections(timeout=5) == []
    return False
