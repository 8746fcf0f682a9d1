"""The waiting lines before the encoder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.embedded.models.embedding_queue import TURN_TOKENS, EmbeddingQueue, open_embedding_queue

from .fake_encoder import DIMENSIONS, FakeEncoder, word_number

LONG = "word " * 254


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
async def queue(encoder: FakeEncoder) -> AsyncIterator[EmbeddingQueue]:
    async with open_embedding_queue(encoder, threads=1) as opened:
        yield opened


async def hold(encoder: FakeEncoder, queue: EmbeddingQueue) -> asyncio.Task[object]:
    """Occupies the only thread until the gate opens."""
    encoder.gate.clear()
    task: asyncio.Task[object] = asyncio.create_task(queue.embed(["holder"]))
    await asyncio.to_thread(encoder.running.acquire)
    return task


async def waiting(
    queue: EmbeddingQueue, texts: list[str], urgent: bool | None = None
) -> asyncio.Task[object]:
    """A request that stands in its line."""
    before = queue.waiting
    task: asyncio.Task[object] = asyncio.create_task(queue.embed(texts, urgent=urgent))
    async with asyncio.timeout(30):
        while queue.waiting == before:
            await asyncio.sleep(0)
    return task


def first_words(encoder: FakeEncoder, *words: str) -> list[str]:
    names = {word_number(word): word for word in words}
    return [names[tokens[1]] for tokens in encoder.embedded if tokens[1] in names]


async def test_vectors_come_in_the_order_of_the_texts(queue: EmbeddingQueue, encoder: FakeEncoder) -> None:
    texts = ["one", "a much longer text about something", "two two"]
    embedded = await queue.embed(texts)
    expected = [encoder.embed(tokens) for tokens in encoder.tokenize(texts)]
    assert embedded.vectors.dtype == np.float32
    assert np.array_equal(embedded.vectors, np.array(expected))
    assert embedded.tokens == 3 + 8 + 4


async def test_no_texts_need_no_work(queue: EmbeddingQueue) -> None:
    embedded = await queue.embed([])
    assert embedded.vectors.shape == (0, DIMENSIONS)
    assert embedded.tokens == 0


async def test_a_query_overtakes_a_batch_that_came_before(
    queue: EmbeddingQueue, encoder: FakeEncoder
) -> None:
    holder = await hold(encoder, queue)
    batch = await waiting(queue, [f"batch {LONG}"] * 5)
    query = await waiting(queue, ["query"])
    encoder.gate.set()
    await asyncio.gather(holder, batch, query)
    assert first_words(encoder, "batch", "query") == ["query", *["batch"] * 5]


async def test_a_query_that_comes_amid_a_batch_is_next(queue: EmbeddingQueue, encoder: FakeEncoder) -> None:
    encoder.gate.clear()
    batch = asyncio.create_task(queue.embed([f"batch {LONG}"] * 5))
    await asyncio.to_thread(encoder.running.acquire)
    query = await waiting(queue, ["query"])
    encoder.gate.set()
    await query
    await batch
    assert first_words(encoder, "batch", "query") == ["batch", "query", *["batch"] * 4]


async def test_what_is_marked_urgent_overtakes_whatever_its_size(
    queue: EmbeddingQueue, encoder: FakeEncoder
) -> None:
    holder = await hold(encoder, queue)
    batch = await waiting(queue, [f"batch {LONG}"] * 5)
    question = await waiting(queue, [f"question {LONG}"] * 3, urgent=True)
    encoder.gate.set()
    await asyncio.gather(holder, batch, question)
    assert first_words(encoder, "batch", "question") == [*["question"] * 3, *["batch"] * 5]


async def test_a_batch_is_slowed_by_queries_but_not_starved(
    queue: EmbeddingQueue, encoder: FakeEncoder
) -> None:
    holder = await hold(encoder, queue)
    batch = await waiting(queue, [f"batch {LONG}"] * 5)
    queries = [await waiting(queue, [f"query {LONG}"]) for _ in range(12)]
    encoder.gate.set()
    await asyncio.gather(holder, batch, *queries)
    order = first_words(encoder, "batch", "query")
    assert "batch" in order[:5]
    assert order[:10].count("batch") == 2


async def test_short_texts_share_a_turn_of_bounded_length(
    queue: EmbeddingQueue, encoder: FakeEncoder
) -> None:
    encoder.gate.clear()
    batch = asyncio.create_task(queue.embed(["short one"] * 200))
    await asyncio.to_thread(encoder.running.acquire)
    query = await waiting(queue, ["query"])
    encoder.gate.set()
    await asyncio.gather(batch, query)
    tokens_of_one = 4
    assert first_words(encoder, "short", "query").index("query") == TURN_TOKENS // tokens_of_one


async def test_the_work_of_a_caller_who_left_is_dropped(queue: EmbeddingQueue, encoder: FakeEncoder) -> None:
    holder = await hold(encoder, queue)
    batch = await waiting(queue, [f"batch {LONG}"] * 50)
    batch.cancel()
    await asyncio.wait([batch])
    assert batch.cancelled()
    encoder.gate.set()
    await holder
    await queue.embed(["afterwards"])
    assert first_words(encoder, "batch", "afterwards") == ["afterwards"]


async def test_a_failure_reaches_its_caller_and_no_other(queue: EmbeddingQueue, encoder: FakeEncoder) -> None:
    encoder.failure = RuntimeError("broken")
    with pytest.raises(RuntimeError, match="broken"):
        await queue.embed(["one", "two"])
    encoder.failure = None
    assert (await queue.embed(["three"])).vectors.shape == (1, DIMENSIONS)


async def test_several_threads_run_at_once(encoder: FakeEncoder) -> None:
    encoder.gate.clear()
    async with open_embedding_queue(encoder, threads=2) as queue:
        batch = asyncio.create_task(queue.embed([LONG, LONG]))
        for _ in range(2):
            assert await asyncio.to_thread(encoder.running.acquire, timeout=30)
        encoder.gate.set()
        assert (await batch).vectors.shape == (2, DIMENSIONS)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=12), min_size=1, max_size=6))
async def test_everybody_gets_their_own_vectors(requests: list[list[int]]) -> None:
    encoder = FakeEncoder()
    texts = [
        [f"r{r} t{t} " + "x " * size for t, size in enumerate(sizes)] for r, sizes in enumerate(requests)
    ]
    async with open_embedding_queue(encoder, threads=2) as queue:
        embedded = await asyncio.gather(*(queue.embed(batch) for batch in texts))
    for batch, result in zip(texts, embedded, strict=True):
        expected = np.array([encoder.embed(tokens) for tokens in encoder.tokenize(batch)])
        assert np.array_equal(result.vectors, expected)
