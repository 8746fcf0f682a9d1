"""The model server as an ASGI application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lorebase.core.config import EMBEDDED_CHAT_MODEL
from lorebase.embedded.models.api_errors import EXCEPTION_HANDLERS, ApiError
from lorebase.embedded.models.chat import ChatEndpoint
from lorebase.embedded.models.embedding_queue import EmbeddingQueue, open_embedding_queue
from lorebase.embedded.models.embeddings import EmbeddingEndpoint
from lorebase.embedded.models.encoder import TextEncoder
from lorebase.embedded.models.extractive import ExtractiveAnswerer
from lorebase.embedded.models.model_files import ModelManifest


def create_app(encoder: TextEncoder, threads: int) -> Starlette:
    """An application around `encoder`, which it runs in at most `threads` threads at once."""
    models = ModelCatalogue(encoder.manifest)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_embedding_queue(encoder, threads) as queue:
            await _warm_up(queue)
            app.state.embeddings = EmbeddingEndpoint(queue)
            app.state.chat = ChatEndpoint(ExtractiveAnswerer(queue), encoder)
            yield

    routes = [
        Route("/health", models.health),
        Route("/v1/models", models.list),
        Route("/v1/models/{model}", models.get),
        Route("/v1/embeddings", _embeddings, methods=["POST"]),
        Route("/v1/chat/completions", _chat, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=EXCEPTION_HANDLERS)


class ModelCatalogue:
    """What is served here."""

    def __init__(self, manifest: ModelManifest) -> None:
        shared = {"object": "model", "created": int(time.time()), "owned_by": "lorebase"}
        self._models: dict[str, dict[str, object]] = {
            manifest.name: {
                **shared,
                "id": manifest.name,
                "version": manifest.version,
                "dimensions": manifest.dimensions,
                "max_input_tokens": manifest.max_input_tokens,
            },
            EMBEDDED_CHAT_MODEL: {**shared, "id": EMBEDDED_CHAT_MODEL, "version": manifest.version},
        }

    async def health(self, _: Request) -> Response:
        """Answers once the models are loaded and warm."""
        return JSONResponse({"status": "ok", "models": list(self._models)})

    async def list(self, _: Request) -> Response:
        """OpenAI's list of models."""
        return JSONResponse({"object": "list", "data": [*self._models.values()]})

    async def get(self, request: Request) -> Response:
        """One model of the list."""
        name = request.path_params["model"]
        if name not in self._models:
            raise ApiError("There is no such model.", status=404, param="model", code="model_not_found")
        return JSONResponse(self._models[name])


async def _warm_up(queue: EmbeddingQueue) -> None:
    """The first run of a session allocates; better before the first request than in it."""
    await asyncio.gather(*(queue.embed(["warm up"]) for _ in range(2)))


async def _embeddings(request: Request) -> Response:
    endpoint: EmbeddingEndpoint = request.app.state.embeddings
    return await endpoint(request)


async def _chat(request: Request) -> Response:
    endpoint: ChatEndpoint = request.app.state.chat
    return await endpoint(request)
