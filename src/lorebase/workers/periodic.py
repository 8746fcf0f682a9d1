"""What a worker does every so often beside its jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lorebase.core.config import Settings
from lorebase.core.errors import LorebaseError
from lorebase.services.job_errors import whereabouts
from lorebase.services.reconciliation import Reconciler

_log = logging.getLogger(__name__)

_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class PeriodicWork:
    """Work that asks by itself whether it is due, and how often it may ask."""

    name: str
    pause_seconds: float
    run: Callable[[], Awaitable[object]]


def reconciliation(reconciler: Reconciler, settings: Settings) -> tuple[PeriodicWork, ...]:
    """The comparison of the stores, unless it is turned off. Workers ask more often than it is due."""
    if settings.reconcile_seconds == 0:
        return ()
    pause = min(settings.reconcile_seconds, _LONGEST_PAUSE_SECONDS)
    return (PeriodicWork("reconcile", pause, reconciler.run_if_due),)


async def repeat(work: PeriodicWork) -> None:
    """Does it for ever; what fails is tried again after the pause."""
    while True:
        await asyncio.sleep(work.pause_seconds)
        try:
            await work.run()
        except LorebaseError as error:
            _log.warning("not done", extra={"work": work.name, "code": error.code})
        except Exception as error:  # noqa: BLE001
            # A fault in what mends must not end the worker, which has jobs to do.
            _log.error("periodic work broke", extra={"work": work.name, "error": whereabouts(error)})
