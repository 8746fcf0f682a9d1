"""The worker process: ARQ's hints and the sweep beside each other, so that neither takes the other along."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from uuid import UUID

from lorebase.clients.arq_queue import REDIS_ERRORS, listen_for_cancels, run_worker
from lorebase.core.config import Settings
from lorebase.core.errors import LorebaseError
from lorebase.schemas.jobs import JobLane
from lorebase.services.jobs.job_runner import JobRunner
from lorebase.workers.heartbeat import beat
from lorebase.workers.periodic import PeriodicWork, repeat

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0

Serve = Callable[[], Coroutine[object, object, None]]


class JobWorker:
    """Takes jobs of both lanes until it is stopped, then gives back what it has not finished."""

    def __init__(
        self,
        *,
        runner: JobRunner,
        settings: Settings,
        heartbeat: Path,
        periodic: Sequence[PeriodicWork] = (),
    ) -> None:
        self._runner = runner
        self._settings = settings
        self._redis_url = settings.redis_url.get_secret_value() if settings.redis_url else ""
        self._heartbeat = heartbeat
        self._periodic = periodic
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; returns when every job was finished or given back.

        Raises when a part of it ends by itself: whoever started the process starts it anew.
        """
        stopping = asyncio.create_task(stop.wait())
        tasks = [asyncio.create_task(work) for work in self._works()]
        try:
            ended, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            everything = [stopping, *tasks, *self._running]
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)
            self._heartbeat.unlink(missing_ok=True)

    def _works(self) -> list[Coroutine[object, object, None]]:
        lanes = {
            JobLane.DOCUMENTS: self._settings.worker_job_concurrency,
            JobLane.ANSWERS: self._settings.worker_answer_concurrency,
        }
        hints = [_again(f"hints of {lane}", self._hints(lane, slots)) for lane, slots in lanes.items()]
        sweeps = [self._sweep(lane) for lane in JobLane]
        besides = [*map(repeat, self._periodic), beat(self._heartbeat)]
        return [*hints, *sweeps, *besides, _again("cancels", self._listen)]

    def _hints(self, lane: JobLane, slots: int) -> Serve:
        return lambda: run_worker(self._redis_url, lane, self._run, slots)

    async def _listen(self) -> None:
        await listen_for_cancels(self._redis_url, self._notice)

    async def _run(self, job_id: UUID) -> None:
        # Shielded: when Redis dies ARQ cancels what it began, but the job needs Redis for nothing but haste.
        await asyncio.shield(self._keep(self._runner.run(job_id), f"job {job_id}"))

    def _notice(self, job_id: UUID) -> None:
        self._keep(self._runner.notice_cancel(job_id), f"cancel {job_id}")

    def _keep(self, work: Coroutine[object, object, object], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(_logged(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _sweep(self, lane: JobLane) -> None:
        # Each round is a task of its own: a long job must not keep the next round from filling free slots.
        while True:
            self._keep(self._fill(lane), f"sweep of {lane}")
            await asyncio.sleep(self._settings.job_sweep_seconds)

    async def _fill(self, lane: JobLane) -> None:
        while await self._runner.run_due(lane):
            pass


async def _logged(work: Coroutine[object, object, object], name: str) -> None:
    try:
        await work
    except LorebaseError as error:
        # The database was out of reach: the next sweep finds the job again.
        logger.warning("not done", extra={"work": name, "code": error.code})


async def _again(what: str, serve: Serve) -> None:
    """Serves for ever: when Redis goes away, waits and connects again. The sweep works on meanwhile."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await serve()
        except REDIS_ERRORS as error:
            logger.warning("Redis out of reach", extra={"serving": what, "error": type(error).__name__})
        if asyncio.get_running_loop().time() - started > LONGEST_PAUSE_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
