"""A worker that froze and goes on much later harms nothing that went live meanwhile."""

from __future__ import annotations

import pytest

from lorebase.schemas.documents import DocumentStatus
from tests.factories import Tenant
from tests.fakes.faults import Faults
from tests.fakes.world import World

BODY = "Words about lighthouses. " * 60


async def steps_of_a_second_ingestion(world: World, tenant: Tenant) -> int:
    faults = Faults()
    await world.upsert(tenant, BODY, external_id="whole")
    await world.run_all()
    again = await world.upsert(tenant, BODY + "2", external_id="whole")
    assert again.job is not None
    await world.runner(faults).run(again.job.id)
    return faults.steps


@pytest.mark.parametrize("before_the_end", range(12))
async def test_a_worker_frozen_in_its_clean_up_never_removes_a_newer_live_generation(
    world: World, tenant: Tenant, before_the_end: int
) -> None:
    frozen_at = await steps_of_a_second_ingestion(world, tenant) - before_the_end
    await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    second = await world.upsert(tenant, BODY + "2", external_id="x")
    assert second.job is not None
    faults, acted = Faults(), []

    async def a_whole_newer_ingestion() -> None:
        world.clock.advance(world.settings.job_lease_seconds + 1)
        await world.upsert(tenant, BODY + "3", external_id="x")
        acted.append(await world.run_all())

    faults.at(frozen_at, a_whole_newer_ingestion)
    await world.runner(faults).run(second.job.id)
    if not acted:
        await a_whole_newer_ingestion()
    await world.run_all()
    document = world.document(second.document.id)
    assert (document.status, document.live_generation) == (DocumentStatus.READY, 3)
    passages = await world.searchable(tenant, document.id)
    live = [row for row in world.vectors(document.id) if row.generation == 3]
    assert len(passages) == len(live) > 3
    assert (await world.reconcile(tenant)).found <= 1
    assert {row.generation for row in world.vectors(document.id)} == {3}


async def test_rows_of_the_same_generation_written_by_another_stay(world: World, tenant: Tenant) -> None:
    """Two workers on one job: the frozen one finds as many rows as it wrote itself."""
    frozen_at = await steps_of_a_second_ingestion(world, tenant) - 8
    accepted = await world.upsert(tenant, BODY, external_id="x")
    assert accepted.job is not None
    faults = Faults()

    async def another_does_it() -> None:
        world.clock.advance(world.settings.job_lease_seconds + 1)
        await world.run_all()

    faults.at(frozen_at, another_does_it)
    await world.runner(faults).run(accepted.job.id)
    assert (await world.reconcile(tenant)).found == 0
    assert await world.searchable(tenant, accepted.document.id) != []
