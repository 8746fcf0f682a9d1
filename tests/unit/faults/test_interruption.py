"""A signal ends a run in order, and its clean-up is not cut short by another."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.faults.interruption import SIGNALS, Interrupted, until_signalled


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_first_signal_cancels_the_work_and_the_second_waits_for_its_clean_up(
    number: signal.Signals,
) -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            # A turn of the loop, in which a second cancel would arrive.
            await asyncio.sleep(0.05)
            done.append("cleaned up")

    with pytest.raises(Interrupted) as caught:
        await until_signalled(work())
    assert (caught.value.number, str(caught.value), done) == (number, number.name, ["cleaned up"])


async def test_without_a_signal_it_returns_what_the_work_returns() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]

    async def work() -> int:
        return 7

    assert await until_signalled(work()) == 7
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


async def test_an_error_of_the_work_is_not_a_signal() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await until_signalled(work())


async def test_whoever_cancels_the_waiting_is_not_told_of_a_signal() -> None:
    waiting = asyncio.create_task(until_signalled(asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
