"""Runs the encoder in a few threads, so that questions never wait for a long batch of documents."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lorebase.embedded.models.encoder import TextEncoder, Vector

# A request of at most this many texts is somebody waiting for a search, not an ingestion.
URGENT_TEXTS = 4
# Tokens that one turn in a thread works on: the longest text, or several short ones.
TURN_TOKENS = 256
# After so many urgent turns one of the waiting batches gets a turn: it is slowed, never starved.
URGENT_TURNS = 4


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors as float32 of shape (texts, dimensions), in the order of the texts, and the tokens read."""

    vectors: npt.NDArray[np.float32]
    tokens: int


@dataclass(eq=False)
class _Request:
    tokens: list[list[int]]
    done: asyncio.Future[None]
    vectors: list[Vector | None] = field(init=False)
    begun: int = 0
    finished: int = 0

    def __post_init__(self) -> None:
        self.vectors = [None] * len(self.tokens)

    def next_turn(self) -> range:
        start, total = self.begun, 0
        while self.begun < len(self.tokens) and (self.begun == start or total < TURN_TOKENS):
            total += len(self.tokens[self.begun])
            self.begun += 1
        return range(start, self.begun)

    def accept(self, turn: range, vectors: Sequence[Vector]) -> None:
        self.vectors[turn.start : turn.stop] = vectors
        self.finished += len(turn)
        if self.finished == len(self.tokens) and not self.done.done():
            self.done.set_result(None)


class EmbeddingQueue:
    """Two waiting lines before the encoder; made by `open_embedding_queue`."""

    def __init__(self, encoder: TextEncoder, pool: ThreadPoolExecutor) -> None:
        self._encoder = encoder
        self._pool = pool
        self._urgent: deque[_Request] = deque()
        self._patient: deque[_Request] = deque()
        self._urgent_turns = 0
        self._arrived = asyncio.Condition()

    @property
    def encoder(self) -> TextEncoder:
        """The encoder behind the queue."""
        return self._encoder

    @property
    def waiting(self) -> int:
        """How many requests have texts that nobody works on yet."""
        return len(self._urgent) + len(self._patient)

    async def embed(self, texts: Sequence[str], *, urgent: bool | None = None) -> Embedded:
        """The vectors of `texts`; what is left of the work is dropped when the caller is cancelled."""
        loop = asyncio.get_running_loop()
        tokens = await loop.run_in_executor(None, self._encoder.tokenize, texts)
        request = _Request(tokens, loop.create_future())
        if urgent is None:
            urgent = len(texts) <= URGENT_TEXTS
        if tokens:
            await self._wait_for(request, self._urgent if urgent else self._patient)
        shape = (len(tokens), self._encoder.manifest.dimensions)
        vectors = np.array(request.vectors, dtype=np.float32).reshape(shape)
        return Embedded(vectors, sum(len(one) for one in tokens))

    async def _wait_for(self, request: _Request, line: deque[_Request]) -> None:
        line.append(request)
        try:
            async with self._arrived:
                self._arrived.notify_all()
            await request.done
        finally:
            request.done.cancel()

    async def work(self) -> None:
        """Works through the lines for ever; as many of these run as there are threads."""
        loop = asyncio.get_running_loop()
        while True:
            request, turn = await self._next()
            batch = [request.tokens[index] for index in turn]
            running = loop.run_in_executor(self._pool, self._embed, batch)
            await asyncio.wait([running])
            error = running.exception()
            if error is None:
                request.accept(turn, running.result())
            elif not request.done.done():
                request.done.set_exception(error)

    def _embed(self, batch: list[list[int]]) -> list[Vector]:
        return [self._encoder.embed(tokens) for tokens in batch]

    async def _next(self) -> tuple[_Request, range]:
        async with self._arrived:
            while (line := self._line()) is None:
                await self._arrived.wait()
        request = line[0]
        turn = request.next_turn()
        if request.begun == len(request.tokens):
            line.popleft()
        return request, turn

    def _line(self) -> deque[_Request] | None:
        """The line whose turn it is, after those whose callers have left are gone."""
        for line in (self._urgent, self._patient):
            while line and line[0].done.done():
                line.popleft()
        if self._urgent and (self._urgent_turns < URGENT_TURNS or not self._patient):
            self._urgent_turns += 1
            return self._urgent
        self._urgent_turns = 0
        return self._patient or None


@asynccontextmanager
async def open_embedding_queue(encoder: TextEncoder, threads: int) -> AsyncIterator[EmbeddingQueue]:
    """A queue that works in `threads` threads until the block is left."""
    with ThreadPoolExecutor(threads, thread_name_prefix="encoder") as pool:
        queue = EmbeddingQueue(encoder, pool)
        workers = [asyncio.create_task(queue.work()) for _ in range(threads)]
        try:
            yield queue
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
