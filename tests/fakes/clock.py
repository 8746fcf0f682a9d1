"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeClock:
    """Implements the Clock port; also the clock of the database in memory."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._origin = start

    def now(self) -> datetime:
        """The time set."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return (self._now - self._origin).total_seconds()

    def advance(self, seconds: float) -> None:
        """Moves on."""
        self._now += timedelta(seconds=seconds)
