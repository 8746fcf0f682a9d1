"""POST /v1/embeddings."""

from __future__ import annotations

import asyncio
import base64
from typing import Literal

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from lorebase.embedded.models.api_errors import ApiError, unsupported
from lorebase.embedded.models.embedding_queue import Embedded, EmbeddingQueue
from lorebase.embedded.models.encoder import Vector
from lorebase.embedded.models.request_body import read_body, unless_disconnected

MOST_INPUTS = 2048


class EmbeddingRequest(BaseModel):
    """The fields that are honoured; unknown ones are ignored, as OpenAI's own servers do with `user`."""

    model: str
    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None

    def texts(self) -> list[str]:
        """The texts to embed; refuses tokens, for they would be those of another model."""
        inputs = [self.input] if isinstance(self.input, str) else self.input
        if not inputs or len(inputs) > MOST_INPUTS:
            raise ApiError(f"'input' must hold 1 to {MOST_INPUTS} texts.", param="input")
        texts = [text for text in inputs if isinstance(text, str)]
        if len(texts) != len(inputs):
            raise unsupported("input", "tokens are not taken, send the text itself.")
        for position, text in enumerate(texts):
            if not text:
                raise ApiError(f"'input' is empty at position {position}.", param="input")
        return texts


class EmbeddingEndpoint:
    """Serves vectors of float32 and length one."""

    def __init__(self, queue: EmbeddingQueue) -> None:
        self._queue = queue
        self._manifest = queue.encoder.manifest

    async def __call__(self, request: Request) -> Response:
        """The response as OpenAI shapes it."""
        body = await read_body(request, EmbeddingRequest)
        texts, dimensions = body.texts(), self._dimensions(body)
        embedded = await unless_disconnected(request, self._queue.embed(texts))
        content = await asyncio.to_thread(self._write, embedded, body.encoding_format, dimensions)
        return Response(content, media_type="application/json")

    def _dimensions(self, body: EmbeddingRequest) -> int:
        if body.model != self._manifest.name:
            raise ApiError(
                f"The model '{body.model[:100]}' does not embed here; '{self._manifest.name}' does.",
                status=404,
                param="model",
                code="model_not_found",
            )
        wanted = self._manifest.dimensions if body.dimensions is None else body.dimensions
        if not 1 <= wanted <= self._manifest.dimensions:
            raise ApiError(
                f"'dimensions' must be between 1 and {self._manifest.dimensions}.", param="dimensions"
            )
        return wanted

    def _write(self, embedded: Embedded, encoding: str, dimensions: int) -> bytes:
        rows = shorten(embedded.vectors, dimensions)
        entries = [
            {"object": "embedding", "index": i, "embedding": to_base64(row) if encoding == "base64" else row}
            for i, row in enumerate(rows)
        ]
        usage = {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens}
        body = {"object": "list", "data": entries, "model": self._manifest.name, "usage": usage}
        return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def shorten(vectors: npt.NDArray[np.float32], dimensions: int) -> npt.NDArray[np.float32]:
    """The first `dimensions` numbers of each row, brought back to length one."""
    if dimensions == vectors.shape[1]:
        return vectors
    cut = np.ascontiguousarray(vectors[:, :dimensions])
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    shortened: npt.NDArray[np.float32] = cut / np.maximum(lengths, np.finfo(np.float32).tiny)
    return shortened


def to_base64(row: Vector) -> str:
    """Little-endian float32 in base64, which the openai client asks for by default."""
    return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")
