"""A world with jobs of one kind, and a handler that does what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from lorebase.core.errors import LeaseLost
from lorebase.core.ids import new_id
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.jobs import Job, JobError, JobKind, JobLane, JobSubjectType, NewJob
from lorebase.services.jobs.job_control import JobControl
from lorebase.services.jobs.job_runner import JobRunner
from tests.factories import Tenant
from tests.fakes.world import World

Work = Callable[[Job, JobControl], Awaitable[None]]
DEADLINE_SECONDS = 30


class Handler:
    """Does what a test says, then ends the job; remembers what it was told."""

    def __init__(self, units: UnitOfWorkFactory, work: Work | None = None) -> None:
        self.units = units
        self.work = work
        self.runs = 0
        self.failures: list[tuple[JobError, bool]] = []
        self.cancellations = 0

    async def run(self, job: Job, control: JobControl) -> Job:
        self.runs += 1
        if self.work is not None:
            await self.work(job, control)
        async with self.units.for_workspace(job.workspace_id) as uow:
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("gone")
            await uow.commit()
        return ended

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        self.failures.append((error, final))

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        self.cancellations += 1


class Stage:
    """A world with one job that waits, and a runner over one handler. Leases are short."""

    def __init__(self, world: World, tenant: Tenant, work: Work | None = None) -> None:
        self.world = world
        self.tenant = tenant
        self.handler = Handler(world.units, work)
        self.runner = self.another_runner()

    def another_runner(self) -> JobRunner:
        world = self.world
        return JobRunner(
            units=world.units,
            handlers={JobKind.ANSWER: self.handler},
            events=world.events,
            settings=world.settings,
            clock=world.clock,
        )

    async def add_job(self, trace_id: str = "t" * 32) -> Job:
        async with self.world.units.for_workspace(self.tenant.workspace.id) as uow:
            job = await uow.jobs.add(
                NewJob(
                    id=new_id(),
                    kind=JobKind.ANSWER,
                    lane=JobLane.ANSWERS,
                    subject_type=JobSubjectType.ANSWER,
                    subject_id=new_id(),
                    trace_id=trace_id,
                )
            )
            await uow.commit()
        return job

    def told(self, job: Job) -> list[str]:
        return [event.type for event in self.world.events_of(job)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


async def forever(job: Job, control: JobControl) -> None:
    await asyncio.Event().wait()
