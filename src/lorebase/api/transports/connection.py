"""One client of GraphQL over WebSocket: what it asks for, what runs for it, and how it ends.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from graphql import ExecutionResult, OperationType
from starlette.types import Receive, Send
from starlette.websockets import WebSocketDisconnect

from lorebase.api.graphql.engine import Engine
from lorebase.api.graphql.errors import FormattedError, RequestRefused, format_errors
from lorebase.api.metrics import Metrics
from lorebase.api.transports.authentication import ContextFor, read_bearer
from lorebase.api.transports.closing import (
    BAD_MESSAGE,
    DUPLICATE,
    FORBIDDEN,
    INITIALISATION_TIMEOUT,
    TOO_MANY_INITIALISATIONS,
    TRY_AGAIN,
    UNAUTHORIZED,
    Closed,
)
from lorebase.api.transports.outgoing import Outgoing, next_head
from lorebase.api.transports.problems import Problem
from lorebase.api.transports.requests import GraphQLRequest, read_json, request_from
from lorebase.api.transports.streaming import close_results, failed
from lorebase.core.config import EdgeSettings
from lorebase.core.errors import ErrorCode, LorebaseError
from lorebase.core.logging import begin_trace, current_trace_id

INITIALISATION_SECONDS = 10.0
OPERATIONS_MAXIMUM = 100


class Connection:
    """What one client runs, from its first message to its last."""

    __slots__ = (
        "_background",
        "_context_for",
        "_ended",
        "_engine",
        "_incoming",
        "_metrics",
        "_operations",
        "_outgoing",
        "_ready",
        "_secret",
        "_serving",
    )

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        engine: Engine,
        settings: EdgeSettings,
        context_for: ContextFor,
        metrics: Metrics,
    ) -> None:
        self._incoming = receive
        self._engine = engine
        self._context_for = context_for
        self._metrics = metrics
        self._secret: str | None = None
        self._ready = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._background: set[asyncio.Future[None]] = set()
        self._serving: asyncio.Task[None] | None = None
        self._ended: Closed | WebSocketDisconnect | None = None
        self._outgoing = Outgoing(send, settings, self._close)

    async def serve(self) -> None:
        """Reads and pings until the client leaves or something ends the connection; raises what did.

        Thousands of sockets wait here: each has this one task, no other one until it runs an operation.
        """
        self._serving = serving = asyncio.current_task()
        try:
            await self._receive_all()
        except asyncio.CancelledError:
            # `_close` cancels the reading to be heard; whoever else cancels means it.
            if serving is None or self._ended is None or serving.uncancel():
                raise
            raise self._ended from None
        finally:
            self._serving = None

    async def end(self) -> None:
        """Stops everything that still runs for the client; the work itself goes on in the workers."""
        await self._outgoing.end()
        running = {*self._operations.values(), *self._background}
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)

    async def _receive_all(self) -> None:
        try:
            async with asyncio.timeout(INITIALISATION_SECONDS):
                while not self._ready:
                    await self._handle(await self._receive())
        except TimeoutError as error:
            raise Closed(INITIALISATION_TIMEOUT, "Connection initialisation timeout") from error
        while True:
            await self._handle(await self._receive())

    async def _receive(self) -> Mapping[str, object]:
        message = await self._incoming()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        try:
            content = read_json(text, "The message") if text is not None else None
        except Problem as problem:
            raise Closed(BAD_MESSAGE, problem.message) from problem
        if not isinstance(content, dict):
            raise Closed(BAD_MESSAGE, "A message is a JSON object in a text frame")
        return content

    async def _handle(self, message: Mapping[str, object]) -> None:
        match message.get("type"):
            case "connection_init":
                await self._initialise(message.get("payload"))
            case "ping":
                await self._outgoing.send({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                self._complete(message.get("id"))
            case _:
                raise Closed(BAD_MESSAGE, "Unknown message type")

    async def _initialise(self, payload: object) -> None:
        if self._ready:
            raise Closed(TOO_MANY_INITIALISATIONS, "Too many initialisation requests")
        if not isinstance(payload, dict | None):
            raise Closed(BAD_MESSAGE, "The payload of connection_init is an object")
        given = {name.lower(): value for name, value in (payload or {}).items()}
        try:
            self._secret = read_bearer(given.get("authorization"))
            await self._context_for(self._secret)
        except LorebaseError as error:
            raise self._refusal(error) from error
        self._ready = True
        await self._outgoing.send({"type": "connection_ack"})
        self._outgoing.keep_alive()

    def _refusal(self, error: LorebaseError) -> Closed:
        if error.code is ErrorCode.UNAUTHENTICATED:
            return Closed(FORBIDDEN, "Forbidden")
        return Closed(TRY_AGAIN, "Try again later")

    async def _subscribe(self, message: Mapping[str, object]) -> None:
        if not self._ready:
            raise Closed(UNAUTHORIZED, "Unauthorized")
        name = message.get("id")
        if not isinstance(name, str) or not name:
            raise Closed(BAD_MESSAGE, "A subscribe message needs an id")
        if name in self._operations:
            raise Closed(DUPLICATE, f"Subscriber for {name[:60]} already exists")
        try:
            request = request_from(message.get("payload"))
        except Problem as problem:
            raise Closed(BAD_MESSAGE, problem.message) from problem
        if len(self._operations) >= OPERATIONS_MAXIMUM:
            await self._outgoing.error(name, [_too_many()])
            return
        self._operations[name] = asyncio.ensure_future(self._run(name, request))

    def _complete(self, name: object) -> None:
        if not isinstance(name, str):
            raise Closed(BAD_MESSAGE, "A complete message needs an id")
        if task := self._operations.pop(name, None):
            task.cancel()
            self._remember(task)

    def _remember(self, task: asyncio.Future[None]) -> None:
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _run(self, name: str, request: GraphQLRequest) -> None:
        begin_trace()
        try:
            errors = await self._operate(name, request)
        except WebSocketDisconnect as closed:
            self._close(closed)
            return
        except Exception as failure:  # noqa: BLE001 - one operation must not take the others with it
            errors = self._failure(failure)
        # The id is free again before the client hears of the end.
        self._operations.pop(name, None)
        try:
            if errors:
                await self._outgoing.error(name, errors)
            else:
                await self._outgoing.send({"id": name, "type": "complete"})
            self._end_unwelcome(errors)
        except WebSocketDisconnect as closed:
            self._close(closed)

    async def _operate(self, name: str, request: GraphQLRequest) -> list[FormattedError]:
        context = await self._context_for(self._secret)
        operation = self._engine.prepare(request.query, request.operation_name, request.document_id)
        if operation.kind is not OperationType.SUBSCRIPTION:
            with self._metrics.operation(operation.kind.value) as outcome:
                result = await self._engine.execute(operation, request.variables, context)
                outcome.failed = bool(result.errors)
            await self._outgoing.next(name, result)
            return []
        sink = partial(self._outgoing.next_at_once, next_head(name))
        results = await self._engine.subscribe(operation, request.variables, context, sink)
        if isinstance(results, ExecutionResult):
            return format_errors(results.errors or [], current_trace_id())
        try:
            with self._metrics.stream("websocket"):
                async for result in results:
                    await self._outgoing.next(name, result)
        finally:
            await close_results(results)
        return []

    def _failure(self, failure: Exception) -> list[FormattedError]:
        if isinstance(failure, RequestRefused):
            return format_errors(failure.errors, current_trace_id(), failure.code)
        return format_errors(failed(failure).errors or [], current_trace_id())

    def _end_unwelcome(self, errors: list[FormattedError]) -> None:
        for extensions in (each["extensions"] for each in errors):
            if isinstance(extensions, dict) and extensions["code"] == ErrorCode.UNAUTHENTICATED:
                expired = extensions.get("reason") == "expired"
                if self._secret is not None:
                    self._close(
                        Closed(UNAUTHORIZED, "Expired") if expired else Closed(FORBIDDEN, "Forbidden")
                    )

    def _close(self, closed: Closed | WebSocketDisconnect) -> None:
        if self._ended is None and self._serving is not None:
            self._ended = closed
            self._serving.cancel()


def _too_many() -> FormattedError:
    message = f"At most {OPERATIONS_MAXIMUM} operations may run on one connection."
    extensions = {"code": str(ErrorCode.LIMIT_EXCEEDED), "retryable": True, "traceId": current_trace_id()}
    return {"message": message, "extensions": extensions}
