"""Serves the fixture schema on the API's own transports: `python -m tests.conformance.serve --port 8099`."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from lorebase.api.app import create_app
from lorebase.asgi import server_config
from lorebase.core.config import Settings
from tests.conformance.fixture_schema import fixture_schema
from tests.factories import make_settings
from tests.unit.api.fake_services import SECRET, FakeServices


def fixture_app(settings: Settings) -> FastAPI:
    """The API with the small schema and one valid key."""
    services = FakeServices()

    @asynccontextmanager
    async def open_services(_settings: Settings) -> AsyncIterator[FakeServices]:
        yield services

    return create_app(settings, open_services, fixture_schema())


def fixture_server(settings: Settings) -> uvicorn.Server:
    """A server with the same settings as the real one."""
    config = server_config(settings)
    config.app = lambda: fixture_app(settings)
    return uvicorn.Server(config)


def main() -> None:
    """Serves until a signal says stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8099)
    port = parser.parse_args().port
    print(f"http://127.0.0.1:{port}/graphql  authorization: Bearer {SECRET}", flush=True)
    fixture_server(make_settings(port=port)).run()


if __name__ == "__main__":
    main()
