"""Buckets of points that fill up again."""

from __future__ import annotations

from typing import Protocol

from lorebase.schemas.rate_limits import Taken

WINDOW_SECONDS = 60.0
"""How long an empty bucket takes to be full."""


class RateLimiter(Protocol):
    """Token buckets by name: https://en.wikipedia.org/wiki/Token_bucket."""

    async def take(self, bucket: str, points: int, capacity: int) -> Taken:
        """Takes the points when the bucket holds them all, otherwise nothing.

        A bucket nobody knows is full; `capacity` points flow in during WINDOW_SECONDS. It never raises: an
        implementation that cannot reach its store counts by itself meanwhile.
        """
        ...
