"""How long a part waits before it is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubles from `first_seconds` up to `cap_seconds`; a part up for `settled_seconds` begins anew."""

    first_seconds: float = 0.2
    cap_seconds: float = 30.0
    settled_seconds: float = 10.0

    def seconds(self, deaths: int) -> float:
        """The pause after that many deaths in a row (1 or more)."""
        doublings = min(max(deaths, 1) - 1, 30)
        return float(min(self.first_seconds * 2**doublings, self.cap_seconds))
