"""A client that takes too long to receive is noticed, whatever it was sent before."""

from __future__ import annotations

import asyncio

from lorebase.api.transports.patience import SendingWatch

SECONDS = 0.02
DEADLINE_SECONDS = 30


async def test_one_sending_that_takes_too_long_is_noticed_once() -> None:
    noticed = asyncio.Event()
    calls: list[None] = []
    watch = SendingWatch(SECONDS, lambda: (calls.append(None), noticed.set())[1])
    with watch:
        await asyncio.wait_for(noticed.wait(), DEADLINE_SECONDS)
        await asyncio.sleep(SECONDS * 3)
    assert len(calls) == 1


async def test_many_short_ones_are_no_long_one() -> None:
    calls: list[None] = []
    watch = SendingWatch(SECONDS, lambda: calls.append(None))
    loop = asyncio.get_running_loop()
    end = loop.time() + SECONDS * 5
    while loop.time() < end:
        with watch:
            pass
        await asyncio.sleep(0)
    assert calls == []


async def test_a_slow_one_after_quick_ones_is_given_its_whole_time() -> None:
    noticed = asyncio.Event()
    watch = SendingWatch(SECONDS, noticed.set)
    loop = asyncio.get_running_loop()
    with watch:
        pass
    await asyncio.sleep(SECONDS / 2)
    began = loop.time()
    with watch:
        await asyncio.wait_for(noticed.wait(), DEADLINE_SECONDS)
    assert loop.time() - began >= SECONDS


async def test_nobody_is_watched_after_the_end() -> None:
    calls: list[None] = []
    watch = SendingWatch(SECONDS, lambda: calls.append(None))
    with watch:
        watch.stop()
        await asyncio.sleep(SECONDS * 3)
    assert calls == []
