"""An OpenAI-compatible server with moods: well, slow, busy, broken, hanging, cut off, or lying."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.fakes.openai_server import OpenAIServer
from tests.faults.chat_forwarding import forwarded

MODEL = "faulty-embedder"
DIMENSIONS = 64
RETRY_AFTER_SECONDS = "1"
WELL = "well"
_SLOW_SECONDS = 1.5
_WORD = re.compile(r"\w+")


class MoodyModels(OpenAIServer):
    """Answers every request by the present mood of the model that is asked for; `met` counts by mood.

    Embeddings are well, slow, busy, broken, hang, cut, malformed, short or nan. When well, the vector of a
    text is the sum of fixed random vectors of its words, so that texts which share words lie near each other
    and the same text always has the same vector. Chats go on to the server at `chat_address()`; they are
    well, busy, broken or hang, or are spoilt on the way back (`disturbed`).
    """

    def __init__(self, chat_address: Callable[[], str] = str) -> None:
        super().__init__()
        self.moods = {"embeddings": WELL, "chat": WELL}
        self.met: Counter[str] = Counter()
        self._chat_address = chat_address

    async def handle(self, request: Request) -> Response:
        model = "embeddings" if request.url.path.endswith("/embeddings") else "chat"
        mood = self.moods[model]
        self.met[f"{model}-{mood}"] += 1
        body = await request.body()
        if mood == "hang":
            await asyncio.Event().wait()
        if mood in ("busy", "broken"):
            return refusal(mood)
        if model == "chat":
            return await forwarded(self._chat_address(), body, mood)
        if mood == "slow":
            await asyncio.sleep(_SLOW_SECONDS)
        return _answer(_embeddings(json.loads(body)["input"], mood), mood)


def refusal(mood: str) -> Response:
    """429 with Retry-After, or 500."""
    status = 429 if mood == "busy" else 500
    headers = {"retry-after": RETRY_AFTER_SECONDS} if mood == "busy" else {}
    return JSONResponse({"error": {"message": mood, "type": "error", "code": None}}, status, headers)


def _answer(content: str, mood: str) -> Response:
    half = content[: len(content) // 2]
    if mood == "malformed":
        return Response(half, media_type="application/json")
    if mood == "cut":
        return StreamingResponse(_break_off(half), media_type="application/json")
    return Response(content, media_type="application/json")


async def _break_off(half: str) -> AsyncIterator[str]:
    yield half
    raise ConnectionResetError


def _embeddings(texts: Sequence[str], mood: str) -> str:
    vectors = [vector_of(text) for text in texts]
    if mood == "short":
        vectors = [vector[:-1] for vector in vectors]
    if mood == "nan":
        vectors = [[float("nan"), *vector[1:]] for vector in vectors]
    rows = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    tokens = sum(len(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    # Unlike a JSONResponse this writes NaN, which some servers do.
    return json.dumps({"object": "list", "model": MODEL, "data": rows, "usage": usage})


def vector_of(text: str) -> list[float]:
    """The sum of the vectors of the words in the text; never zero."""
    total = [1e-3] * DIMENSIONS
    for word in _WORD.findall(text.casefold()):
        total = [one + other for one, other in zip(total, _word_vector(word), strict=True)]
    return total


@lru_cache(maxsize=4096)
def _word_vector(word: str) -> tuple[float, ...]:
    chance = random.Random(hashlib.sha256(word.encode()).digest())
    return tuple(chance.gauss(0, 1) for _ in range(DIMENSIONS))
