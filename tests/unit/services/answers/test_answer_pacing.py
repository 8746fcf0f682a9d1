"""Reading a stream without being held up by its pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from lorebase.services.answers.answer_pacing import paced

PAUSE = 0.005


class Source:
    """Gives what a test puts in."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.closed = False

    async def pieces(self) -> AsyncIterator[str]:
        try:
            while (piece := await self.queue.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


async def test_pieces_come_in_order_to_the_end() -> None:
    source = Source()
    for piece in ("a", "", "b", None):
        source.queue.put_nowait(piece)
    async with asyncio.timeout(10):
        assert [piece async for piece in paced(source.pieces(), 60)] == ["a", "", "b"]
    assert source.closed


async def test_a_pause_is_told_and_costs_no_piece() -> None:
    source = Source()
    found: list[str | None] = []
    async with asyncio.timeout(10):
        async for piece in paced(source.pieces(), PAUSE):
            found.append(piece)
            if found == [None, None]:
                source.queue.put_nowait("a")
            if found[-1] == "a":
                source.queue.put_nowait(None)
    assert [piece for piece in found if piece] == ["a"]
    assert found[:2] == [None, None]


async def test_an_error_comes_through() -> None:
    source = Source()
    source.queue.put_nowait("a")
    source.queue.put_nowait(ValueError("cut"))
    pieces = paced(source.pieces(), 60)
    assert await anext(pieces) == "a"
    with pytest.raises(ValueError, match="cut"):
        await anext(pieces)
    assert source.closed


async def test_closing_gives_up_the_piece_on_its_way() -> None:
    source = Source()
    async with asyncio.timeout(10), aclosing(paced(source.pieces(), PAUSE)) as pieces:
        assert await anext(pieces) is None
    assert source.closed


async def test_cancelling_closes_the_stream() -> None:
    source = Source()

    async def read() -> None:
        async with aclosing(paced(source.pieces(), 60)) as pieces:
            await anext(pieces)

    reading = asyncio.create_task(read())
    await asyncio.sleep(PAUSE)
    reading.cancel()
    await asyncio.wait({reading})
    assert reading.cancelled()
    assert source.closed


async def test_any_iterator_will_do() -> None:
    class Once:
        def __init__(self) -> None:
            self.left = ["a"]

        def __aiter__(self) -> Once:
            return self

        async def __anext__(self) -> str:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    assert [piece async for piece in paced(Once(), 60)] == ["a"]
