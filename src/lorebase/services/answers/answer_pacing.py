"""Reading a stream without being held up by its pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

Piece = TypeVar("Piece")


async def paced(pieces: AsyncIterator[Piece], seconds: float) -> AsyncGenerator[Piece | None]:
    """The pieces as they come, and None whenever none came for so long.

    Close it to close the stream: then a piece on its way is given up.
    """
    coming: asyncio.Task[Piece | None] | None = None
    try:
        while True:
            coming = coming or asyncio.create_task(_next(pieces))
            await asyncio.wait({coming}, timeout=seconds)
            if not coming.done():
                yield None
                continue
            piece, coming = coming.result(), None
            if piece is None:
                return
            yield piece
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


async def _next(pieces: AsyncIterator[Piece]) -> Piece | None:
    return await anext(pieces, None)
