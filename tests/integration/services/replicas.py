"""Two real API processes on one database and one Valkey, and subscribers that come, drop and come back."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from lorebase.embedded.child import Child
from lorebase.embedded.part import Part
from lorebase.embedded.ports import free_port
from lorebase.embedded.valkey import valkey_part
from tests.e2e.client import Api
from tests.integration.embedded_parts import clean_environment, start_part, wait_until

PATIENCE_SECONDS = 30.0
FOLLOW = (
    "subscription($id: ID!, $after: String)"
    " { jobEvents(jobId: $id, after: $after) { __typename ... on StreamEvent { cursor sequence } } }"
)
Event = dict[str, Any]


@dataclass
class Replicas:
    """The processes, and the folder that they and their Valkey use."""

    base: Path
    valkey: Child
    apis: list[Child]

    @property
    def redis_url(self) -> str:
        return f"unix://{self.base / 'valkey.sock'}"

    def url(self, number: int) -> str:
        """The endpoint of one of the replicas."""
        return self.apis[number % len(self.apis)].part.address

    def restart_valkey(self, *, empty: bool = False) -> None:
        """Kills Valkey without a word and starts it again, with what it had written or with nothing."""
        self.valkey.kill()
        if empty:
            for left in (self.base / "valkey").rglob("*.*"):
                left.unlink()
        self.valkey.start()
        wait_until(self.valkey.part.probe, "the restart of Valkey")

    def stop(self) -> None:
        """Ends everything."""
        for child in (*self.apis, self.valkey):
            child.stop(5)


def start_replicas(base: Path, database_url: str, **settings: str) -> Replicas:
    """A Valkey of their own, so that a test may kill it, and two API processes."""
    socket = base / "valkey.sock"
    valkey = start_part(valkey_part(base / "valkey", socket, base / "valkey.log", clean_environment()))
    environment = {
        **clean_environment(),
        "LOREBASE_HOME": str(base),
        "LOREBASE_DATABASE_URL": database_url,
        "LOREBASE_REDIS_URL": f"unix://{socket}",
        "LOREBASE_MILVUS_URI": f"unix:{base / 'nobody.sock'}",
        "LOREBASE_LOCAL_MODELS_URL": "http://127.0.0.1:9/v1",
        "LOREBASE_SECRET_KEY": "one key for both replicas, or cursors would not travel",
        "LOREBASE_DRAIN_SECONDS": "2",
        **settings,
    }
    return Replicas(base, valkey, [start_part(_api(base, environment, number)) for number in range(2)])


def _api(base: Path, environment: dict[str, str], number: int) -> Part:
    port = free_port()
    return Part(
        name=f"api{number}",
        title="API",
        command=(sys.executable, "-m", "lorebase.asgi"),
        environment={**environment, "LOREBASE_PORT": str(port)},
        log=base / f"api{number}.log",
        probe=lambda: _is_ready(port),
        address=f"http://127.0.0.1:{port}/graphql",
    )


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/livez", timeout=1, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def following(
    api: Api, job_id: str, after: str | None, *, socket: bool = False
) -> AsyncGenerator[AsyncGenerator[Event]]:
    """The events of a job by one connection, which drops when the block is left."""
    stream = _by_socket(api, job_id, after) if socket else _by_events(api, job_id, after)
    try:
        yield stream
    finally:
        await stream.aclose()


async def _by_events(api: Api, job_id: str, after: str | None) -> AsyncGenerator[Event]:
    body = {"query": FOLLOW, "variables": {"id": job_id}}
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
    async with api.http.stream("POST", api.url, json=body, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                yield _event(json.loads(line[6:]))


async def _by_socket(api: Api, job_id: str, after: str | None) -> AsyncGenerator[Event]:
    async with api.socket() as socket:
        connection = socket._connection
        payload = {"query": FOLLOW, "variables": {"id": job_id, "after": after}}
        await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        while (message := json.loads(await connection.recv()))["type"] != "complete":
            if message["type"] == "next":
                yield _event(message["payload"])


def _event(content: Event) -> Event:
    assert "errors" not in content, content
    return dict(content["data"]["jobEvents"])
