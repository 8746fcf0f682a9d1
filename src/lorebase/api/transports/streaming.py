"""Streams of results over HTTP, whatever the frames look like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Protocol

from graphql import ExecutionResult, FieldNode, GraphQLError, VariableNode
from starlette.responses import Response, StreamingResponse

from lorebase.api.graphql.engine import Operation
from lorebase.api.graphql.errors import format_errors
from lorebase.api.metrics import Metrics
from lorebase.core.logging import current_trace_id

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"}

Results = AsyncIterator[ExecutionResult] | ExecutionResult
Payload = dict[str, object]


class Framing(Protocol):
    """How one kind of stream looks on the wire."""

    name: str
    media_type: str
    keep_alive: bytes
    complete: bytes

    def frame(self, payload: Payload) -> bytes:
        """One result."""
        ...


def stream_response(
    results: Results,
    framing: Framing,
    keep_alive_seconds: float,
    metrics: Metrics,
    headers: Mapping[str, str],
) -> Response:
    """A response that sends every result and then says that there are no more."""
    frames = _frames(results, framing, keep_alive_seconds, metrics)
    return StreamingResponse(frames, headers={**HEADERS, **headers}, media_type=framing.media_type)


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


async def _frames(
    results: Results, framing: Framing, keep_alive: float, metrics: Metrics
) -> AsyncGenerator[bytes]:
    if isinstance(results, ExecutionResult):
        yield framing.frame(result_payload(results))
        yield framing.complete
        return
    with metrics.stream(framing.name):
        upcoming = asyncio.ensure_future(anext(results, None))
        try:
            while True:
                done, _ = await asyncio.wait({upcoming}, timeout=keep_alive)
                if not done:
                    yield framing.keep_alive
                    continue
                result = _result_of(upcoming)
                if result is None:
                    break
                yield framing.frame(result_payload(result))
                upcoming = asyncio.ensure_future(anext(results, None))
            yield framing.complete
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


def result_payload(result: ExecutionResult) -> Payload:
    """A result as it is sent in a stream."""
    payload: Payload = {}
    if result.errors:
        payload["errors"] = format_errors(result.errors, current_trace_id())
    payload["data"] = result.data
    if result.extensions:
        payload["extensions"] = result.extensions
    return payload
