"""A worker with a runner that only notes what it is asked to do."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from pydantic import SecretStr

from lorebase.core.config import Settings
from lorebase.embedded.child import Child
from lorebase.embedded.part import Part
from lorebase.embedded.valkey import valkey_part
from lorebase.schemas.jobs import JobLane
from lorebase.services.jobs.job_runner import JobRunner
from lorebase.workers.worker import JobWorker
from tests.integration.embedded_parts import clean_environment, start_part

DEADLINE_SECONDS = 20.0


@dataclass
class NotingRunner:
    """Stands in for JobRunner. Jobs last until `finish` is set; `due` says what each sweep finds."""

    finish: asyncio.Event = field(default_factory=asyncio.Event)
    due: dict[JobLane, list[int]] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    started: list[UUID] = field(default_factory=list)
    finished: list[UUID] = field(default_factory=list)
    given_back: list[UUID] = field(default_factory=list)
    cancels: list[UUID] = field(default_factory=list)
    sweeps: list[JobLane] = field(default_factory=list)

    async def run(self, job_id: UUID) -> None:
        self.started.append(job_id)
        try:
            await self.finish.wait()
        except asyncio.CancelledError:
            # As the real one does: giving back takes a moment of the loop.
            await asyncio.sleep(0.05)
            self.given_back.append(job_id)
            raise
        self.finished.append(job_id)

    async def run_due(self, lane: JobLane) -> int:
        self.sweeps.append(lane)
        if self.failures:
            raise self.failures.pop(0)
        waiting = self.due.get(lane, [])
        return waiting.pop(0) if waiting else 0

    async def notice_cancel(self, job_id: UUID) -> None:
        self.cancels.append(job_id)

    @property
    def running(self) -> int:
        return len(self.started) - len(self.finished) - len(self.given_back)


@dataclass(frozen=True)
class Workshop:
    """Starts workers and waits for what they do."""

    heartbeat: Path

    @asynccontextmanager
    async def worker(
        self, runner: NotingRunner, redis_url: str, *, sweep_seconds: float = 0.05, ends_well: bool = True
    ) -> AsyncIterator[asyncio.Task[None]]:
        """A worker at work; it is stopped in an orderly way at the end, when it has not ended before."""
        settings = Settings(redis_url=SecretStr(redis_url), job_sweep_seconds=sweep_seconds)
        stop = asyncio.Event()
        worker = JobWorker(runner=cast("JobRunner", runner), settings=settings, heartbeat=self.heartbeat)
        task = asyncio.create_task(worker.run(stop))
        try:
            yield task
        finally:
            stop.set()
            await asyncio.wait({task}, timeout=DEADLINE_SECONDS)
        if ends_well:
            task.result()


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "beats" / "worker.heartbeat")


@pytest.fixture
def runner() -> NotingRunner:
    return NotingRunner()


@dataclass
class OwnValkey:
    """A server of one test, which may be killed."""

    part: Part
    child: Child
    url: str

    def kill(self) -> None:
        self.child.kill()

    def start_again(self) -> None:
        self.child = start_part(self.part)


@pytest.fixture
def valkey() -> Iterator[OwnValkey]:
    base = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    socket = base / "valkey.sock"
    part = valkey_part(base / "data", socket, base / "valkey.log", clean_environment())
    server = OwnValkey(part, start_part(part), f"unix://{socket}")
    yield server
    server.child.stop()
    shutil.rmtree(base, ignore_errors=True)
