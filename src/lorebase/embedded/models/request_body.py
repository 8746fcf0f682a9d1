"""Reading a request: its JSON, its fields, and whether anybody still waits for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from lorebase.embedded.models.api_errors import ApiError

MAX_BODY_BYTES = 32 * 1024 * 1024

Body = TypeVar("Body", bound=BaseModel)
Result = TypeVar("Result")


async def read_body(request: Request, shape: type[Body]) -> Body:
    """The JSON body as `shape`; a lone surrogate, a wrong type or too many bytes is an ApiError."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise ApiError(f"The request is larger than {MAX_BODY_BYTES} bytes.", status=413)
    try:
        content = orjson.loads(received)
    except orjson.JSONDecodeError:
        raise ApiError("The body is not valid JSON in UTF-8.", code="invalid_json") from None
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        raise _first_problem(error) from None


async def unless_disconnected(request: Request, work: Coroutine[None, None, Result]) -> Result:
    """The result of `work`, which is cancelled when the client goes away first."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _first_problem(error: ValidationError) -> ApiError:
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    # The path in a union also names the branch tried, which means nothing to a client.
    param = str(problem["loc"][0]) if problem["loc"] else None
    return ApiError(f"Invalid value for '{param or 'body'}': {problem['msg']}.", param=param)
