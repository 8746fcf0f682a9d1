"""A Milvus that is away for long, and back."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pymilvus.exceptions import MilvusException

from lorebase.repositories.milvus.connection import MilvusConnections
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


async def answers(connections: MilvusConnections) -> bool:
    with suppress(MilvusException):
        return await (await connections.get()).client.list_collections(timeout=5) == []
    return False
