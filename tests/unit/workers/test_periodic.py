"""What a worker does every so often goes on whatever happens to it."""

from __future__ import annotations

import asyncio

from lorebase.core.errors import LeaseLost
from lorebase.services.retention import RetentionService
from lorebase.workers.periodic import PeriodicWork, periodic_works, repeat
from tests.factories import Tenant, add_tenant, make_settings
from tests.fakes.world import World

DEADLINE_SECONDS = 30


def works(world: World) -> tuple[PeriodicWork, ...]:
    retention = RetentionService(units=world.units, settings=world.settings)
    return periodic_works(world.reconciler(), retention, world.settings)


async def test_work_is_repeated_past_failures_known_and_unknown() -> None:
    runs: list[int] = []
    enough = asyncio.Event()

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            raise LeaseLost("Another process reconciles.")
        if len(runs) == 2:
            raise ValueError("a bug")
        enough.set()

    task = asyncio.create_task(repeat(PeriodicWork("test", 0.001, work)))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await enough.wait()
    task.cancel()
    assert len(runs) >= 3


async def test_a_worker_mends_what_is_lost_without_being_asked() -> None:
    world = World(make_settings(reconcile_seconds=0.01))
    tenant: Tenant = await add_tenant(world.database)
    accepted = await world.upsert(tenant, "Words about lighthouses. " * 40)
    await world.run_all()
    world.index.partitions.clear()
    [work, _] = works(world)
    task = asyncio.create_task(repeat(work))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not world.vectors(accepted.document.id):
            await world.run_all()
            await asyncio.sleep(0.01)
    task.cancel()


async def test_a_worker_removes_what_has_served_its_time_without_being_asked() -> None:
    world = World(make_settings(retention_seconds=0.01))
    tenant: Tenant = await add_tenant(world.database)
    accepted = await world.upsert(tenant, "Words about lighthouses.")
    await world.run_all()
    await world.documents.delete(tenant.principal, accepted.document.id)
    await world.run_all()
    world.clock.advance(31 * 24 * 3600)
    [_, work] = works(world)
    task = asyncio.create_task(repeat(work))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while world.database.state.documents:
            await asyncio.sleep(0.01)
    task.cancel()


def test_the_comparison_can_be_turned_off_and_work_is_asked_for_at_least_twice_a_minute() -> None:
    [old_rows] = works(World(make_settings(reconcile_seconds=0.0)))
    assert (old_rows.name, old_rows.pause_seconds) == ("remove old rows", 30.0)
    seldom = works(World(make_settings(reconcile_seconds=900.0, retention_seconds=3600.0)))
    often = works(World(make_settings(reconcile_seconds=5.0, retention_seconds=2.0)))
    assert [work.pause_seconds for work in seldom] == [30.0, 30.0]
    assert [work.pause_seconds for work in often] == [5.0, 2.0]
