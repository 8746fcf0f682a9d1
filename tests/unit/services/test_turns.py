"""Processes take turns: one at a time, not too often, and a dead one is followed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lorebase.core.errors import LeaseLost
from lorebase.services.turns import LEASE, Checkpoint, Turns
from tests.fakes.world import World

EVERY = timedelta(hours=1)


def turns(world: World, task: str = "tidy") -> Turns:
    return Turns(units=world.units, task=task, every=EVERY)


async def work(checkpoint: Checkpoint) -> str:
    await checkpoint()
    return "done"


async def test_it_is_done_once_in_a_while(world: World) -> None:
    assert await turns(world).take(work) == "done"
    world.clock.advance(EVERY.total_seconds() - 1)
    assert await turns(world).take(work) is None
    world.clock.advance(1)
    assert await turns(world).take(work) == "done"


async def test_tasks_of_other_names_are_not_in_the_way(world: World) -> None:
    assert await turns(world).take(work) == "done"
    assert await turns(world, "sweep").take(work) == "done"


async def test_nobody_else_begins_while_the_lease_is_renewed(world: World) -> None:
    async def long(checkpoint: Checkpoint) -> str:
        for _ in range(5):
            world.clock.advance(LEASE.total_seconds() - 1)
            await checkpoint()
            assert await turns(world).take(work) is None
        return "long"

    assert await turns(world).take(long) == "long"


async def test_whoever_slept_past_the_lease_learns_that_another_has_taken_over(world: World) -> None:
    async def asleep(checkpoint: Checkpoint) -> None:
        world.clock.advance(LEASE.total_seconds())
        assert await turns(world).take(work) == "done"
        await checkpoint()

    with pytest.raises(LeaseLost):
        await turns(world).take(asleep)
    # The end that counts is that of the one who took over.
    assert await turns(world).take(work) is None


async def test_work_that_failed_is_done_again_when_its_lease_has_run_out(world: World) -> None:
    async def fail(checkpoint: Checkpoint) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await turns(world).take(fail)
    assert await turns(world).take(work) is None
    world.clock.advance(LEASE.total_seconds())
    assert await turns(world).take(work) == "done"
