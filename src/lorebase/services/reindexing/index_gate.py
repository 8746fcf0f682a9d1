"""The gate of a reindex: both indexes answer the same questions, and the new one may not find much less."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.core.errors import ErrorCode, LeaseLost, NotFound, Permanent
from lorebase.core.ids import new_id
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.evaluations import EvaluationRun, RunEvaluation
from lorebase.schemas.jobs import Job, JobError
from lorebase.schemas.reindex_gates import GateOutcome, GateVerdict, ReindexGate
from lorebase.services.evaluations.evaluation_acceptance import new_run
from lorebase.services.evaluations.evaluation_measurement import EvaluationMeasurement, hold_job
from lorebase.services.jobs.index_jobs import activates
from lorebase.services.jobs.job_control import JobControl

_GONE = "What the gate measures with is gone: the new index is complete, searches still use the old one."


class IndexGate:
    """Ends REINDEX jobs that have a gate, once the new index is complete.

    The measurements are evaluation runs of the job. Each is complete or goes on where it stood, so a worker
    that dies loses at most the questions of one batch. A job that is retried after a verdict measures anew.
    """

    def __init__(self, *, units: UnitOfWorkFactory, measurement: EvaluationMeasurement, clock: Clock) -> None:
        self._units = units
        self._measurement = measurement
        self._clock = clock

    async def decide(self, job: Job, control: JobControl, gate: ReindexGate) -> Job:
        """Measures both indexes; switches and succeeds, or fails with GATE_REFUSED and leaves both.

        An index that the owner switched to meanwhile is not measured. Permanent with NOT_FOUND when the set
        or the old index is gone, or the set has no questions.
        """
        try:
            pair = await self._open(job, gate)
            if pair is None:
                return await self._end(job, None)
            return await self._end(job, await self._measured(pair, control, gate))
        except NotFound as error:
            raise Permanent(_GONE, code=ErrorCode.NOT_FOUND) from error

    async def _open(self, job: Job, gate: ReindexGate) -> tuple[EvaluationRun, EvaluationRun] | None:
        """The runs of the old and of the new index, added unless a worker before did."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            index = await uow.indexes.get(job.subject_id)
            active = (await uow.knowledge_bases.get(index.knowledge_base_id)).active_index_id
            latest = latest_pair(await uow.evaluations.runs_of_jobs([job.id]))
            if latest is not None and latest[1].metrics is None:
                return latest
            if active == index.id:
                return None
            await hold_job(uow, job)
            pair = await self._add_runs(uow, job, gate, active)
            await uow.commit()
        return pair

    async def _add_runs(
        self, uow: UnitOfWork, job: Job, gate: ReindexGate, active_id: UUID
    ) -> tuple[EvaluationRun, EvaluationRun]:
        # Locked as for any run: questions that are being added would be asked of one index only.
        measured = await uow.evaluations.get_set(gate.evaluation_set_id, lock=True)
        asked, now = RunEvaluation(set_id=measured.id), self._clock.now()
        baseline = new_run(asked, measured, now, run_id=new_id(), index_id=active_id, job_id=job.id)
        compared = asked.model_copy(update={"compare_with_run_id": baseline.id})
        run = new_run(compared, measured, now, run_id=new_id(), index_id=job.subject_id, job_id=job.id)
        await uow.evaluations.add_run(baseline)
        await uow.evaluations.add_run(run)
        return baseline, run

    async def _measured(
        self, pair: tuple[EvaluationRun, EvaluationRun], control: JobControl, gate: ReindexGate
    ) -> GateOutcome:
        """Both runs with their means; those of the new one are kept with the verdict only."""
        baseline, run = pair
        if baseline.metrics is None:
            baseline = await self._measure_baseline(baseline, control)
        metrics = await self._measurement.measure(run, control, behind=1, runs=2)
        return GateOutcome(gate=gate, baseline=baseline, run=run.model_copy(update={"metrics": metrics}))

    async def _measure_baseline(self, baseline: EvaluationRun, control: JobControl) -> EvaluationRun:
        metrics = await self._measurement.measure(baseline, control, runs=2)
        async with self._units.for_workspace(baseline.workspace_id) as uow:
            await hold_job(uow, control.job)
            complete = await uow.evaluations.complete_run(baseline.id, metrics)
            await uow.commit()
        return complete

    async def _end(self, job: Job, outcome: GateOutcome | None) -> Job:
        """The verdict, what follows from it and the end of the job, in one transaction."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            await uow.indexes.get(job.subject_id, change=True)
            await hold_job(uow, job)
            if outcome is not None and outcome.run is not None and outcome.run.metrics is not None:
                await uow.evaluations.complete_run(outcome.run.id, outcome.run.metrics)
            ended = await _conclude(uow, job, outcome)
            if ended is None:
                raise LeaseLost("Another worker has the job.")
            await uow.commit()
        return ended


async def _conclude(uow: UnitOfWork, job: Job, outcome: GateOutcome | None) -> Job | None:
    if outcome is not None and outcome.verdict is GateVerdict.REFUSED:
        return await uow.jobs.fail(job.id, job.fence, refusal(outcome))
    if outcome is not None and activates(job):
        await uow.indexes.activate(job.subject_id)
    return await uow.jobs.succeed(job.id, job.fence)


def latest_pair(runs: Sequence[EvaluationRun]) -> tuple[EvaluationRun, EvaluationRun] | None:
    """The newest run that a gate made of the new index, behind the one it is compared with."""
    by_id = {run.id: run for run in runs}
    compared = [run for run in runs if run.compare_with_run_id in by_id]
    if not compared:
        return None
    run = max(compared, key=lambda each: (each.created_at, each.id))
    return next(each for each in runs if each.id == run.compare_with_run_id), run


def refusal(outcome: GateOutcome) -> JobError:
    """The error of a job whose new index finds less than its gate accepts."""
    told = [
        f"{change.name} fell from {change.before:.4f} to {change.after:.4f}, {change.accepted:g} is accepted"
        for change in outcome.changes
        if change.is_too_low
    ]
    message = f"The new index finds less: {'; '.join(told)}. Searches still use the old one."
    return JobError(code=ErrorCode.GATE_REFUSED, message=message, retryable=False)
