"""What requests cost their key."""

from __future__ import annotations

import math
from datetime import timedelta

from lorebase.core.config import Settings
from lorebase.core.errors import RateLimited
from lorebase.ports.clock import Clock
from lorebase.ports.rate_limiter import WINDOW_SECONDS, RateLimiter
from lorebase.schemas.rate_limits import Budget
from lorebase.schemas.workspaces import Principal

UNLIMITED = 2**31 - 1


class RateLimitService:
    """Charges each key for what it asks: `rate_limit_points` flow into its bucket a minute."""

    def __init__(self, *, limiter: RateLimiter, clock: Clock, settings: Settings) -> None:
        self._limiter = limiter
        self._clock = clock
        self._limit = settings.rate_limit_points

    async def charge(self, principal: Principal, points: int) -> Budget:
        """Takes the points, at least one and at most a full bucket, and says what is left.

        RateLimited, with `retryAfterSeconds`, when the bucket does not hold them; then nothing is taken.
        """
        now = self._clock.now()
        if not self._limit:
            return Budget(cost=max(points, 1), limit=UNLIMITED, remaining=UNLIMITED, resets_at=now)
        cost = min(max(points, 1), self._limit)
        taken = await self._limiter.take(str(principal.api_key_id), cost, self._limit)
        if not taken.granted:
            raise self._refusal(cost - taken.left)
        until_full = self._seconds(self._limit - taken.left)
        return Budget(
            cost=cost,
            limit=self._limit,
            remaining=int(taken.left),
            resets_at=now + timedelta(seconds=until_full),
        )

    def _refusal(self, lacking: float) -> RateLimited:
        wait = max(1, math.ceil(self._seconds(lacking)))
        message = f"This key has spent its {self._limit} points a minute; try again in {wait} s."
        return RateLimited(message, details={"limit": self._limit, "retryAfterSeconds": wait})

    def _seconds(self, points: float) -> float:
        return points * WINDOW_SECONDS / self._limit
