"""The API as a process: settings in, a server out."""

from __future__ import annotations

import asyncio
import gc
import socket
import time

import uvicorn
from fastapi import FastAPI

from lorebase.api.app import create_app
from lorebase.container import open_container
from lorebase.core.config import Settings, get_settings
from lorebase.core.logging import configure_logging

CONNECTIONS_SHARE = 0.75
NOTICE_STEP_SECONDS = 0.1


def app() -> FastAPI:
    """The application of this process; `uvicorn --factory lorebase.asgi:app` starts it."""
    return create_app(get_settings(), open_container)


def server_config(settings: Settings) -> uvicorn.Config:
    """How the API is served: no compression of sockets (41 KiB each), no access log beside our own."""
    return uvicorn.Config(
        app,
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=settings.max_body_bytes,
        ws_per_message_deflate=False,
        # Streams are cut when their time is over, which leaves some to close what is behind them.
        timeout_graceful_shutdown=max(
            1, int(settings.drain_seconds * CONNECTIONS_SHARE - settings.drain_notice_seconds)
        ),
        access_log=False,
        server_header=False,
        log_config=None,
    )


class ApiServer(uvicorn.Server):
    """Says at `/readyz` that it leaves, serves on for the notice, and then closes what is open.

    A balancer that probes within the notice (seconds) sends nobody more. A second interrupt ends the notice.
    """

    def __init__(self, config: uvicorn.Config, served: FastAPI, notice_seconds: float) -> None:
        super().__init__(config)
        self._served = served
        self._notice_seconds = notice_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to serve."""
        await super().startup(sockets)
        # Code, schema and settings stay for good: a collection that looked at them too (200,000 objects)
        # would stop every request and every stream for some 200 ms.
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the server."""
        self._served.state.leaving = True
        end = time.monotonic() + self._notice_seconds
        while time.monotonic() < end and not self.force_exit:  # noqa: ASYNC110 - a signal handler sets it
            await asyncio.sleep(NOTICE_STEP_SECONDS)
        await super().shutdown(sockets)


def main() -> None:
    """Serves until a signal says stop."""
    settings = get_settings()
    configure_logging(settings.log_level, settings.log_format)
    config, served = server_config(settings), app()
    config.app, config.factory = served, False
    ApiServer(config, served, settings.drain_notice_seconds).run()


if __name__ == "__main__":
    main()
