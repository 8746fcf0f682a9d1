"""What a worker does every so often beside its jobs."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lorebase.core.config import Settings
from lorebase.core.errors import LorebaseError
from lorebase.services.jobs.job_errors import whereabouts
from lorebase.services.reconciliation.reconciliation import Reconciler
from lorebase.services.retention import RetentionService

_log = logging.getLogger(__name__)

_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class PeriodicWork:
    """Work that asks by itself whether it is due, and how often it may ask."""

    name: str
    pause_seconds: float
    run: Callable[[], Awaitable[object]]


def periodic_works(
    reconciler: Reconciler, retention: RetentionService, settings: Settings
) -> tuple[PeriodicWork, ...]:
    """Comparing the stores, unless it is turned off, and removing old rows.

    Workers ask more often than it is due: whoever did it last may have died.
    """
    works = [
        ("reconcile", settings.reconcile_seconds, reconciler.run_if_due),
        ("remove old rows", settings.retention_seconds, retention.run_if_due),
    ]
    return tuple(
        PeriodicWork(name, min(every, _LONGEST_PAUSE_SECONDS), run) for name, every, run in works if every
    )


async def repeat(work: PeriodicWork) -> None:
    """Does it for ever; what fails is tried again after the pause."""
    while True:
        # Workers that were started together do not all ask at once.
        await asyncio.sleep(work.pause_seconds * random.uniform(0.5, 1))
        try:
            await work.run()
        except LorebaseError as error:
            _log.warning("not done", extra={"work": work.name, "code": error.code})
        except Exception as error:  # noqa: BLE001
            # A fault in what mends must not end the worker, which has jobs to do.
            _log.error("periodic work broke", extra={"work": work.name, "error": whereabouts(error)})
