"""The worker removes old rows every so often, and an outage does not end that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import SecretStr

from lorebase.asgi import server_config
from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.schemas.jobs import JobLane
from lorebase.services.job_runner import JobRunner
from lorebase.services.retention import RetentionService
from lorebase.workers.worker import JobWorker

DEADLINE_SECONDS = 20.0


class IdleRunner:
    """Finds nothing to do."""

    async def run_due(self, lane: JobLane) -> int:
        return 0


@dataclass
class NotingRetention:
    """Notes its runs; the first one meets an outage."""

    runs: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> dict[str, int]:
        self.runs += 1
        if self.runs == 1:
            raise Unavailable("PostgreSQL does not answer.", code=ErrorCode.DATABASE_UNAVAILABLE)
        if self.runs == 3:
            self.enough.set()
        return {}


async def test_old_rows_are_looked_for_again_and_again(tmp_path: Path) -> None:
    settings = Settings(redis_url=SecretStr(f"unix://{tmp_path}/none"), retention_seconds=0.01)
    retention, stop = NotingRetention(), asyncio.Event()
    worker = JobWorker(
        runner=cast("JobRunner", IdleRunner()),
        settings=settings,
        heartbeat=tmp_path / "worker.heartbeat",
        retention=cast("RetentionService", retention),
    )
    work = asyncio.create_task(worker.run(stop))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await retention.enough.wait()
    stop.set()
    await work
    assert retention.runs >= 3


def test_open_streams_are_cut_early_enough_for_the_api_to_end_in_time() -> None:
    for notice in (0.0, 5.0, 60.0):
        settings = Settings(drain_seconds=20.0, drain_notice_seconds=notice)
        cut = server_config(settings).timeout_graceful_shutdown
        assert cut is not None
        assert 1 <= cut < max(2.0, settings.drain_seconds - notice)
