"""Many subscribers of one stream: what an idle one holds, and what an event to each of them costs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect

from lorebase.api.graphql.nodes import global_id
from lorebase.clients.redis_streams import RedisEventStream
from lorebase.schemas.events import JobProgressedEvent
from lorebase.schemas.jobs import JobProgress
from tests.bench.edge.processes import Server
from tests.bench.edge.schema import FOLLOW
from tests.bench.edge.servers import STREAM
from tests.factories import WORKSPACE_ID, make_job
from tests.unit.api.fake_services import SECRET

PATIENCE_SECONDS = 240.0
EVENT_SECONDS = 0.05
AGAIN_SECONDS = 15.0
IDLE_SECONDS = 10.0
AT_ONCE = 50

Open = Callable[[int], Awaitable[ClientConnection]]


@dataclass
class Follower:
    """One subscriber and the sequences it has seen."""

    socket: ClientConnection
    seen: list[int] = field(default_factory=list)

    async def read(self) -> None:
        """Notes sequences until the socket closes."""
        async for frame in self.socket:
            message = json.loads(frame)
            if message.get("type") == "ping":
                continue
            event = message["payload"]["data"]["workspaceJobEvents"] if "payload" in message else message
            self.seen.append(event["sequence"])


async def open_subscription(port: int) -> ClientConnection:
    """A socket to the API with one subscription that waits for events."""
    socket = await _open(port, "/graphql", ["graphql-transport-ws"])
    payload = {"authorization": f"Bearer {SECRET}"}
    await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
    await socket.recv()
    variables = {"workspaceId": global_id("Workspace", WORKSPACE_ID, WORKSPACE_ID)}
    request = {"query": FOLLOW, "variables": variables}
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": request}))
    return socket


async def open_bare(port: int) -> ClientConnection:
    """A socket to the bare endpoint."""
    return await _open(port, "/events", None)


async def _open(port: int, path: str, protocols: list[str] | None) -> ClientConnection:
    return await connect(
        f"ws://127.0.0.1:{port}{path}",
        subprotocols=protocols,  # type: ignore[arg-type]
        compression=None,
        ping_interval=None,
        open_timeout=PATIENCE_SECONDS,
        proxy=None,
    )


@asynccontextmanager
async def followers(server: Server, number: int, open_one: Open) -> AsyncIterator[list[Follower]]:
    """So many subscribers, each of which has been reached by one event."""
    found: list[Follower] = []
    for _ in range(0, number, AT_ONCE):
        opened = await asyncio.gather(
            *(open_one(server.port) for _ in range(min(AT_ONCE, number - len(found))))
        )
        found += [Follower(socket) for socket in opened]
    reading = [asyncio.ensure_future(each.read()) for each in found]
    try:
        yield found
    finally:
        await asyncio.gather(*(each.socket.close() for each in found))
        await asyncio.gather(*reading, return_exceptions=True)


async def reach_all(streams: RedisEventStream, found: list[Follower]) -> None:
    """Sends events until every subscriber has seen one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(each.seen for each in found):
        assert time.monotonic() < deadline, "not every subscriber was reached"
        await publish(streams)
        # One that subscribes while the event passes by sees only the next.
        await _wait(lambda: all(each.seen for each in found), AGAIN_SECONDS)


async def publish(streams: RedisEventStream) -> int:
    """Appends one event; its sequence."""
    progress = JobProgress(completed=1, total=10)
    return await streams.append(STREAM, [JobProgressedEvent(job=make_job(), progress=progress)])


@dataclass(frozen=True, slots=True)
class FanOut:
    """What events to all subscribers cost."""

    microseconds: float
    delivered: int
    lost: int


async def measure_fan_out(
    server: Server, streams: RedisEventStream, found: list[Follower], events: int
) -> FanOut:
    """Microseconds of CPU for each event at each subscriber; events that one of them missed or saw twice."""
    await reach_all(streams, found)
    newest = await streams.tail(STREAM)
    assert newest is not None
    await _wait(lambda: all(each.seen[-1] == newest.sequence for each in found))
    for each in found:
        each.seen.clear()
    before = server.cpu_seconds()
    sent = []
    for _ in range(events):
        sent.append(await publish(streams))
        await asyncio.sleep(EVENT_SECONDS)
    await _wait(lambda: all(each.seen and each.seen[-1] == sent[-1] for each in found))
    spent = server.cpu_seconds() - before
    delivered = sum(len(each.seen) for each in found)
    lost = sum(1 for each in found if each.seen != sent)
    return FanOut(spent / delivered * 1e6, delivered, lost)


async def measure_idle(server: Server, number: int) -> tuple[float, float]:
    """KiB that a subscriber holds, and the share of a core that all of them take while nothing happens."""
    async with followers(server, 10, open_subscription):
        await asyncio.sleep(1)
    before = server.resident_bytes()
    async with followers(server, number, open_subscription):
        await asyncio.sleep(IDLE_SECONDS / 2)
        held = server.resident_bytes() - before
        began, spent = time.monotonic(), server.cpu_seconds()
        await asyncio.sleep(IDLE_SECONDS)
        share = (server.cpu_seconds() - spent) / (time.monotonic() - began)
    return held / number / 1024, share


async def _wait(reached: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.1)
