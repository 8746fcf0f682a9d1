"""What every RateLimiter promises. A subclass with a fixture `limiter` tests an adapter."""

from __future__ import annotations

import asyncio

import pytest

from lorebase.clients.process_rate_limiter import BUCKETS_MAXIMUM, ProcessRateLimiter
from lorebase.core.ids import new_id
from lorebase.ports.rate_limiter import WINDOW_SECONDS, RateLimiter
from tests.fakes.clock import FakeClock

CAPACITY = 1000


class RateLimiterContract:
    async def test_a_bucket_nobody_knows_is_full(self, limiter: RateLimiter) -> None:
        taken = await limiter.take(str(new_id()), CAPACITY, CAPACITY)
        assert (taken.granted, round(taken.left)) == (True, 0)

    async def test_what_a_bucket_does_not_hold_is_not_taken_in_part(self, limiter: RateLimiter) -> None:
        bucket = str(new_id())
        assert (await limiter.take(bucket, 700, CAPACITY)).granted
        refused = await limiter.take(bucket, 900, CAPACITY)
        assert not refused.granted
        assert 300 <= refused.left < 900
        assert (await limiter.take(bucket, 300, CAPACITY)).granted

    async def test_buckets_do_not_mix(self, limiter: RateLimiter) -> None:
        await limiter.take(str(new_id()), CAPACITY, CAPACITY)
        assert (await limiter.take(str(new_id()), CAPACITY, CAPACITY)).granted

    async def test_those_who_ask_at_once_never_take_more_than_there_is(self, limiter: RateLimiter) -> None:
        bucket = str(new_id())
        asked = [limiter.take(bucket, 300, CAPACITY) for _ in range(12)]
        assert [each.granted for each in await asyncio.gather(*asked)].count(True) == 3


class TestProcessRateLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self) -> ProcessRateLimiter:
        return ProcessRateLimiter(FakeClock())

    async def test_points_flow_in_evenly_and_never_over_the_brim(self) -> None:
        clock = FakeClock()
        limiter = ProcessRateLimiter(clock)
        await limiter.take("a", CAPACITY, CAPACITY)
        clock.advance(WINDOW_SECONDS / 4)
        assert (await limiter.take("a", 0, CAPACITY)).left == pytest.approx(CAPACITY / 4)
        clock.advance(WINDOW_SECONDS * 9)
        assert (await limiter.take("a", 0, CAPACITY)).left == CAPACITY

    async def test_keys_that_come_and_go_never_fill_the_memory(self) -> None:
        limiter = ProcessRateLimiter(FakeClock())
        for number in range(BUCKETS_MAXIMUM + 5):
            await limiter.take(str(number), 1, CAPACITY)
        assert len(limiter._buckets) == BUCKETS_MAXIMUM
