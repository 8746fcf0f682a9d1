"""The API as a process: settings in, a server out."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from lorebase.api.app import create_app
from lorebase.container import open_container
from lorebase.core.config import Settings, get_settings
from lorebase.core.logging import configure_logging

CONNECTIONS_SHARE = 0.75


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
        timeout_graceful_shutdown=max(1, int(settings.drain_seconds * CONNECTIONS_SHARE)),
        access_log=False,
        server_header=False,
        log_config=None,
    )


def main() -> None:
    """Serves until a signal says stop."""
    settings = get_settings()
    configure_logging(settings.log_level, settings.log_format)
    uvicorn.Server(server_config(settings)).run()


if __name__ == "__main__":
    main()
