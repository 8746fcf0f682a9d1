"""How long an ingestion waits, and for what."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

_DOUBLINGS = 16


@dataclass(frozen=True)
class Pace:
    """Seconds of patience. The defaults outlast an API that is started again and a queue that is full."""

    first_pause: float = 0.5
    longest_pause: float = 30.0
    unreachable: float = 60.0
    """With nobody answering, before everything is given up."""
    refused: float = 300.0
    """With an API that is too busy for a file while nothing else moves, before the file is given up."""
    ask_round: float = 0.5
    """Between two rounds of asking for jobs that the stream is silent about."""
    quiet: float = 60.0
    """Without any news, before the user is told."""

    def pause(self, attempt: int, asked_for: float | None) -> float:
        """How long to wait after the attempt (from 0): what the API asked for, or longer and longer."""
        if asked_for is not None:
            return min(max(asked_for, 0.0), self.longest_pause)
        doubled = self.first_pause * 2.0 ** min(attempt, _DOUBLINGS)
        # Uploads that were refused together do not all come back together.
        return min(doubled, self.longest_pause) * random.uniform(0.5, 1.0)


class Pulse:
    """When something last went forward in this run."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def beat(self) -> None:
        """Something went forward."""
        self._last = time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self._last
