"""Serves GraphiQL from a local bundle under a strict content security policy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from lorebase.api.graphiql_bundle import BUNDLE, SECURITY_HEADERS, bundle_file, read_manifest
from lorebase.api.graphiql_examples import ExampleOperation, load_examples
from lorebase.core.config import Environment, Settings

PREFIX = "/graphql/ide"
LOOPBACK_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lorebase · GraphiQL</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="graphql/ide/static/{style}">
<script type="module" src="graphql/ide/static/{script}"></script>
</head>
<body>
<div id="graphiql"><p class="loading">Loading GraphiQL…</p></div>
<noscript>GraphiQL needs JavaScript.</noscript>
</body>
</html>
"""

MISSING_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Lorebase · GraphiQL is not built</title></head>
<body>
<h1>GraphiQL is not built yet</h1>
<p>The GraphQL API itself is ready: send queries as POST to this address.</p>
<p>To build the page, run <code>sh ide/build.sh</code> in the project's folder, then load this page again.
It needs Node.js 20 or newer, or pip to install one, and the npm registry.</p>
</body>
</html>
"""


class IdeConfig(BaseModel):
    """What the page asks for at its start; `headers` is the text of its headers editor."""

    operations: list[ExampleOperation]
    headers: str | None


class DevelopmentCredentials(BaseModel):
    """The part of `credentials.json` that the page fills in."""

    model_config = ConfigDict(alias_generator=to_camel)

    api_key: str
    workspace_id: str
    knowledge_base_id: str


def read_development_credentials(settings: Settings) -> DevelopmentCredentials | None:
    """The credentials made at the first start; always None outside development."""
    path = settings.home / "credentials.json"
    if settings.environment is not Environment.DEVELOPMENT or not path.is_file():
        return None
    return DevelopmentCredentials.model_validate_json(path.read_bytes())


def development_key(settings: Settings) -> str | None:
    """The first API key of a development installation."""
    credentials = read_development_credentials(settings)
    return credentials.api_key if credentials else None


def development_ids(settings: Settings) -> Mapping[str, str]:
    """Values for the variables of the example operations: the first workspace and knowledge base."""
    credentials = read_development_credentials(settings)
    return credentials.model_dump(by_alias=True, exclude={"api_key"}) if credentials else {}


def content_security_policy(settings: Settings) -> str:
    """Only this origin's scripts; inline styles because the editor makes some, and nothing from elsewhere."""
    sockets = " ".join(_socket_origins(settings))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        f"img-src 'self' data:; connect-src 'self' {sockets}; worker-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def _socket_origins(settings: Settings) -> list[str]:
    # Some browsers do not let 'self' stand for a WebSocket of the same origin.
    if settings.public_url:
        address = urlsplit(settings.public_url)
        return [f"{'wss' if address.scheme == 'https' else 'ws'}://{address.netloc}"]
    return [f"ws://{name}:{settings.port}" for name in ("127.0.0.1", "localhost")]


def graphiql_page(settings: Settings, bundle: Path = BUNDLE) -> Response:
    """The page for a browser that GETs the GraphQL endpoint; says how to build it when it is missing."""
    if not settings.graphiql:
        return PlainTextResponse("GraphiQL is switched off here.", 404, headers=SECURITY_HEADERS)
    manifest = read_manifest(bundle)
    page = PAGE.format(script=manifest.script, style=manifest.style) if manifest else MISSING_PAGE
    headers = {
        **SECURITY_HEADERS,
        "Content-Security-Policy": content_security_policy(settings),
        "Cache-Control": "no-cache",
        "Vary": "Accept",
    }
    return HTMLResponse(page, headers=headers)


def is_local(request: Request) -> bool:
    """Whether a program on this machine asks this machine by name, without a proxy between.

    A page of another site cannot pass: DNS rebinding shows in Host, cross-site requests in Sec-Fetch-Site.
    """
    headers = request.headers
    named = LOOPBACK_HOST.fullmatch(headers.get("host", "")) is not None
    direct = "forwarded" not in headers and "x-forwarded-for" not in headers
    same_site = headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
    return named and direct and same_site and _is_loopback(request.client.host if request.client else "")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def graphiql_router(
    settings: Settings,
    operations_directory: Path,
    development_key: Callable[[], str | None],
    known_ids: Callable[[], Mapping[str, str]] = dict,
    bundle: Path = BUNDLE,
) -> APIRouter:
    """The routes beside the page: its configuration and the bundle's files; none when it is switched off.

    `development_key` and `known_ids` are asked in development only, and only for a local request.
    """
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    if not settings.graphiql:
        return router
    examples = load_examples(operations_directory)

    @router.get("/config.json")
    def config(request: Request) -> Response:
        trusted = settings.environment is Environment.DEVELOPMENT and is_local(request)
        key, ids = (development_key(), known_ids()) if trusted else (None, {})
        answer = IdeConfig(
            operations=[example.with_ids(ids) for example in examples],
            headers=json.dumps({"Authorization": f"Bearer {key}"}, indent=2) if key else None,
        )
        headers = {**SECURITY_HEADERS, "Cache-Control": "no-store"}
        return JSONResponse(answer.model_dump(mode="json"), headers=headers)

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    def static(name: str, request: Request) -> Response:
        manifest = read_manifest(bundle)
        if manifest is None or name not in manifest.files:
            return PlainTextResponse("Not found.", 404, headers=SECURITY_HEADERS)
        return bundle_file(bundle / name, request)

    return router
