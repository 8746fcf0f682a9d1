"""Passes chats on to a model that works, and spoils what it says on the way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
from starlette.responses import JSONResponse, Response, StreamingResponse

_PATIENCE_SECONDS = 20.0
_SLOW_SECONDS = 0.15
# Some words have been said by then, and some are still to come.
SAID = 4


async def forwarded(address: str, body: bytes, mood: str) -> Response:
    """The answer of the model at the address, as its mood has it; 502 when that model is away.

    Everything but words is passed on as it is, so that a refusal stays one.
    """
    http = httpx.AsyncClient(timeout=_PATIENCE_SECONDS, trust_env=False)
    try:
        headers = {"content-type": "application/json"}
        asked = http.build_request("POST", f"{address}/chat/completions", content=body, headers=headers)
        answer = await http.send(asked, stream=True)
    except httpx.HTTPError:
        await http.aclose()
        return JSONResponse({"error": {"message": "away", "type": "error", "code": None}}, 502)
    words = _words(http, answer)
    media_type = answer.headers.get("content-type")
    spoilt = disturbed(words, mood) if answer.is_success else words
    return StreamingResponse(spoilt, answer.status_code, media_type=media_type)


async def _words(http: httpx.AsyncClient, answer: httpx.Response) -> AsyncIterator[str]:
    try:
        async for line in answer.aiter_lines():
            yield f"{line}\n"
    finally:
        await answer.aclose()
        await http.aclose()


async def disturbed(lines: AsyncIterator[str], mood: str) -> AsyncIterator[str]:
    """The lines of a stream of events as the mood lets them pass.

    slow: with pauses. After some words, cut: the connection breaks; stall: nothing more comes; malformed:
    half an event comes; ended: the stream ends as if it were whole, without the reason that a whole one ends
    with.
    """
    said = 0
    async for line in lines:
        said += line.startswith("data:")
        if said > SAID and mood == "cut":
            raise ConnectionResetError
        if said > SAID and mood == "stall":
            await asyncio.Event().wait()
        if said > SAID and mood == "ended":
            return
        if said > SAID and mood == "malformed":
            yield f"{line[: len(line) // 2]}\n\n"
            return
        if mood == "slow" and line.startswith("data:"):
            await asyncio.sleep(_SLOW_SECONDS)
        yield line
