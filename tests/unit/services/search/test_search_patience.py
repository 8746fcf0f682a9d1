"""A search waits for a vector store that has just gone, and for no other."""

from __future__ import annotations

import asyncio

import pytest

from lorebase.core.errors import BadInput, Unavailable
from lorebase.services.search.patience import Patience
from tests.fakes.clock import FakeClock

SECONDS = 10.0


class Store:
    """Fails so many calls, each of which takes so many seconds."""

    def __init__(self, fails: int = 0, seconds: float = 0.0) -> None:
        self.clock = FakeClock()
        self.patience = Patience(self.clock, SECONDS)
        self.fails = fails
        self.seconds = seconds
        self.calls = 0

    async def ask(self) -> str:
        self.calls += 1
        self.clock.advance(self.seconds)
        if self.calls <= self.fails:
            raise Unavailable("gone")
        return "found"


async def test_who_asks_a_store_that_is_there_asks_once() -> None:
    store = Store()
    assert await store.patience.call(store.ask) == "found"
    assert store.calls == 1


async def test_a_store_that_is_back_in_time_was_never_away() -> None:
    store = Store(fails=3, seconds=1)
    assert await store.patience.call(store.ask) == "found"
    assert store.calls == 4


async def test_an_outage_that_lasts_is_said() -> None:
    store = Store(fails=99, seconds=4)
    with pytest.raises(Unavailable):
        await store.patience.call(store.ask)
    assert store.calls == 3


async def test_in_an_outage_that_lasts_the_next_is_told_at_once_and_the_one_after_it_is_patient_again() -> (
    None
):
    store = Store(fails=99, seconds=SECONDS)
    with pytest.raises(Unavailable):
        await store.patience.call(store.ask)
    for already in (1, 2):
        with pytest.raises(Unavailable):
            await store.patience.call(store.ask)
        assert store.calls == already + 1
    store.fails = store.calls
    assert await store.patience.call(store.ask) == "found"
    store.seconds, store.fails = 0.0, store.calls + 2
    assert await store.patience.call(store.ask) == "found"


async def test_a_store_that_hangs_uses_up_the_patience() -> None:
    store = Store(fails=1, seconds=SECONDS)
    with pytest.raises(Unavailable):
        await store.patience.call(store.ask)
    assert store.calls == 1


async def test_without_patience_nobody_waits() -> None:
    store = Store(fails=1)
    with pytest.raises(Unavailable):
        await Patience(store.clock, 0).call(store.ask)
    assert store.calls == 1


async def test_all_who_ask_meanwhile_wait_for_the_same_outage() -> None:
    store = Store(fails=5)
    answers = await asyncio.gather(*(store.patience.call(store.ask) for _ in range(4)))
    assert answers == ["found"] * 4


async def test_another_failure_is_nothing_to_wait_for() -> None:
    store = Store()

    async def fail() -> str:
        store.calls += 1
        raise BadInput("no")

    with pytest.raises(BadInput):
        await store.patience.call(fail)
    assert store.calls == 1
