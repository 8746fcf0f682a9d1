"""A fake of the API on a free port of the loopback, which runs the real operations against the real schema.

Whatever it answers has the shape that the schema promises; what it answers is up to its ApiWorld.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import uvicorn
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute,
    parse,
    subscribe,
    validate,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lorebase.core.resources import resource_directory
from tests.fakes.api_world import ApiWorld, refusal

Json = dict[str, Any]


@dataclass(frozen=True)
class Upload:
    """A file that came with a request."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Call:
    """One request as it arrived; `operation` is the name of its operation."""

    operation: str
    variables: Json


@cache
def sdl() -> GraphQLSchema:
    """The schema of this release."""
    return build_schema((resource_directory("schema") / "schema.graphql").read_text(encoding="utf-8"))


@cache
def valid(query: str) -> tuple[DocumentNode, OperationDefinitionNode]:
    """The document and its operation, which the schema allows."""
    document = parse(query)
    assert validate(sdl(), document) == []
    return document, next(d for d in document.definitions if isinstance(d, OperationDefinitionNode))


class FakeApiServer:
    """A context manager; may be stopped and started again on its port.

    `cuts` says after how many events the next streams break off, `answers` what raw responses the next
    requests get instead of GraphQL, `lives` whether it says so at /livez.
    """

    def __init__(self, world: ApiWorld | None = None) -> None:
        self.world = world or ApiWorld()
        self.calls: list[Call] = []
        self.cuts: deque[int] = deque()
        self.answers: deque[Response] = deque()
        self.lives = False
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/graphql"

    def called(self, operation: str) -> list[Json]:
        """The variables of the requests for an operation, in their order."""
        return [call.variables for call in self.calls if call.operation == operation]

    def __enter__(self) -> FakeApiServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        routes = [
            Route("/graphql", self._answer, methods=["GET", "POST"]),
            Route("/livez", lambda request: Response(status_code=200 if self.lives else 404)),
        ]
        app = Starlette(routes=routes)
        config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=0)
        self._server = uvicorn.Server(config)
        run = self._server.run
        self._thread = threading.Thread(target=run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(timeout=30)
            assert not self._thread.is_alive()

    async def _answer(self, request: Request) -> Response:
        if self.answers:
            return self.answers.popleft()
        if request.headers.get("authorization") != f"Bearer {self.world.api_key}":
            body = {"errors": [refusal("UNAUTHENTICATED", "The API key is not valid.")]}
            return JSONResponse(body, 401)
        query, variables = await _read(request)
        document, definition = valid(query)
        name = definition.name.value if definition.name else ""
        self.calls.append(Call(name, variables))
        if self.world.refusals[name]:
            return JSONResponse({"errors": [self.world.refusals[name].popleft()]})
        if definition.operation.value == "subscription":
            cut = self.cuts.popleft() if self.cuts else None
            frames = self._frames(document, variables, cut)
            return StreamingResponse(frames, media_type="text/event-stream")
        result = execute(
            sdl(), document, self.world.root(), variable_values=variables, type_resolver=_type_of
        )
        assert isinstance(result, ExecutionResult)
        return JSONResponse(_payload(result))

    async def _frames(self, document: DocumentNode, variables: Json, cut: int | None) -> AsyncIterator[bytes]:
        found = subscribe(
            sdl(), document, self.world.root(), variable_values=variables, type_resolver=_type_of
        )
        results = await found if asyncio.iscoroutine(found) else found
        assert not isinstance(results, ExecutionResult), results
        yield b":\n\n"
        sent = 0
        while cut is None or sent < cut:
            result = await anext(results, None)
            if result is None:
                yield b"event: complete\ndata:\n\n"
                return
            # Unescaped, as the API sends it: U+2028 and its like stand in the line.
            data = json.dumps(_payload(result), ensure_ascii=False)
            yield f"event: next\ndata: {data}\n\n".encode()
            sent += 1


def _type_of(value: Json, *_: object) -> str:
    return str(value["__typename"])


def _payload(result: ExecutionResult) -> Json:
    errors = {"errors": [error.formatted for error in result.errors]} if result.errors else {}
    return {**errors, "data": result.data}


async def _read(request: Request) -> tuple[str, Json]:
    if not request.headers["content-type"].startswith("multipart/form-data"):
        body = json.loads(await request.body())
        return body["query"], body["variables"]
    assert request.headers["x-requested-with"]
    async with request.form() as form:
        body = json.loads(str(form["operations"]))
        for name, (path,) in json.loads(str(form["map"])).items():
            part: Any = form[name]
            body["variables"][path.removeprefix("variables.")] = Upload(part.filename, await part.read())
    return body["query"], body["variables"]
