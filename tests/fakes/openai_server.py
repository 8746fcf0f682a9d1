"""An OpenAI-compatible server that does what a test tells it to: answer, refuse, stall, break off, lie."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.reranker import shared_words

DIMENSIONS = 4


@dataclass
class OpenAIServer:
    """What it does next (`script`, one entry a request, then well-behaved), and what it was asked."""

    url: str = ""
    script: list[str] = field(default_factory=list)
    requests: list[dict[str, object]] = field(default_factory=list)
    completions: list[str] = field(default_factory=list)
    retry_after: str = "0"

    async def handle(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.requests.append(body)
        behaviour = self.script.pop(0) if self.script else "well"
        if behaviour.isdigit():
            headers = {"retry-after": self.retry_after} if behaviour == "429" else {}
            error = {"message": f"refused: {json.dumps(body)}", "type": "error", "code": None}
            return JSONResponse({"error": error}, int(behaviour), headers)
        if behaviour == "hang":
            await asyncio.Event().wait()
        if behaviour == "malformed":
            return Response('{"data": [', media_type="application/json")
        if request.url.path.endswith("/embeddings"):
            return JSONResponse(_embeddings(body["input"], behaviour))
        if request.url.path.endswith("/rerank"):
            return JSONResponse(_judged(body["query"], body["documents"], behaviour))
        return self._chat(body, behaviour)

    def _chat(self, body: dict[str, object], behaviour: str) -> Response:
        text = self.completions.pop(0) if self.completions else "It is so [1]."
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        base = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"]}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return JSONResponse({**base, "choices": [choice], "usage": usage})
        chunk = {**base, "object": "chat.completion.chunk"}

        async def stream() -> AsyncIterator[str]:
            for number, word in enumerate(text.split(" ")):
                if behaviour == "cut" and number == 1:
                    raise ConnectionResetError
                if behaviour == "ended" and number == 1:
                    return
                if behaviour == "stall" and number == 1:
                    await asyncio.Event().wait()
                delta = {
                    "index": 0,
                    "delta": {"content": (" " if number else "") + word},
                    "finish_reason": None,
                }
                piece = {**chunk, "choices": [delta], "usage": None}
                yield f"data: {json.dumps(piece)}\n\n"
            end = {"index": 0, "delta": {}, "finish_reason": "length" if behaviour == "length" else "stop"}
            yield f"data: {json.dumps({**chunk, 'choices': [end], 'usage': None})}\n\n"
            yield f"data: {json.dumps({**chunk, 'choices': [], 'usage': usage})}\n\n"
            yield "data: [DONE]\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")


def _embeddings(texts: list[str], behaviour: str) -> dict[str, object]:
    lies: dict[str, Callable[[list[float]], list[float]]] = {
        "short": lambda vector: vector[:-1],
        "zero": lambda vector: [0.0] * len(vector),
        "huge": lambda vector: [1e30] * len(vector),
    }
    vectors = [lies.get(behaviour, list)([float(len(text)), 1.0, 0.0, 0.0]) for text in texts]
    rows = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    kept = rows[:-1] if behaviour == "missing" else rows[::-1]
    usage = {"prompt_tokens": 5 * len(texts), "total_tokens": 5 * len(texts)}
    return {"object": "list", "model": "m", "data": kept, "usage": usage}


def _judged(query: str, documents: list[str], behaviour: str) -> dict[str, object]:
    results = [
        {"index": index, "relevance_score": shared_words(query, document)}
        for index, document in enumerate(documents)
    ]
    best_first = sorted(results, key=lambda result: -result["relevance_score"])
    lies = {
        "missing": best_first[:-1],
        "doubled": [*best_first[:-1], best_first[0]],
        "beyond": [*best_first[:-1], {"index": len(documents), "relevance_score": 1.0}],
        "endless": [*best_first[:-1], {**best_first[-1], "relevance_score": "Infinity"}],
        "wordy": [{"index": 0, "relevance_score": "very good"}],
    }
    return {"id": "r", "results": lies.get(behaviour, best_first)}


@asynccontextmanager
async def openai_server(server: OpenAIServer | None = None) -> AsyncIterator[OpenAIServer]:
    """Runs the server, or the given one, on a free loopback port."""
    server = server or OpenAIServer()
    app = Starlette(
        routes=[
            Route("/v1/embeddings", server.handle, methods=["POST"]),
            Route("/v1/rerank", server.handle, methods=["POST"]),
            Route("/v1/chat/completions", server.handle, methods=["POST"]),
        ]
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    # Whoever connects before the server runs waits, and is not refused.
    listener.listen()
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    runner = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    task = asyncio.create_task(runner.serve(sockets=[listener]))
    try:
        yield server
    finally:
        runner.should_exit = True
        await task
        listener.close()
