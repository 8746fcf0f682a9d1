"""A user of a running stack: operations by name, over HTTP, Server-Sent Events and WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from websockets.asyncio.client import connect

from lorebase.core.resources import read_operation

Json = dict[str, object]
SUBPROTOCOL = "graphql-transport-ws"


class Credentials(BaseModel):
    """What the first start of a stack writes to `credentials.json`."""

    model_config = ConfigDict(alias_generator=to_camel)

    url: str
    workspace_id: str
    knowledge_base_id: str
    api_key: str


@dataclass(frozen=True)
class Story:
    """One user with a key."""

    credentials: Credentials
    http: httpx.AsyncClient

    async def post(self, name: str, variables: Mapping[str, object]) -> httpx.Response:
        """The response to an operation."""
        content = {"query": read_operation(name), "variables": dict(variables)}
        return await self.http.post(self.credentials.url, json=content)

    async def run(self, name: str, variables: Mapping[str, object]) -> Json:
        """The data of an operation that must not fail."""
        content = (await self.post(name, variables)).json()
        assert "errors" not in content, content["errors"]
        return dict(content["data"])

    async def change(self, operation: str, /, **fields: object) -> Json:
        """The payload of a mutation that must not fail."""
        (payload,) = (await self.run(operation, {"input": fields})).values()
        assert isinstance(payload, dict)
        assert payload["userErrors"] == []
        return payload

    async def upload(self, name: str, content: bytes, **variables: object) -> Json:
        """The payload of `upload-document` for a file of this name."""
        operations = {"query": read_operation("upload-document"), "variables": {**variables, "file": None}}
        response = await self.http.post(
            self.credentials.url,
            data={"operations": json.dumps(operations), "map": '{"0": ["variables.file"]}'},
            files={"0": (name, content)},
            headers={"GraphQL-Require-Preflight": "1"},
        )
        return dict(response.json()["data"]["upsertDocument"])

    async def follow(self, name: str, variables: Mapping[str, object]) -> AsyncIterator[Json]:
        """The events of a subscription over Server-Sent Events, to its end."""
        content = {"query": read_operation(name), "variables": dict(variables)}
        accept = {"Accept": "text/event-stream"}
        async with self.http.stream("POST", self.credentials.url, json=content, headers=accept) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    yield event_of(json.loads(line.removeprefix("data: ")))

    async def follow_by_socket(self, name: str, variables: Mapping[str, object]) -> AsyncIterator[Json]:
        """The events of a subscription over a WebSocket, to its end."""
        url = self.credentials.url.replace("http", "ws", 1)
        payload = {"query": read_operation(name), "variables": dict(variables)}
        async with connect(url, subprotocols=[SUBPROTOCOL]) as socket:  # type: ignore[list-item]
            key = {"authorization": f"Bearer {self.credentials.api_key}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": key}))
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            async for frame in socket:
                message = json.loads(frame)
                if message["type"] == "next":
                    yield event_of(message["payload"])
                elif message["type"] != "ping":
                    assert message["type"] == "complete", message
                    return


def event_of(payload: Json) -> Json:
    """The event in a payload that must not carry errors."""
    assert "errors" not in payload, payload
    (event,) = payload["data"].values()  # type: ignore[attr-defined]
    return dict(event)


@asynccontextmanager
async def open_story(path: Path) -> AsyncIterator[Story]:
    """A user with the credentials in a file."""
    credentials = Credentials.model_validate_json(await asyncio.to_thread(path.read_bytes))
    headers = {"Authorization": f"Bearer {credentials.api_key}"}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        yield Story(credentials, http)
