"""A client that knows nothing of Lorebase but its operation files: JSON, uploads, event streams, sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from lorebase.core.resources import read_operation

Json = dict[str, Any]

PROTOCOL = Subprotocol("graphql-transport-ws")
FINAL_EVENTS = {"JobSucceeded", "JobFailed", "AnswerCompleted", "AnswerFailed"}


class Refused(Exception):
    """The errors of a response or stream."""

    def __init__(self, errors: list[Json]) -> None:
        super().__init__(errors)
        self.codes = [error["extensions"]["code"] for error in errors]


class Api:
    """One caller of one endpoint; an async context manager."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url
        self.key = key
        self.headers = {"X-Requested-With": "tests", "Accept": "application/json"}
        if key is not None:
            self.headers["Authorization"] = f"Bearer {key}"
        self.http = httpx.AsyncClient(headers=self.headers, timeout=60, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def result(self, operation: str, **variables: object) -> Json:
        """The whole response to an operation file, errors and all."""
        body = {"query": read_operation(operation), "variables": variables}
        response = await self.http.post(self.url, json=body)
        return dict(response.json())

    async def run(self, operation: str, **variables: object) -> Any:
        """The one field that an operation asks for; Refused when there are errors."""
        return only_field(await self.result(operation, **variables))

    async def mutate(self, operation: str, **given: object) -> Json:
        """The payload of a mutation that must succeed."""
        payload: Json = await self.run(operation, input=given)
        assert payload["userErrors"] == []
        return payload

    async def refusal(self, operation: str, **given: object) -> str:
        """The code with which a mutation is refused; the payload's objects must then be null."""
        payload: Json = await self.run(operation, input=given)
        return refusal_of(payload)

    async def upload(self, file_name: str, content: bytes, media_type: str, **variables: object) -> Json:
        """The payload of upload-document; Refused when the request itself fails."""
        body = {"query": read_operation("upload-document"), "variables": {**variables, "file": None}}
        response = await self.http.post(
            self.url,
            data={"operations": json.dumps(body), "map": '{"0": ["variables.file"]}'},
            files={"0": (file_name, content, media_type)},
        )
        return dict(only_field(response.json()))

    async def events(
        self, operation: str, last_event_id: str | None = None, **variables: Any
    ) -> AsyncGenerator[Json]:
        """Events of a subscription by Server-Sent Events, until the server completes it."""
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        body = {"query": read_operation(operation), "variables": variables}
        async with self.http.stream("POST", self.url, json=body, headers=headers) as response:
            if not response.headers["content-type"].startswith("text/event-stream"):
                raise Refused(json.loads(await response.aread())["errors"])
            async for frame in _frames(response):
                if frame["event"] == "complete":
                    return
                event = only_field(json.loads(frame["data"]))
                assert frame.get("id") == event["cursor"]
                yield event

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[Socket]:
        """A WebSocket that is open and acknowledged."""
        url = self.url.replace("http://", "ws://", 1)
        async with connect(url, subprotocols=[PROTOCOL], proxy=None) as connection:
            credentials = {"authorization": f"Bearer {self.key}"} if self.key else {}
            await connection.send(json.dumps({"type": "connection_init", "payload": credentials}))
            assert json.loads(await connection.recv())["type"] == "connection_ack"
            yield Socket(connection)


class Socket:
    """An open connection; it follows one subscription at a time."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._count = 0

    async def events(self, operation: str, **variables: object) -> AsyncGenerator[Json]:
        """Events of a subscription, until the server completes it."""
        self._count += 1
        name = str(self._count)
        payload = {"query": read_operation(operation), "variables": variables}
        await self._send({"id": name, "type": "subscribe", "payload": payload})
        while True:
            message = json.loads(await self._connection.recv())
            if message["type"] == "ping":
                await self._send({"type": "pong"})
            elif message["type"] == "next":
                assert message["id"] == name
                yield only_field(message["payload"])
            elif message["type"] == "complete":
                return
            else:
                assert message["type"] == "error", message
                raise Refused(message["payload"])

    async def _send(self, message: Json) -> None:
        await self._connection.send(json.dumps(message))


def only_field(body: Json) -> Any:
    """The value of a response's only root field; Refused when it has errors."""
    if body.get("errors"):
        raise Refused(body["errors"])
    (value,) = body["data"].values()
    return value


def refusal_of(payload: Json) -> str:
    """The only user error's code; asserts that nothing else came back."""
    assert payload["userErrors"], f"not refused: {payload}"
    results = {name: value for name, value in payload.items() if name != "userErrors"}
    assert set(results.values()) <= {None}
    (error,) = payload["userErrors"]
    assert error["message"]
    return str(error["code"])


async def _frames(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    frame: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        if name:
            frame[name] = value.removeprefix(" ")
        elif not line and "event" in frame:
            yield frame
            frame = {}
