"""The job that measures an index with a set."""

from __future__ import annotations

from lorebase.core.errors import ErrorCode, LeaseLost, NotFound, Permanent
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.evaluations import EvaluationMetrics, EvaluationRun
from lorebase.schemas.jobs import Job, JobError
from lorebase.services.evaluations.evaluation_measurement import EvaluationMeasurement, hold_job
from lorebase.services.jobs.job_control import JobControl


class EvaluationHandler:
    """Handles EVALUATE jobs."""

    def __init__(self, *, units: UnitOfWorkFactory, measurement: EvaluationMeasurement) -> None:
        self._units = units
        self._measurement = measurement

    async def run(self, job: Job, control: JobControl) -> Job:
        """Measures what is not measured yet, then keeps the means. Permanent when the set is gone."""
        try:
            async with self._units.for_workspace(job.workspace_id) as uow:
                run = await uow.evaluations.get_run(job.subject_id)
            metrics = await self._measurement.measure(run, control)
            return await self._complete(job, run, metrics)
        except NotFound as error:
            raise Permanent("What was to be measured is gone.", code=ErrorCode.NOT_FOUND) from error

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """Nothing to set: a run without figures is incomplete, its job says why."""

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """Nothing to set: what was measured stays, and a retry goes on from there."""

    async def _complete(self, job: Job, run: EvaluationRun, metrics: EvaluationMetrics) -> Job:
        async with self._units.for_workspace(job.workspace_id) as uow:
            # The job before the run, in the order of whoever removes a set: nobody waits in a circle.
            await hold_job(uow, job)
            await uow.evaluations.complete_run(run.id, metrics)
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the job.")
            await uow.commit()
        return ended
