"""Waiting for a store that has just gone, as one that is started anew is back within seconds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import backoff

from lorebase.core.errors import Unavailable
from lorebase.ports.clock import Clock

Result = TypeVar("Result")

_waits = partial(backoff.expo, factor=0.05, max_value=0.5)


class Patience:
    """Asks again while the outage is young, for all callers of the process together.

    Once it has lasted for `seconds` everybody is told at once, until a call succeeds.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._gone_since: float | None = None

    async def call(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """What the work gives. Unavailable when the outage lasts; any other failure at once."""
        try:
            return await self._attempt(work)
        except Unavailable as error:
            if self._lasts(error):
                raise
        again = backoff.on_exception(_waits, Unavailable, giveup=self._lasts, jitter=None, logger=None)
        return await again(self._attempt)(work)

    async def _attempt(self, work: Callable[[], Awaitable[Result]]) -> Result:
        began = self._clock.monotonic()
        try:
            result = await work()
        except Unavailable:
            # A store that hangs was gone when it was asked, not when patience with its answer ended.
            if self._gone_since is None:
                self._gone_since = began
            raise
        self._gone_since = None
        return result

    def _lasts(self, _error: Exception) -> bool:
        since = self._gone_since
        return since is not None and self._clock.monotonic() - since >= self._seconds
