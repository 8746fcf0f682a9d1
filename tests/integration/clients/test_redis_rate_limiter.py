"""Rate limits over a real Valkey: one bucket for all processes, and one each while it is out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from lorebase.clients.redis_rate_limiter import OUTAGE_SECONDS, RedisRateLimiter
from lorebase.core.clock import SystemClock
from lorebase.core.ids import new_id
from lorebase.ports.rate_limiter import WINDOW_SECONDS
from tests.contracts.test_rate_limiter import CAPACITY, RateLimiterContract
from tests.fakes.clock import FakeClock


class TestRedisRateLimiter(RateLimiterContract):
    @pytest.fixture
    async def limiter(self, redis_url: str) -> AsyncIterator[RedisRateLimiter]:
        made = RedisRateLimiter(redis_url, SystemClock())
        yield made
        await made.close()

    async def test_two_processes_share_one_bucket(
        self,
        limiter: RedisRateLimiter,
        redis_url: str,
    ) -> None:
        other, bucket = RedisRateLimiter(redis_url, SystemClock()), str(new_id())
        assert (await limiter.take(bucket, 800, CAPACITY)).granted
        assert not (await other.take(bucket, 800, CAPACITY)).granted
        await other.close()

    async def test_a_bucket_is_forgotten_when_it_would_be_full_anyway(
        self,
        limiter: RedisRateLimiter,
        redis_url: str,
    ) -> None:
        await limiter.take("fading", 1, CAPACITY)
        assert 0 < await limiter._redis.ttl("lorebase:rate:fading") <= WINDOW_SECONDS

    async def test_points_flow_in_by_the_clock_of_the_server(self, limiter: RedisRateLimiter) -> None:
        bucket = str(new_id())
        await limiter.take(bucket, CAPACITY, CAPACITY)
        seconds, microseconds = await limiter._redis.time()
        earlier = seconds + microseconds / 1e6 - WINDOW_SECONDS / 2
        await limiter._redis.hset(f"lorebase:rate:{bucket}", "at", f"{earlier:.6f}")
        assert CAPACITY / 2 <= (await limiter.take(bucket, 0, CAPACITY)).left < CAPACITY


async def test_without_redis_each_process_counts_for_itself_and_asks_again_later() -> None:
    clock = FakeClock()
    limiter = RedisRateLimiter("unix:///nonexistent/redis.sock", clock)
    assert (await limiter.take("a", 900, CAPACITY)).granted
    assert not (await limiter.take("a", 900, CAPACITY)).granted
    assert limiter._alone_until == clock.monotonic() + OUTAGE_SECONDS
    clock.advance(OUTAGE_SECONDS)
    assert (await limiter.take("a", 100, CAPACITY)).granted
    assert limiter._alone_until == clock.monotonic() + OUTAGE_SECONDS
    await limiter.close()
