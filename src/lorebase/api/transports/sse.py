"""Server-Sent Events, one operation a connection.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md (distinct connections mode); frames end in LF
and carry `id:` where an event has a cursor, so that a browser resumes by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import orjson
from graphql import ExecutionResult, FieldNode, GraphQLError, VariableNode
from starlette.responses import Response, StreamingResponse

from lorebase.api.graphql.engine import Operation
from lorebase.api.graphql.errors import format_errors
from lorebase.api.metrics import Metrics
from lorebase.core.config import EdgeSettings
from lorebase.core.logging import current_trace_id

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"}
KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"

Results = AsyncIterator[ExecutionResult] | ExecutionResult


def event_stream(results: Results, settings: EdgeSettings, metrics: Metrics) -> Response:
    """A response that sends every result as `next` and then `complete`."""
    frames = _frames(results, settings.subscription_keep_alive_seconds, metrics)
    return StreamingResponse(frames, headers=HEADERS, media_type="text/event-stream")


def resumed(
    operation: Operation, variables: dict[str, object], last_event_id: str | None
) -> dict[str, object]:
    """The variables of a subscription that a browser opens again: `after` becomes the last id it saw."""
    if not last_event_id:
        return variables
    for field in operation.node.selection_set.selections:
        if isinstance(field, FieldNode):
            for argument in field.arguments or ():
                if argument.name.value == "after" and isinstance(argument.value, VariableNode):
                    return {**variables, argument.value.name.value: last_event_id}
    return variables


async def _frames(results: Results, keep_alive: float, metrics: Metrics) -> AsyncGenerator[bytes]:
    if isinstance(results, ExecutionResult):
        yield _frame(result_payload(results))
        yield COMPLETE
        return
    with metrics.stream("sse"):
        upcoming = asyncio.ensure_future(anext(results, None))
        try:
            while True:
                done, _ = await asyncio.wait({upcoming}, timeout=keep_alive)
                if not done:
                    yield KEEP_ALIVE
                    continue
                result = _result_of(upcoming)
                if result is None:
                    break
                yield _frame(result_payload(result))
                upcoming = asyncio.ensure_future(anext(results, None))
            yield COMPLETE
        finally:
            upcoming.cancel()
            await asyncio.wait({upcoming})
            await close_results(results)


def _result_of(finished: asyncio.Future[ExecutionResult | None]) -> ExecutionResult | None:
    failure = finished.exception()
    return finished.result() if failure is None else failed(failure)


def failed(failure: BaseException) -> ExecutionResult:
    """The last result of a stream that broke."""
    if isinstance(failure, GraphQLError):
        return ExecutionResult(None, [failure])
    error = failure if isinstance(failure, Exception) else None
    return ExecutionResult(None, [GraphQLError(str(failure), original_error=error)])


async def close_results(results: AsyncIterator[ExecutionResult]) -> None:
    """Ends a stream that nobody reads any more, and what feeds it."""
    close: Any = getattr(results, "aclose", None)
    if close is not None:
        await close()


def result_payload(result: ExecutionResult) -> dict[str, object]:
    """A result as it is sent in a stream."""
    payload: dict[str, object] = {}
    if result.errors:
        payload["errors"] = format_errors(result.errors, current_trace_id())
    payload["data"] = result.data
    return payload


def _frame(payload: dict[str, object]) -> bytes:
    cursor = _cursor(payload.get("data"))
    identity = b"id: " + cursor.encode() + b"\n" if cursor else b""
    return b"event: next\n" + identity + b"data: " + orjson.dumps(payload) + b"\n\n"


def _cursor(data: object) -> str | None:
    for value in data.values() if isinstance(data, dict) else ():
        cursor = value.get("cursor") if isinstance(value, dict) else None
        if isinstance(cursor, str) and cursor.isascii() and cursor.isprintable():
            return cursor
    return None
