"""`python -m lorebase.workers`: runs the worker until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal

import uvloop

from lorebase.container import open_worker
from lorebase.core.config import Settings, get_settings
from lorebase.core.logging import configure_logging
from lorebase.workers.exposition import exposed
from lorebase.workers.heartbeat import heartbeat_file
from lorebase.workers.periodic import periodic_works
from lorebase.workers.worker import JobWorker


async def serve(settings: Settings) -> None:
    """Opens the container and works until a signal asks to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with exposed(settings):
        async with open_worker(settings) as services:
            worker = JobWorker(
                runner=services.runner,
                settings=settings,
                heartbeat=heartbeat_file(settings),
                periodic=periodic_works(services.reconciler, services.retention, settings),
            )
            await worker.run(stop)


def main() -> None:
    """The entry point of the process."""
    settings = get_settings()
    configure_logging(settings.log_level, settings.log_format)
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
