"""How long a client may take to receive what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class SendingWatch:
    """`with watch:` around each sending; `too_slow` is called when one lasts longer than so many seconds.

    A stream sends many messages that take no time: one timer looks after all of them, and there is none
    while nothing is sent. Sendings that wait for the same client may overlap: each that ends is progress.
    """

    __slots__ = ("_began", "_loop", "_seconds", "_sendings", "_timer", "_too_slow")

    def __init__(self, seconds: float, too_slow: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._too_slow = too_slow
        self._began = 0.0
        self._sendings = 0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if not self._sendings:
            self._began = self._loop.time()
        self._sendings += 1
        if self._timer is None:
            self._timer = self._loop.call_at(self._began + self._seconds, self._look)

    def __exit__(self, *_raised: object) -> None:
        self._sendings -= 1
        if self._sendings:
            self._began = self._loop.time()

    @property
    def sending(self) -> bool:
        """Whether something is being sent."""
        return self._sendings > 0

    def stop(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if not self._sendings:
            return
        due = self._began + self._seconds
        if self._loop.time() >= due:
            self._too_slow()
        else:
            self._timer = self._loop.call_at(due, self._look)
