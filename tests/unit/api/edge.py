"""The API in process, on fake services: what tests of its behaviour talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache

import httpx
import strawberry
from fastapi import FastAPI

from lorebase.api.app import create_app
from lorebase.api.graphql.schema import build_schema
from lorebase.core.config import Settings
from tests.factories import make_settings
from tests.unit.api.fake_services import SECRET, Calls, FakeServices
from tests.unit.api.fake_world import World

AUTHORIZATION = {"Authorization": f"Bearer {SECRET}"}
Json = dict[str, object]


@lru_cache
def the_schema() -> strawberry.Schema:
    """The schema, built once."""
    return build_schema()


def application(services: list[FakeServices], settings: Settings) -> FastAPI:
    """The application on the last of the fake services."""

    @asynccontextmanager
    async def open_services(_settings: Settings) -> AsyncIterator[FakeServices]:
        yield services[-1]

    return create_app(settings, open_services, the_schema())


@lru_cache
def usual_application() -> tuple[FastAPI, list[FakeServices]]:
    """One application for all tests that need no settings of their own: to build it takes a while."""
    services: list[FakeServices] = []
    return application(services, make_settings()), services


@dataclass
class Edge:
    """A running application with a client."""

    app: FastAPI
    http: httpx.AsyncClient
    services: FakeServices

    @property
    def world(self) -> World:
        return self.services.world

    @property
    def calls(self) -> Calls:
        return self.services.calls

    async def post(
        self, query: str, variables: Mapping[str, object] | None = None, **headers: str
    ) -> httpx.Response:
        """Posts an operation with a valid key unless `Authorization` says otherwise."""
        content = {"query": query, "variables": variables or {}}
        return await self.http.post("/graphql", json=content, headers={**AUTHORIZATION, **headers})

    async def data(self, query: str, variables: Mapping[str, object] | None = None) -> Json:
        """The data of an operation that must not fail."""
        response = await self.post(query, variables)
        content = response.json()
        assert "errors" not in content, content["errors"]
        return dict(content["data"])

    async def error(self, query: str, variables: Mapping[str, object] | None = None, **headers: str) -> Json:
        """The only error of an operation that must fail."""
        content = (await self.post(query, variables, **headers)).json()
        assert len(content["errors"]) == 1, content
        return dict(content["errors"][0])


@asynccontextmanager
async def open_edge(services: FakeServices | None = None, **settings: object) -> AsyncIterator[Edge]:
    """The application, started, with these settings."""
    fakes = services or FakeServices()
    app, used = usual_application() if not settings else (None, [])
    used.append(fakes)
    app = app or application(used, make_settings(**settings))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
            yield Edge(app, http, fakes)
