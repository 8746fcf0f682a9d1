"""Token buckets in Redis, shared by all processes; each counts for itself while Redis is out of reach."""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from lorebase.clients.process_rate_limiter import ProcessRateLimiter
from lorebase.clients.redis_connection import open_redis
from lorebase.ports.clock import Clock
from lorebase.ports.rate_limiter import WINDOW_SECONDS
from lorebase.schemas.rate_limits import Taken

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.25
OUTAGE_SECONDS = 2.0

# By the server's clock, so that the clocks of several machines need not agree.
TAKE = """
local capacity, points, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = tonumber(kept[1] or capacity)
left = math.min(capacity, left + math.max(0, now - tonumber(kept[2] or now)) * capacity / window)
local granted = points <= left and 1 or 0
if granted == 1 then left = left - points end
redis.call('HSET', KEYS[1], 'left', string.format('%.6f', left), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil(window))
return {granted, string.format('%.6f', left)}
"""


class RedisRateLimiter:
    """Implements the RateLimiter port."""

    def __init__(self, redis_url: str, clock: Clock) -> None:
        self._redis = open_redis(redis_url, answer_seconds=TIMEOUT_SECONDS, connect_seconds=TIMEOUT_SECONDS)
        self._take = self._redis.register_script(TAKE)
        self._clock = clock
        self._alone = ProcessRateLimiter(clock)
        self._alone_until = clock.monotonic()

    async def take(self, bucket: str, points: int, capacity: int) -> Taken:
        """Takes the points when they are there; an outage is noticed once and asked about again soon."""
        if self._clock.monotonic() < self._alone_until:
            return await self._alone.take(bucket, points, capacity)
        try:
            arguments = [capacity, points, WINDOW_SECONDS]
            granted, left = await self._take(keys=[f"lorebase:rate:{bucket}"], args=arguments)
        except (RedisError, OSError) as error:
            logger.warning("rate limits are counted by process", extra={"error": type(error).__name__})
            self._alone_until = self._clock.monotonic() + OUTAGE_SECONDS
            return await self._alone.take(bucket, points, capacity)
        return Taken(granted=bool(granted), left=float(left))

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()
