"""Speaks GraphQL to the API with the project's own operation files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import httpx
import orjson

from lorebase.cli.connection.credentials import Target
from lorebase.cli.connection.event_frames import event_frames
from lorebase.cli.connection.responses import Json, checked, data_of
from lorebase.cli.connection.steady_file import SteadyFile
from lorebase.cli.errors import ApiRefused, ApiUnreachable, UsageFailed
from lorebase.core.resources import read_operation

# An API that is started again is back well within a minute; a stream is resumed where it broke off.
RESUME_SECONDS = 60.0
RESUME_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 3.0
# A server sends a comment every 15 s; more than twice that without a byte means the connection is dead.
STREAM_SILENCE_SECONDS = 40.0

_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_STREAM = {"Accept": "text/event-stream", "Content-Type": "application/json"}

_operation = cache(read_operation)


class ApiClient:
    """One connection to one workspace's API; an async context manager."""

    def __init__(
        self, target: Target, timeout_seconds: float, resume_seconds: float = RESUME_SECONDS
    ) -> None:
        headers = {"Authorization": f"Bearer {target.api_key}", "X-Requested-With": "lorebase"}
        self._url = target.url
        self._resume_seconds = resume_seconds
        # A proxy has no business between two programs of one machine.
        direct = is_loopback(httpx.URL(target.url).host)
        self._http = httpx.AsyncClient(headers=headers, timeout=timeout_seconds, trust_env=not direct)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def run(self, name: str, variables: Mapping[str, object] | None = None) -> Json:
        """The data of a query or mutation. ApiRefused for errors, ApiUnreachable without an answer."""
        return data_of(await self._send(content=_body(name, variables or {}), headers=_JSON))

    async def upload(self, name: str, variables: Mapping[str, object], path: Path, file_name: str) -> Json:
        """A mutation whose variable `file` is a file of this machine, streamed from the disk.

        Also OSError when the file cannot be read, FileChanged when it becomes shorter meanwhile.
        """
        fields = {
            "operations": _body(name, {**variables, "file": None}).decode(),
            "map": '{"0": ["variables.file"]}',
        }
        with SteadyFile(path.open("rb")) as stream:
            # httpx asks of a file what SteadyFile has, whatever its annotation says.
            files = {"0": (file_name, cast("BinaryIO", stream))}
            response = await self._send(data=fields, files=files, headers={"Accept": _JSON["Accept"]})
        return data_of(response)

    async def subscribe(
        self,
        name: str,
        variables: Mapping[str, object],
        interrupted: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[Json]:
        """The events of a subscription's one field; a dropped connection is resumed where it broke off.

        `interrupted` is called at each drop: without a cursor seen before it, events are missed.
        """
        given = dict(variables)
        pauses = _Pauses(self._resume_seconds)
        while True:
            try:
                async with aclosing(self._events(name, given)) as events:
                    async for event in events:
                        given["after"] = event.get("cursor", given.get("after"))
                        pauses.forget()
                        yield event
                return
            except (httpx.HTTPError, _Cut, ApiRefused) as error:
                if isinstance(error, ApiRefused) and not error.retryable:
                    raise
                interrupted()
                if not await pauses.pause():
                    raise ApiUnreachable(f"The stream from {self._url} keeps breaking off.") from error

    async def _events(self, name: str, variables: Mapping[str, object]) -> AsyncGenerator[Json]:
        timeout = httpx.Timeout(10.0, read=STREAM_SILENCE_SECONDS)
        async with self._http.stream(
            "POST", self._url, content=_body(name, variables), headers=_STREAM, timeout=timeout
        ) as response:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                await response.aread()
                data_of(response)
                raise ApiRefused("The API does not stream: is there a proxy before it?", "UNREADABLE")
            async for kind, data in event_frames(response.aiter_bytes()):
                if kind == "complete":
                    return
                yield next(iter(checked(_parsed(data)).values()))
        raise _Cut

    async def _send(self, **request: Any) -> httpx.Response:
        try:
            return await self._http.post(self._url, **request)
        except httpx.HTTPError as error:
            raise ApiUnreachable(
                f"Nobody answers at {self._url}: is Lorebase running? "
                "See `lorebase status`; start it with `make run` or `lorebase up --detach`."
            ) from error


class _Cut(Exception):
    """The server ended the response before it completed the operation."""


class _Pauses:
    """Longer and longer pauses between attempts, for as long as the patience lasts."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self.forget()

    def forget(self) -> None:
        """It went well: the next trouble starts anew."""
        self._began: float | None = None
        self._next = RESUME_PAUSE_SECONDS

    async def pause(self) -> bool:
        """Waits; False when the patience is at its end."""
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        if now - self._began >= self._patience:
            return False
        await asyncio.sleep(self._next)
        self._next = min(self._next * 2, LONGEST_PAUSE_SECONDS)
        return True


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its name or number alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _body(name: str, variables: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps({"query": _operation(name), "variables": dict(variables)})
    except orjson.JSONEncodeError as error:
        raise UsageFailed(f"What was given cannot be sent: {error}.") from error


def _parsed(data: str) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _Cut from error
