"""Signals turned into a wish to stop, which the supervisor looks at when it is ready to."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """While entered, counts SIGINT, SIGTERM and SIGHUP instead of dying of them."""

    def __init__(self) -> None:
        self._count = 0
        self._before: dict[signal.Signals, object] = {}

    def asked(self) -> bool:
        """Whether someone wants us to stop."""
        return self._count > 0

    def hurried(self) -> bool:
        """Whether someone asked twice."""
        return self._count > 1

    def __enter__(self) -> StopRequest:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._count_one)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _count_one(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
