"""The ASGI application: routes, middleware, and services that live as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import strawberry
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lorebase.api.bodies import BodyLimit
from lorebase.api.downloads import PATH, download
from lorebase.api.graphiql import development_ids, development_key, graphiql_page, graphiql_router
from lorebase.api.graphql.context import Context
from lorebase.api.graphql.engine import Engine
from lorebase.api.graphql.schema import NODE_TYPES, build_schema
from lorebase.api.graphql.sharing import MadeOnce
from lorebase.api.health import livez, readyz
from lorebase.api.metrics import Metrics
from lorebase.api.middleware import TRACE_HEADER, RequestSurroundings
from lorebase.api.services import Services
from lorebase.api.transports.authentication import ContextFor
from lorebase.api.transports.http import HttpTransport
from lorebase.api.transports.problems import error_response
from lorebase.api.transports.websocket import SocketEntrance, WebSocketTransport
from lorebase.core.config import Settings
from lorebase.core.errors import LorebaseError
from lorebase.core.logging import current_trace_id
from lorebase.core.resources import resource_directory

GRAPHQL_PATH = "/graphql"

OpenServices = Callable[[Settings], AbstractAsyncContextManager[Services]]


def create_app(
    settings: Settings, open_services: OpenServices, schema: strawberry.Schema | None = None
) -> FastAPI:
    """The API. `open_services` opens what it needs for as long as the application runs.

    `schema` spares building the schema again where several applications share one.
    """
    metrics = Metrics()
    engine = Engine(schema or build_schema(), settings)
    context_for = _context_maker(settings, lambda: app.state.services)
    sockets = WebSocketTransport(engine, settings, context_for, metrics)
    http = HttpTransport(engine, settings, context_for, metrics, lambda: graphiql_page(settings))
    app = FastAPI(
        title="Lorebase",
        openapi_url=None,
        lifespan=_lifespan(settings, open_services),
        middleware=_middleware(settings, metrics, sockets),
        exception_handlers={LorebaseError: _expected},
    )
    app.state.leaving = False
    app.router.routes.extend(_routes(http, metrics))
    operations = resource_directory("schema") / "operations"
    app.include_router(
        graphiql_router(
            settings, operations, lambda: development_key(settings), lambda: development_ids(settings)
        )
    )
    return app


def _lifespan(
    settings: Settings, open_services: OpenServices
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            app.state.services = services
            yield

    return lifespan


def _context_maker(settings: Settings, services: Callable[[], Services]) -> ContextFor:
    shown: MadeOnce[object] = MadeOnce()

    async def context_for(secret: str | None) -> Context:
        caller = await services().access.authenticate(secret) if secret else None
        return Context(caller, services(), settings, NODE_TYPES, current_trace_id(), shown=shown)

    return context_for


def _middleware(settings: Settings, metrics: Metrics, sockets: WebSocketTransport) -> list[Middleware]:
    chain = [
        Middleware(RequestSurroundings, metrics=metrics),
        Middleware(SocketEntrance, path=GRAPHQL_PATH, transport=sockets),
    ]
    if settings.cors_origins:
        chain.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type", "graphql-require-preflight", "last-event-id"],
                expose_headers=[TRACE_HEADER, "RateLimit", "RateLimit-Policy", "Retry-After"],
                max_age=600,
            )
        )
    return [*chain, Middleware(BodyLimit, settings=settings)]


def _routes(http: HttpTransport, metrics: Metrics) -> list[BaseRoute]:
    async def graphql(request: Request) -> Response:
        return await http(request)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    return [
        Route(GRAPHQL_PATH, graphql, methods=methods),
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/metrics", metrics.expose),
        Route(PATH, download),
    ]


async def _expected(request: Request, error: Exception) -> Response:
    if not isinstance(error, LorebaseError):
        raise error
    return error_response(error)
