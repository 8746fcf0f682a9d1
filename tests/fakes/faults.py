"""Where a test lets a process die, or lets others act, between two steps of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Crash(BaseException):
    """The process is gone: nothing after this may change anything outside of it."""


class Faults:
    """Counts the steps of one process; a dead process stays dead."""

    def __init__(self) -> None:
        self.steps = 0
        self._crash_at: int | None = None
        self._meanwhile: dict[int, Callable[[], Awaitable[None]]] = {}

    def crash_at(self, step: int) -> None:
        """From this step on (counted from 1) every step raises Crash."""
        self._crash_at = step

    def at(self, step: int, action: Callable[[], Awaitable[None]]) -> None:
        """Lets others act just before this step. Never inside a transaction: they would wait for it."""
        self._meanwhile[step] = action

    async def step(self) -> None:
        """One step outside of a transaction."""
        await asyncio.sleep(0)
        self.inside()
        action = self._meanwhile.pop(self.steps, None)
        if action is not None:
            await action()

    def inside(self) -> None:
        """One step inside of a transaction: the process may die here, nobody else can act."""
        self.steps += 1
        if self._crash_at is not None and self.steps >= self._crash_at:
            raise Crash
