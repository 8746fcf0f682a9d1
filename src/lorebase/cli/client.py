"""Speaks GraphQL to the API with the project's own operation files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx
import orjson

from lorebase.cli.credentials import Target
from lorebase.cli.errors import ApiRefused, ApiUnreachable
from lorebase.core.resources import resource_directory

Json = dict[str, Any]

RESUMES = 8
RESUME_PAUSE_SECONDS = 0.5
# A server sends a comment every 15 s; twice that without a byte means the connection is dead.
STREAM_SILENCE_SECONDS = 40.0
_NAME = re.compile(r"^(?:query|mutation|subscription) (\w+)", re.MULTILINE)


@cache
def operation(name: str) -> str:
    """The text of `schema/operations/NAME.graphql`."""
    return (resource_directory("schema") / "operations" / f"{name}.graphql").read_text(encoding="utf-8")


class ApiClient:
    """One connection to one workspace's API; an async context manager."""

    def __init__(self, target: Target, timeout_seconds: float) -> None:
        headers = {"Authorization": f"Bearer {target.api_key}", "X-Requested-With": "lorebase"}
        self._url = target.url
        self._http = httpx.AsyncClient(headers=headers, timeout=timeout_seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def run(self, name: str, variables: Mapping[str, object] | None = None) -> Json:
        """The data of a query or mutation. ApiRefused for errors, ApiUnreachable without an answer."""
        body = {"query": operation(name), "variables": dict(variables or {})}
        return _data(await self._send(json=body))

    async def upload(self, name: str, variables: Mapping[str, object], path: Path) -> Json:
        """A mutation whose variable `file` is a file of this machine, streamed from the disk."""
        operations = {"query": operation(name), "variables": {**variables, "file": None}}
        fields = {"operations": orjson.dumps(operations).decode(), "map": '{"0": ["variables.file"]}'}
        with path.open("rb") as stream:
            return _data(await self._send(data=fields, files={"0": (path.name, stream)}))

    async def subscribe(self, name: str, variables: Mapping[str, object]) -> AsyncGenerator[Json]:
        """The events of a subscription's one field; a dropped connection is resumed where it broke off."""
        given = dict(variables)
        broken = 0
        while True:
            try:
                async with aclosing(self._events(name, given)) as events:
                    async for event in events:
                        given["after"] = event.get("cursor", given.get("after"))
                        broken = 0
                        yield event
                return
            except (httpx.HTTPError, _Cut) as error:
                broken += 1
                if broken > RESUMES:
                    raise ApiUnreachable(f"The stream from {self._url} keeps breaking off.") from error
                await asyncio.sleep(RESUME_PAUSE_SECONDS * broken)

    async def _events(self, name: str, variables: Mapping[str, object]) -> AsyncGenerator[Json]:
        body = {"query": operation(name), "variables": dict(variables)}
        timeout = httpx.Timeout(10.0, read=STREAM_SILENCE_SECONDS)
        headers = {"Accept": "text/event-stream"}
        async with self._http.stream(
            "POST", self._url, json=body, headers=headers, timeout=timeout
        ) as response:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                await response.aread()
                _data(response)
            async for kind, data in _frames(response.aiter_lines()):
                if kind == "complete":
                    return
                payload = _checked(orjson.loads(data))
                yield next(iter(payload.values()))
        raise _Cut

    async def _send(self, **request: Any) -> httpx.Response:
        try:
            return await self._http.post(self._url, headers={"Accept": "application/json"}, **request)
        except httpx.HTTPError as error:
            raise ApiUnreachable(
                f"Nobody answers at {self._url}: is Lorebase running? Start it with `make run`."
            ) from error


class _Cut(Exception):
    """The server ended the response before it completed the operation."""


async def _frames(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    kind, data = "", ""
    async for line in lines:
        if line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:"):
            data = line[5:].strip()
        elif not line and kind:
            yield kind, data
            kind, data = "", ""


def _data(response: httpx.Response) -> Json:
    try:
        body = response.json()
    except ValueError as error:
        raise ApiRefused(f"The server answered with status {response.status_code}.", "UNREADABLE") from error
    return _checked(body)


def _checked(body: Json) -> Json:
    errors = body.get("errors")
    if errors:
        code = str(errors[0].get("extensions", {}).get("code", "UNKNOWN"))
        raise ApiRefused(f"{code}: {errors[0].get('message', 'The API refused.')}", code)
    data: Json = body.get("data") or {}
    return data


def payload_of(data: Json, field: str) -> Json:
    """The payload of a mutation; ApiRefused with its first user error."""
    payload: Json = data[field]
    for problem in payload.get("userErrors") or ():
        raise ApiRefused(f"{problem['code']}: {problem['message']}", problem["code"])
    return payload
