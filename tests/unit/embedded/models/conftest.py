"""The model server in this process, around an encoder without a model."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from lorebase.embedded.models.app import create_app

from .fake_encoder import FakeEncoder


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
async def app(encoder: FakeEncoder) -> AsyncIterator[Starlette]:
    server = create_app(encoder, threads=1)
    async with server.router.lifespan_context(server):
        yield server


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://models") as opened:
        yield opened
