"""An API that is told to stop says so before it closes anything."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from lorebase.api.app import create_app
from lorebase.asgi import ApiServer, server_config
from lorebase.core.config import Settings
from lorebase.embedded.ports import free_port
from tests.factories import make_settings
from tests.unit.api.edge import the_schema
from tests.unit.api.fake_services import FakeServices

DEADLINE_SECONDS = 30.0


@asynccontextmanager
async def serving(notice_seconds: float) -> AsyncIterator[tuple[ApiServer, httpx.AsyncClient]]:
    """A server in this process, ready, and a client of it."""

    @asynccontextmanager
    async def open_services(_settings: Settings) -> AsyncIterator[FakeServices]:
        yield FakeServices()

    settings = make_settings(port=free_port(), drain_seconds=2.0)
    served = create_app(settings, open_services, the_schema())
    config = server_config(settings)
    config.app, config.factory = served, False
    server = ApiServer(config, served, notice_seconds)
    running = asyncio.create_task(server.serve())
    try:
        async with (
            asyncio.timeout(DEADLINE_SECONDS),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", trust_env=False) as client,
        ):
            while not server.started:
                await asyncio.sleep(0.01)
            yield server, client
    finally:
        server.should_exit = server.force_exit = True
        await running
        # It served in the process of the tests, whose objects are to be collected like before.
        gc.unfreeze()


async def test_what_stays_for_good_is_not_looked_at_by_every_collection() -> None:
    before = gc.get_freeze_count()
    async with serving(notice_seconds=0):
        assert gc.get_freeze_count() > before + 10_000
        assert len(gc.get_objects()) < gc.get_freeze_count()


async def test_it_says_that_it_leaves_and_goes_on_serving() -> None:
    async with serving(notice_seconds=DEADLINE_SECONDS) as (server, client):
        assert (await client.get("/readyz")).json() == {"status": "ready", "degraded": []}
        server.should_exit = True
        while (ready := await client.get("/readyz")).status_code == 200:
            await asyncio.sleep(0.01)
        assert (ready.status_code, ready.json()) == (503, {"status": "leaving", "degraded": []})
        async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as late:
            assert (await late.get("/livez")).status_code == 200


@pytest.mark.parametrize("impatient", [False, True])
async def test_it_leaves_after_the_notice_or_when_it_is_told_twice(impatient: bool) -> None:
    async with serving(notice_seconds=DEADLINE_SECONDS * 10 if impatient else 0.0) as (server, client):
        server.should_exit = True
        server.force_exit = impatient
        with pytest.raises(httpx.TransportError):
            await ask_for_ever(client)


async def ask_for_ever(client: httpx.AsyncClient) -> None:
    while True:
        await client.get("/livez")
