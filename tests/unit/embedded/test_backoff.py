"""A part that keeps dying is started less and less often, but never given up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.embedded.backoff import Backoff


def test_the_pause_doubles() -> None:
    backoff = Backoff(first_seconds=0.5, cap_seconds=100)
    assert [backoff.seconds(deaths) for deaths in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=10**9))
def test_the_pause_never_passes_the_cap(deaths: int) -> None:
    assert 0 < Backoff(cap_seconds=30).seconds(deaths) <= 30


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=10**6))
def test_the_pause_never_shrinks(deaths: int) -> None:
    backoff = Backoff()
    assert backoff.seconds(deaths) <= backoff.seconds(deaths + 1)


def test_five_quick_deaths_are_over_within_seconds() -> None:
    assert sum(Backoff().seconds(deaths) for deaths in range(1, 5)) < 5
