"""Token buckets of one process: for when Redis does not answer."""

from __future__ import annotations

from collections import OrderedDict

from lorebase.ports.clock import Clock
from lorebase.ports.rate_limiter import WINDOW_SECONDS
from lorebase.schemas.rate_limits import Taken

BUCKETS_MAXIMUM = 10_000


class ProcessRateLimiter:
    """Implements the RateLimiter port; each process counts for itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, bucket: str, points: int, capacity: int) -> Taken:
        """Takes the points when they are there."""
        now = self._clock.monotonic()
        held, since = self._buckets.pop(bucket, (float(capacity), now))
        left = min(float(capacity), held + (now - since) * capacity / WINDOW_SECONDS)
        granted = points <= left
        left -= points if granted else 0
        self._buckets[bucket] = (left, now)
        if len(self._buckets) > BUCKETS_MAXIMUM:
            self._buckets.popitem(last=False)
        return Taken(granted=granted, left=left)
