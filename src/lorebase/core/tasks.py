"""Work that a cancel must not cut in two."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

Done = TypeVar("Done")


async def uninterrupted(work: Coroutine[None, None, Done]) -> Done:
    """Awaits the work; a cancel of the caller takes effect when the work is at its end.

    For work of bounded length that must not be left half known, such as a write that may have arrived.
    """
    ending = asyncio.create_task(work)
    try:
        return await asyncio.shield(ending)
    except asyncio.CancelledError:
        await asyncio.wait({ending})
        raise
