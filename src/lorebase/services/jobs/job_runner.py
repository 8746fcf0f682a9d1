"""Runs jobs: claims them, keeps their lease, sorts what goes wrong, tells subscribers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, JobCancelled, LeaseLost, LorebaseError
from lorebase.core.logging import trace
from lorebase.core.metrics import JOBS_ENDED
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.jobs import Job, JobError, JobKind, JobLane
from lorebase.services.jobs.job_control import JobControl, JobHandler
from lorebase.services.jobs.job_errors import Verdict, judge, used_up, whereabouts
from lorebase.services.jobs.job_events import JobEvents, state_event

_log = logging.getLogger(__name__)

_STOPPED = JobError(
    code=ErrorCode.LEASE_LOST, message="The worker was stopped; the job goes on elsewhere.", retryable=True
)


class JobRunner:
    """Runs jobs of all kinds in this process. PostgreSQL decides who has a job; hints only save time."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        handlers: Mapping[JobKind, JobHandler],
        events: JobEvents,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._units = units
        self._handlers = handlers
        self._events = events
        self._settings = settings
        self._clock = clock
        self._lease = timedelta(seconds=settings.job_lease_seconds)
        self._slots = {
            JobLane.DOCUMENTS: settings.worker_job_concurrency,
            JobLane.ANSWERS: settings.worker_answer_concurrency,
            JobLane.INDEXES: 1,
        }
        self._running: dict[UUID, JobControl] = {}

    async def run(self, job_id: UUID) -> None:
        """Runs the job if it is due and nobody has it; returns quietly otherwise.

        When this is cancelled (a worker that shuts down), the job is given back at once and no attempt burnt.
        """
        async with self._units.for_system() as uow:
            job = await uow.jobs.claim(job_id, self._lease)
            await uow.commit()
        if job is not None:
            await self._work(job)

    async def run_due(self, lane: JobLane) -> int:
        """Claims as many due jobs as the lane has free slots, runs them to their end; returns how many."""
        free = self._slots[lane] - sum(control.job.lane is lane for control in self._running.values())
        if free < 1:
            return 0
        async with self._units.for_system() as uow:
            jobs = await uow.jobs.claim_due(lane, free, self._lease)
            await uow.commit()
        results = await asyncio.gather(*(self._work(job) for job in jobs), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                _log.error("job left to its lease", extra={"error": whereabouts(result)})
        return len(jobs)

    async def notice_cancel(self, job_id: UUID) -> None:
        """Looks at the cancel flag of the job now, when it runs here."""
        control = self._running.get(job_id)
        if control is not None:
            control.look_now()

    async def _work(self, job: Job) -> None:
        control = JobControl(
            job, units=self._units, events=self._events, settings=self._settings, clock=self._clock
        )
        self._running[job.id] = control
        try:
            with trace(job.trace_id or None):
                await self._attempt(job, control)
        finally:
            if self._running.get(job.id) is control:
                del self._running[job.id]

    async def _attempt(self, job: Job, control: JobControl) -> None:
        handler = self._handlers.get(job.kind)
        if handler is None:
            # An older worker during a rollout: leave the job to one that knows the kind.
            await self._put_back(None, job, timedelta(seconds=self._settings.job_lease_seconds))
        elif job.cancel_requested:
            await self._end_cancelled(handler, job)
        elif (verdict := used_up(job, self._settings)) is not None:
            await self._end_failed(handler, job, verdict)
        else:
            await self._supervise(handler, job, control)

    async def _begin(self, handler: JobHandler, job: Job, control: JobControl) -> Job:
        control.sequence = await self._events.announce(job, state_event(job)) or control.sequence
        return await handler.run(job, control)

    async def _supervise(self, handler: JobHandler, job: Job, control: JobControl) -> None:
        work = asyncio.create_task(self._begin(handler, job, control), name=f"job {job.id}")
        beat = asyncio.create_task(control.keep_alive(), name=f"lease {job.id}")
        try:
            await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _stop(work, beat)
            await self._give_back(handler, job, work)
            raise
        await _stop(work, beat)
        if not beat.cancelled() and (problem := beat.exception()) is not None:
            control.lease_lost = True
            _log.error("heartbeat broke", extra={"job_id": str(job.id), "error": whereabouts(problem)})
        await self._conclude(handler, job, control, work)

    async def _conclude(
        self, handler: JobHandler, job: Job, control: JobControl, work: asyncio.Task[Job]
    ) -> None:
        problem: BaseException | None = None if work.cancelled() else work.exception()
        if not work.cancelled() and problem is None:
            await self._announce_end(work.result())
        elif control.lease_lost or isinstance(problem, LeaseLost):
            _log.info("lease lost", extra={"job_id": str(job.id), "fence": job.fence})
        elif control.cancel_requested or isinstance(problem, JobCancelled):
            await self._end_cancelled(handler, job)
        elif problem is None or isinstance(problem, Exception):
            failure = problem or RuntimeError("the handler cancelled itself")
            verdict = judge(failure, job, self._settings, self._clock.now())
            self._log_failure(job, failure, verdict)
            await self._end_failed(handler, job, verdict)
        else:
            raise problem

    async def _end_cancelled(self, handler: JobHandler, job: Job) -> None:
        async with self._units.for_workspace(job.workspace_id) as uow:
            await handler.cancelled(uow, job)
            ended = await uow.jobs.cancel(job.id, job.fence)
            if ended is not None:
                await uow.commit()
        await self._announce_end(ended or await self._ended_meanwhile(job))

    async def _end_failed(self, handler: JobHandler, job: Job, verdict: Verdict) -> None:
        async with self._units.for_workspace(job.workspace_id) as uow:
            await handler.failed(uow, job, verdict.error, final=verdict.final)
            if verdict.final:
                ended = await uow.jobs.fail(job.id, job.fence, verdict.error)
            else:
                ended = await uow.jobs.requeue(
                    job.id, job.fence, verdict.error, verdict.delay, burn_attempt=verdict.burn_attempt
                )
            if ended is not None:
                await uow.commit()
        await self._announce_end(ended or await self._ended_meanwhile(job))

    async def _give_back(self, handler: JobHandler, job: Job, work: asyncio.Task[Job]) -> None:
        """On the way out: whatever fails here is mended by the lease."""
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                if not work.cancelled() and work.exception() is None:
                    await self._announce_end(work.result())
                else:
                    await self._put_back(handler, job, timedelta())
        except (LorebaseError, TimeoutError) as error:
            _log.warning("job not given back", extra={"job_id": str(job.id), "reason": type(error).__name__})

    async def _put_back(self, handler: JobHandler | None, job: Job, delay: timedelta) -> None:
        async with self._units.for_workspace(job.workspace_id) as uow:
            if handler is not None:
                await handler.failed(uow, job, _STOPPED, final=False)
            ended = await uow.jobs.requeue(job.id, job.fence, _STOPPED, delay, burn_attempt=False)
            if ended is not None:
                await uow.commit()
        await self._announce_end(ended)

    async def _ended_meanwhile(self, job: Job) -> Job | None:
        """The job when this very claim ended it already: its last commit came through before the trouble."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            now = await uow.jobs.get(job.id)
        return now if now.fence == job.fence and now.is_terminal else None

    async def _announce_end(self, job: Job | None) -> None:
        if job is not None:
            JOBS_ENDED.labels(job.kind, job.status).inc()
            _log.info(
                "job ended",
                extra={"job_id": str(job.id), "kind": job.kind, "status": job.status, "attempt": job.attempt},
            )
            await self._events.announce(job, state_event(job))

    def _log_failure(self, job: Job, problem: BaseException, verdict: Verdict) -> None:
        level = logging.ERROR if verdict.error.code is ErrorCode.INTERNAL else logging.WARNING
        facts = {
            "job_id": str(job.id),
            "kind": job.kind,
            "attempt": job.attempt,
            "code": verdict.error.code,
            "final": verdict.final,
            "error": whereabouts(problem),
        }
        _log.log(level, "job attempt failed", extra=facts)


async def _stop(*tasks: asyncio.Task[Job] | asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
