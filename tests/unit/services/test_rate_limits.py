"""Budgets: what a request costs, what is left, and when to come back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.clients.process_rate_limiter import ProcessRateLimiter
from lorebase.core.errors import ErrorCode, RateLimited
from lorebase.services.rate_limits import UNLIMITED, RateLimitService
from tests.factories import make_principal, make_settings
from tests.fakes.clock import START, FakeClock


def service(points: int, clock: FakeClock | None = None) -> RateLimitService:
    clock = clock or FakeClock()
    settings = make_settings(rate_limit_points=points)
    return RateLimitService(limiter=ProcessRateLimiter(clock), clock=clock, settings=settings)


async def test_a_budget_says_what_is_left_and_when_it_is_full_again() -> None:
    budget = await service(600).charge(make_principal(), 300)
    assert (budget.cost, budget.limit, budget.remaining) == (300, 600, 300)
    assert budget.resets_at == START + timedelta(seconds=30)


async def test_keys_of_one_workspace_have_budgets_of_their_own() -> None:
    limits = service(10)
    for principal in (make_principal(), make_principal()):
        assert (await limits.charge(principal, 10)).remaining == 0


async def test_what_costs_nothing_costs_one_point() -> None:
    assert (await service(10).charge(make_principal(), 0)).remaining == 9


async def test_what_costs_more_than_a_full_bucket_costs_a_full_bucket() -> None:
    limits, principal = service(10), make_principal()
    assert (await limits.charge(principal, 10_000)).cost == 10
    with pytest.raises(RateLimited) as refused:
        await limits.charge(principal, 10_000)
    assert (refused.value.code, refused.value.retryable) == (ErrorCode.RATE_LIMITED, True)


async def test_without_a_limit_nobody_is_refused() -> None:
    limits, principal = service(0), make_principal()
    for _ in range(3):
        budget = await limits.charge(principal, 10_000)
    assert (budget.cost, budget.limit, budget.remaining) == (10_000, UNLIMITED, UNLIMITED)


@given(st.integers(1, 1000), st.lists(st.integers(0, 1500), min_size=1, max_size=20))
async def test_who_waits_as_long_as_told_is_let_in(points: int, asked: list[int]) -> None:
    clock, principal = FakeClock(), make_principal()
    limits = service(points, clock)
    for cost in asked:
        try:
            budget = await limits.charge(principal, cost)
        except RateLimited as refused:
            clock.advance(float(refused.details["retryAfterSeconds"] or 0))
            budget = await limits.charge(principal, cost)
        assert 0 <= budget.remaining <= budget.limit == points
