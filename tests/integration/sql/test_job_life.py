"""Any sequence of what workers and clients do to a job ends where a plain model of the rules says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorebase.core.errors import Conflict, ErrorCode
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.filters import DateTimeFilter, JobFilter, JobStatusFilter
from lorebase.schemas.jobs import Job, JobError, JobKind, JobOrder, JobStatus
from lorebase.schemas.pagination import PageRequest
from lorebase.services.jobs.job_filters import matches
from tests.integration.sql.factories import Tenant, job
from tests.integration.sql.filter_strategies import few, some

Units = SqlUnitOfWorkFactory
LEASE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ERROR = JobError(code=ErrorCode.INTERNAL, message="m", retryable=True)
QUIET = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Model:
    """What the rules say about a job."""

    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    fence: int = 0
    cancel_requested: bool = False
    due: bool = True
    error: bool = False

    def act(self, action: str) -> Model:
        """The state after an action; unchanged when the rules refuse it."""
        if action == "claim":
            return self._claimed() if self.due else self
        if action in {"cancel", "restart"}:
            return self._asked(action)
        return self._worked(action) if self.status is JobStatus.RUNNING else self

    def _claimed(self) -> Model:
        started = replace(self, attempt=self.attempt + 1, fence=self.fence + 1)
        return replace(started, status=JobStatus.RUNNING, due=False)

    def _worked(self, action: str) -> Model:
        if action in ENDS:
            status = ENDS[action]
            return replace(self, status=status, due=False, error=status is JobStatus.FAILED)
        if action in {"heartbeat", "lease ends"}:
            return replace(self, due=action == "lease ends")
        attempt = self.attempt - 1 if action == "outage" else self.attempt
        back = replace(self, status=JobStatus.QUEUED, attempt=attempt, error=True)
        return replace(back, due=action != "retry later")

    def _asked(self, action: str) -> Model:
        if action == "cancel" and self.status is JobStatus.QUEUED:
            return replace(self, status=JobStatus.CANCELLED, cancel_requested=True, due=False)
        if action == "cancel" and self.status is JobStatus.RUNNING:
            return replace(self, cancel_requested=True)
        if action == "restart" and self.status in {JobStatus.FAILED, JobStatus.CANCELLED}:
            return Model(fence=self.fence)
        return self


ENDS = {"succeed": JobStatus.SUCCEEDED, "fail": JobStatus.FAILED, "stop": JobStatus.CANCELLED}
ACTIONS = (
    "claim",
    "lease ends",
    "heartbeat",
    "succeed",
    "fail",
    "stop",
    "retry",
    "retry later",
    "outage",
    "cancel",
    "restart",
)


async def act(units: Units, tenant: Tenant, held: Job, action: str) -> None:
    """Does it to the real job, as the worker whose fence is the newest."""
    if action in {"claim", "lease ends", "heartbeat"}:
        async with units.for_system() as system:
            if action == "claim":
                await system.jobs.claim(held.id, LEASE)
            else:
                lease = -LEASE if action == "lease ends" else LEASE
                await system.jobs.heartbeat(held.id, held.fence, lease, None, 0)
            await system.commit()
        return
    async with units.for_workspace(tenant.workspace_id) as uow:
        jobs = uow.jobs
        if action == "succeed":
            await jobs.succeed(held.id, held.fence)
        elif action == "fail":
            await jobs.fail(held.id, held.fence, ERROR)
        elif action == "stop":
            await jobs.cancel(held.id, held.fence)
        elif action == "cancel":
            await jobs.request_cancel(held.id)
        elif action == "restart":
            await restart(units, tenant, held)
        else:
            delay = HOUR if action == "retry later" else timedelta(0)
            await jobs.requeue(held.id, held.fence, ERROR, delay, burn_attempt=action != "outage")
        await uow.commit()


async def restart(units: Units, tenant: Tenant, held: Job) -> None:
    """Restarts it, or is refused for its state."""
    async with units.for_workspace(tenant.workspace_id) as uow:
        with suppress(Conflict):
            await uow.jobs.restart(held.id)
        await uow.commit()


async def observed(units: Units, tenant: Tenant, held: Job) -> tuple[Job, Model]:
    async with units.for_workspace(tenant.workspace_id) as uow:
        now = await uow.jobs.get(held.id)
    async with units.for_system() as system:
        due = held.id in [found for found, _ in await system.jobs.due(held.lane, 1000)]
    return now, Model(now.status, now.attempt, now.fence, now.cancel_requested, due, now.error is not None)


@QUIET
@given(actions=st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=14))
async def test_a_jobs_life_keeps_the_rules(units: Units, tenant: Tenant, actions: list[str]) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        held = await uow.jobs.add(job())
        await uow.commit()
    expected = Model()
    for action in actions:
        await act(units, tenant, held, action)
        expected = expected.act(action)
        held, found = await observed(units, tenant, held)
        assert found == expected, action
        assert held.is_terminal == (held.finished_at is not None)


moments = st.sampled_from([timedelta(days=-1), timedelta(0), timedelta(days=1)])
statuses = st.sampled_from(["QUEUED", "RETRYING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"])
status_filters = some(eq=statuses, in_=few(statuses), nin=few(statuses)).map(
    lambda fields: JobStatusFilter(**fields)
)
kinds = st.sampled_from([JobKind.INGEST, JobKind.DELETE])
job_filters = st.recursive(
    some(status=status_filters, kind=kinds).map(lambda fields: JobFilter(**fields)),
    lambda parts: some(and_=few(parts), or_=few(parts), not_=parts).map(lambda fields: JobFilter(**fields)),
    max_leaves=5,
)


@QUIET
@given(
    kinds_and_ends=st.lists(
        st.tuples(kinds, st.sampled_from(["wait", "run", "retry", "fail", "succeed", "stop"])),
        min_size=1,
        max_size=5,
    ),
    conditions=st.lists(job_filters, min_size=1, max_size=6),
    shift=moments,
)
async def test_job_filters_mean_the_same_in_sql_and_for_live_events(
    units: Units,
    tenant: Tenant,
    kinds_and_ends: list[tuple[JobKind, str]],
    conditions: list[JobFilter],
    shift: timedelta,
) -> None:
    made = [await job_in_state(units, tenant, kind, end) for kind, end in kinds_and_ends]
    async with units.for_workspace(tenant.workspace_id) as uow:
        jobs = await uow.jobs.get_many([one.id for one in made])
        ids = {one.id for one in jobs}
        since = JobFilter(created_at=DateTimeFilter(gte=made[0].created_at + shift))
        for condition in [*conditions, since, JobFilter(not_=since)]:
            page = await uow.jobs.page(PageRequest(limit=1000), JobOrder(), condition)
            found = {one.id for one in page.items} & ids
            assert found == {one.id for one in jobs if matches(one, condition)}, condition


async def job_in_state(units: Units, tenant: Tenant, kind: JobKind, end: str) -> Job:
    async with units.for_workspace(tenant.workspace_id) as uow:
        held = await uow.jobs.add(job(kind=kind))
        await uow.commit()
    steps = {"wait": (), "run": ("claim",)}.get(end, ("claim", end))
    for action in steps:
        await act(units, tenant, held.model_copy(update={"fence": 1}), action)
    return held
