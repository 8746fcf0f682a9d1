"""The two servers that are compared: `python -m tests.bench.edge.servers api|bare PORT REDIS_URL`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from lorebase.api.app import create_app
from lorebase.asgi import ApiServer, server_config
from lorebase.clients.redis_streams import RedisEventStream
from lorebase.core.clock import SystemClock
from lorebase.core.config import Settings
from lorebase.core.logging import configure_logging
from lorebase.schemas.events import StreamKind, StreamName
from lorebase.services.streams.streams import StreamService
from tests.bench.edge.schema import ITEMS, WHEN, bench_schema
from tests.factories import WORKSPACE_ID, make_principal, make_settings
from tests.fakes.unit_of_work import FakeUnits, MemoryDatabase
from tests.unit.api.fake_services import FakeServices

STREAM = StreamName(kind=StreamKind.WORKSPACE_JOBS, workspace_id=WORKSPACE_ID, id=WORKSPACE_ID)
EVENTS_KEPT, EXPIRE_SECONDS = 5_000, 3_600
# The memory behind the API holds no keys: the recheck of a key would end every stream.
NEVER_SECONDS = 1e9


class Greeting(BaseModel):
    message: str


class Wanted(BaseModel):
    first: int


class BareItem(BaseModel):
    id: str
    title: str
    status: str
    score: float
    created_at: datetime


class BareItems(BaseModel):
    items: list[BareItem]


def open_stream(redis_url: str) -> RedisEventStream:
    """The real stream, on a Valkey of the bench."""
    return RedisEventStream(redis_url, max_events=EVENTS_KEPT, expire_seconds=EXPIRE_SECONDS)


def api(settings: Settings, redis_url: str) -> FastAPI:
    """The API: its own transports, engine, streams and logs; nothing but the database is left out."""

    @asynccontextmanager
    async def open_services(_settings: Settings) -> AsyncIterator[FakeServices]:
        services, streams = FakeServices(), open_stream(redis_url)
        services.world.principal = make_principal()
        units = FakeUnits(MemoryDatabase())
        services.streams = StreamService(  # type: ignore[assignment]
            units=units, streams=streams, clock=SystemClock(), settings=settings
        )
        yield services
        await streams.close()

    return create_app(settings, open_services, bench_schema())


def bare(redis_url: str) -> FastAPI:
    """What a bare FastAPI does with the same values, and a bare ASGI WebSocket with the same events."""
    sockets: set[WebSocket] = set()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        telling = asyncio.create_task(_tell(sockets, redis_url))
        yield
        telling.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.get("/livez")
    @app.post("/hello")
    async def hello() -> Greeting:
        return Greeting(message="hello world")

    @app.post("/list")
    async def items(wanted: Wanted) -> BareItems:
        return BareItems(items=[_bare_item(number) for number in range(min(wanted.first, ITEMS))])

    @app.websocket("/events")
    async def events(websocket: WebSocket) -> None:
        await websocket.accept()
        sockets.add(websocket)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.receive_text()
        sockets.discard(websocket)

    return app


def _bare_item(number: int) -> BareItem:
    title = f"Title of number {number}"
    return BareItem(id=str(number), title=title, status="READY", score=number / 100, created_at=WHEN)


async def _tell(sockets: set[WebSocket], redis_url: str) -> None:
    """One reader; each event goes to every socket as one text."""
    streams = open_stream(redis_url)
    position = await streams.tail(STREAM)
    async for _ in streams.follow(STREAM):
        for stored in await streams.read(STREAM, position) or ():
            position = stored.position
            payload = stored.event.model_dump_json(exclude={"job": {"lane", "trace_id", "fence"}})
            text = f'{{"sequence":{position.sequence},"event":{payload}}}'
            for websocket in tuple(sockets):
                await websocket.send_text(text)


def main() -> None:
    kind, port, redis_url = sys.argv[1:]
    settings = make_settings(port=int(port), stream_reauthorise_seconds=NEVER_SECONDS)
    configure_logging(settings.log_level, settings.log_format)
    config = server_config(settings)
    if kind == "api":
        app = api(settings, redis_url)
        server: uvicorn.Server = ApiServer(config, app, notice_seconds=0)
    else:
        app = bare(redis_url)
        server = uvicorn.Server(config)
    config.app, config.factory = app, False
    server.run()


if __name__ == "__main__":
    main()
