"""Work that a cancel must not cut in two, and work that is begun before anybody awaits it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

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


def begin(work: Awaitable[None]) -> Awaitable[None] | None:
    """Runs the work at once, up to where it has to wait; the rest is to be awaited, None if there is none.

    Work that seldom waits then costs no task. Up to its first wait it must not ask which task it runs in.
    """
    steps = work.__await__()
    try:
        waiting = next(steps)
    except StopIteration:
        return None
    return _Begun(steps, waiting)


class _Begun:
    """Work that waits for the first time, for what it gave to the event loop."""

    def __init__(self, steps: Generator[Any, Any, None], waiting: Any) -> None:
        self._steps = steps
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, None]:
        waiting = self._waiting
        while True:
            try:
                heard = yield waiting
            except BaseException as failure:  # noqa: BLE001 - whatever it is, a cancel too, is the work's
                step = partial(self._steps.throw, failure)
            else:
                step = partial(self._steps.send, heard)
            try:
                waiting = step()
            except StopIteration:
                return
