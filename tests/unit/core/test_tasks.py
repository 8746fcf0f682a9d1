"""Work that is begun before anybody awaits it: it loses nothing, whether it waits, fails or is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from lorebase.core.tasks import begin


async def test_work_that_never_waits_is_done_at_once() -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("all")

    assert begin(work()) is None
    assert done == ["all"]


async def test_work_that_waits_is_done_up_to_there_and_the_rest_when_awaited() -> None:
    done: list[str] = []
    gate, second = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        done.append("before")
        await gate.wait()
        done.append("between")
        await second.wait()
        await asyncio.sleep(0)
        done.append("after")

    rest = begin(work())
    assert rest is not None
    assert done == ["before"]
    ending = asyncio.ensure_future(rest)
    await asyncio.sleep(0)
    assert done == ["before"]
    gate.set()
    second.set()
    await ending
    assert done == ["before", "between", "after"]


async def test_what_it_waited_for_may_be_there_before_the_rest_is_awaited() -> None:
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()

    rest = begin(work())
    assert rest is not None
    gate.set()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await rest


async def test_a_failure_is_raised_where_it_happens() -> None:
    gate = asyncio.Event()

    async def at_once() -> None:
        raise ValueError("at once")

    async def later() -> None:
        await gate.wait()
        raise ValueError("later")

    with pytest.raises(ValueError, match="at once"):
        begin(at_once())
    rest = begin(later())
    assert rest is not None
    gate.set()
    with pytest.raises(ValueError, match="later"):
        await rest


async def test_a_cancel_reaches_the_work() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    rest = begin(work())
    assert rest is not None
    ending = asyncio.ensure_future(rest)
    await asyncio.sleep(0)
    ending.cancel()
    await asyncio.wait({ending})
    assert ending.cancelled()
    assert seen == ["cancelled"]


async def test_work_may_catch_what_it_waited_for_and_go_on() -> None:
    waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def work() -> None:
        try:
            await waited
        except OSError as error:
            seen.append(str(error))
        await asyncio.sleep(0)
        seen.append("went on")

    rest = begin(work())
    assert rest is not None
    waited.set_exception(OSError("broken pipe"))
    await rest
    assert seen == ["broken pipe", "went on"]
