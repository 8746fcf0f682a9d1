"""Claiming jobs of all workspaces: one winner, leases by the database's clock, fairness."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

from lorebase.core.errors import ErrorCode
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.jobs import Job, JobError, JobLane, JobStatus
from tests.integration.sql.factories import Tenant, job

Units = SqlUnitOfWorkFactory
LEASE = timedelta(seconds=60)
EXPIRED = timedelta(seconds=-1)
OUTAGE = JobError(code=ErrorCode.MODEL_UNAVAILABLE, message="Try later.", retryable=True)


async def add(units: Units, tenant: Tenant, count: int = 1, **fields: object) -> list[Job]:
    async with units.for_workspace(tenant.workspace_id) as uow:
        added = [await uow.jobs.add(job(**fields)) for _ in range(count)]
        await uow.commit()
    return added


async def claim(units: Units, job_id: UUID, lease: timedelta = LEASE) -> Job | None:
    async with units.for_system() as system:
        claimed = await system.jobs.claim(job_id, lease)
        await system.commit()
    return claimed


async def claim_due(units: Units, limit: int, lane: JobLane = JobLane.DOCUMENTS) -> list[Job]:
    async with units.for_system() as system:
        claimed = await system.jobs.claim_due(lane, limit, LEASE)
        await system.commit()
    return claimed


async def test_twenty_workers_claiming_one_job_have_one_winner(units: Units, tenant: Tenant) -> None:
    (one,) = await add(units, tenant)
    claims = await asyncio.gather(*(claim(units, one.id) for _ in range(20)))
    winners = [claimed for claimed in claims if claimed is not None]
    assert [(winner.id, winner.status, winner.attempt, winner.fence) for winner in winners] == [
        (one.id, JobStatus.RUNNING, 1, 1)
    ]


async def test_twenty_workers_never_take_the_same_job_twice(units: Units, tenant: Tenant) -> None:
    jobs = await add(units, tenant, 50)
    claims = await asyncio.gather(*(claim_due(units, 3) for _ in range(20)))
    taken = [claimed.id for batch in claims for claimed in batch]
    assert len(taken) == len(set(taken))
    while batch := await claim_due(units, 10):
        taken.extend(claimed.id for claimed in batch)
    assert sorted(taken) == sorted(one.id for one in jobs)


async def test_an_expired_lease_is_claimed_anew_and_the_old_fence_is_refused(
    units: Units, tenant: Tenant
) -> None:
    (one,) = await add(units, tenant)
    frozen = await claim(units, one.id, EXPIRED)
    assert frozen is not None
    rescued = await claim(units, one.id)
    assert rescued is not None
    assert (rescued.attempt, rescued.fence) == (2, 2)
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.jobs.succeed(one.id, frozen.fence) is None
        assert await uow.jobs.succeed(one.id, rescued.fence) is not None


async def test_a_running_job_is_not_due_until_its_lease_ends(units: Units, tenant: Tenant) -> None:
    (one,) = await add(units, tenant)
    await claim(units, one.id)
    assert await claim(units, one.id) is None
    assert await claim_due(units, 5) == []
    async with units.for_system() as system:
        await system.jobs.heartbeat(one.id, 1, EXPIRED, None, 0)
        await system.commit()
    assert [claimed.fence for claimed in await claim_due(units, 5)] == [2]


async def test_a_heartbeat_keeps_the_lease_alive(units: Units, tenant: Tenant) -> None:
    (one,) = await add(units, tenant)
    await claim(units, one.id, EXPIRED)
    async with units.for_system() as system:
        beat = await system.jobs.heartbeat(one.id, 1, LEASE, None, 0)
        await system.commit()
    assert beat.holds
    assert await claim(units, one.id) is None


async def test_an_unknown_job_cannot_be_claimed(units: Units, tenant: Tenant) -> None:
    assert await claim(units, new_id()) is None


async def test_lanes_do_not_take_each_others_jobs(units: Units, tenant: Tenant) -> None:
    (answer,) = await add(units, tenant, lane=JobLane.ANSWERS)
    assert await claim_due(units, 5) == []
    assert [claimed.id for claimed in await claim_due(units, 5, JobLane.ANSWERS)] == [answer.id]


async def test_due_jobs_are_told_without_being_taken(units: Units, tenant: Tenant) -> None:
    queued, running = await add(units, tenant, 2)
    await claim(units, running.id, EXPIRED)
    async with units.for_system() as system:
        due = await system.jobs.due(JobLane.DOCUMENTS, 10)
        assert sorted(due) == sorted([(queued.id, 0), (running.id, 1)])
        assert len(await system.jobs.due(JobLane.DOCUMENTS, 1)) == 1
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert (await uow.jobs.get(queued.id)).status is JobStatus.QUEUED


async def test_a_workspace_with_many_jobs_does_not_make_another_wait(
    units: Units, tenant: Tenant, neighbour: Tenant
) -> None:
    await add(units, tenant, 60)
    late = await add(units, neighbour, 3)
    first = await claim_due(units, 4)
    assert Counter(claimed.workspace_id for claimed in first) == {
        tenant.workspace_id: 2,
        neighbour.workspace_id: 2,
    }
    second = await claim_due(units, 4)
    waiting = {one.id for one in late} - {claimed.id for claimed in first}
    assert waiting <= {claimed.id for claimed in second}


async def test_a_workspace_whose_jobs_run_already_stands_behind(
    units: Units, tenant: Tenant, neighbour: Tenant
) -> None:
    for running in await add(units, tenant, 3):
        await claim(units, running.id)
    await add(units, tenant, 3)
    await add(units, neighbour, 3)
    assert {claimed.workspace_id for claimed in await claim_due(units, 3)} == {neighbour.workspace_id}


async def test_within_a_workspace_the_oldest_job_comes_first(units: Units, tenant: Tenant) -> None:
    jobs = await add(units, tenant, 5)
    assert [claimed.id for claimed in await claim_due(units, 3)] == [one.id for one in jobs[:3]]


async def test_a_locked_job_is_passed_over(units: Units, tenant: Tenant) -> None:
    first, second = await add(units, tenant, 2)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.jobs.get(first.id, lock=True)
        assert await claim(units, first.id) is None
        assert [claimed.id for claimed in await claim_due(units, 1)] == [second.id]


async def test_a_job_given_back_without_delay_is_due_again(units: Units, tenant: Tenant) -> None:
    (one,) = await add(units, tenant)
    claimed = await claim(units, one.id)
    assert claimed is not None
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.jobs.requeue(one.id, claimed.fence, OUTAGE, timedelta(0), burn_attempt=True)
        await uow.commit()
    again = await claim(units, one.id)
    assert again is not None
    assert (again.attempt, again.fence, again.error) == (2, 2, OUTAGE)
