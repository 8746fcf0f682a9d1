"""The GraphiQL page: what it may load, who is given the key, which files are served."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st

from lorebase.api.graphiql import (
    content_security_policy,
    development_ids,
    development_key,
    graphiql_page,
    graphiql_router,
    is_local,
)
from lorebase.core.config import Environment, Settings

KEY = "lb_secret_of_this_test"
IDS = {"workspaceId": "ws_1", "knowledgeBaseId": "kb_1"}
LOCAL = ("127.0.0.1", 50_000)
SCRIPT = b"console.log('the page');" * 20


@pytest.fixture
def operations(tmp_path: Path) -> Path:
    folder = tmp_path / "operations"
    folder.mkdir()
    (folder / "viewer.graphql").write_text("query Viewer { viewer { id } }")
    (folder / "search.graphql").write_text("query Search($knowledgeBaseId: ID!) { search { id } }")
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "page-1.js").write_bytes(SCRIPT)
    (folder / "page-1.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "page-1.css").write_bytes(b"body{}")
    (folder / "stray.js").write_bytes(b"not in the manifest")
    manifest = {"script": "page-1.js", "style": "page-1.css", "files": ["page-1.js", "page-1.css"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def build_app(settings: Settings, operations: Path, bundle: Path) -> FastAPI:
    app = FastAPI()
    app.include_router(graphiql_router(settings, operations, lambda: KEY, lambda: IDS, bundle))

    @app.get("/graphql")
    def page() -> Response:
        return graphiql_page(settings, bundle)

    return app


async def get(
    app: FastAPI,
    path: str,
    *,
    host: str = "127.0.0.1:8000",
    client: tuple[str, int] = LOCAL,
    method: str = "GET",
    **headers: str,
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(app, client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as browser:
        return await browser.request(method, path, headers={"Host": host, **named})


@pytest.fixture
def app(operations: Path, bundle: Path) -> FastAPI:
    return build_app(Settings(), operations, bundle)


CONFIG = "/graphql/ide/config.json"
STATIC = "/graphql/ide/static"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "localhost", "[::1]:8000"])
async def test_a_developer_on_this_machine_finds_the_key_filled_in(app: FastAPI, host: str) -> None:
    answer = await get(app, CONFIG, host=host)
    assert json.loads(answer.json()["headers"]) == {"Authorization": f"Bearer {KEY}"}
    assert answer.headers["cache-control"] == "no-store"


async def test_the_ids_of_this_installation_are_put_into_the_variables(app: FastAPI) -> None:
    answer = (await get(app, CONFIG)).json()
    assert answer["operations"] == [
        {"name": "Viewer", "query": "query Viewer { viewer { id } }", "variables": None},
        {
            "name": "Search",
            "query": "query Search($knowledgeBaseId: ID!) { search { id } }",
            "variables": {"knowledgeBaseId": "kb_1"},
        },
    ]


@pytest.mark.parametrize(
    ("host", "client", "headers"),
    [
        ("attacker.example:8000", LOCAL, {}),
        ("localhost.attacker.example", LOCAL, {}),
        ("", LOCAL, {}),
        ("127.0.0.1:8000", ("192.0.2.7", 50_000), {}),
        ("127.0.0.1:8000", ("a name", 50_000), {}),
        ("127.0.0.1:8000", LOCAL, {"X_Forwarded_For": "192.0.2.7"}),
        ("127.0.0.1:8000", LOCAL, {"Forwarded": "for=192.0.2.7"}),
        ("127.0.0.1:8000", LOCAL, {"Sec_Fetch_Site": "cross-site"}),
        ("127.0.0.1:8000", LOCAL, {"Sec_Fetch_Site": "same-site"}),
    ],
)
async def test_nobody_else_is_given_the_key_or_an_id(
    app: FastAPI, host: str, client: tuple[str, int], headers: dict[str, str]
) -> None:
    answer = await get(app, CONFIG, host=host, client=client, **headers)
    assert answer.status_code == 200
    assert answer.json()["headers"] is None
    assert KEY not in answer.text
    assert "kb_1" not in answer.text


async def test_production_never_gives_the_key(operations: Path, bundle: Path) -> None:
    app = build_app(Settings(environment=Environment.PRODUCTION), operations, bundle)
    answer = await get(app, CONFIG)
    assert answer.json()["headers"] is None
    assert KEY not in answer.text


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_no_name_but_loopback_s_passes_for_this_machine(host: str) -> None:
    scope = {"type": "http", "client": LOCAL, "headers": [(b"host", f"{host}x".encode())]}
    assert not is_local(Request(scope))


async def test_the_page_loads_its_own_files_and_has_no_inline_script(app: FastAPI) -> None:
    page = await get(app, "/graphql")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<script type="module" src="graphql/ide/static/page-1.js"></script>' in page.text
    assert page.text.count("<script") == 1
    assert 'href="graphql/ide/static/page-1.css"' in page.text
    assert "//" not in page.text.replace("http://www.w3.org", "")


async def test_the_page_s_policy_is_strict(app: FastAPI) -> None:
    headers = (await get(app, "/graphql")).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["worker-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("settings", "origins"),
    [
        (Settings(port=8123), "ws://127.0.0.1:8123 ws://localhost:8123"),
        (Settings(public_url="https://knowledge.example/base"), "wss://knowledge.example"),
        (Settings(public_url="http://knowledge.example:81"), "ws://knowledge.example:81"),
    ],
)
def test_web_sockets_are_allowed_to_this_server_only(settings: Settings, origins: str) -> None:
    assert f"connect-src 'self' {origins};" in content_security_policy(settings)


def test_a_missing_bundle_is_explained(tmp_path: Path) -> None:
    page = graphiql_page(Settings(), tmp_path / "absent")
    assert page.status_code == 200
    assert b"sh ide/build.sh" in bytes(page.body)
    assert b"<script" not in bytes(page.body)


async def test_switched_off_there_is_no_page_and_no_configuration(operations: Path, bundle: Path) -> None:
    app = build_app(Settings(graphiql=False), operations, bundle)
    for path in ("/graphql", CONFIG, f"{STATIC}/page-1.js"):
        assert (await get(app, path)).status_code == 404


async def test_a_file_may_be_kept_for_ever_since_its_name_has_its_hash(app: FastAPI) -> None:
    answer = await get(app, f"{STATIC}/page-1.css")
    assert answer.content == b"body{}"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
async def test_a_script_is_the_same_compressed_or_not(
    app: FastAPI, accepted: str, encoding: str | None
) -> None:
    answer = await get(app, f"{STATIC}/page-1.js", Accept_Encoding=accepted)
    assert answer.content == SCRIPT
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"].startswith("text/javascript")


async def test_a_file_that_the_browser_has_is_not_sent_again(app: FastAPI) -> None:
    first = await get(app, f"{STATIC}/page-1.js", Accept_Encoding="gzip")
    again = await get(app, f"{STATIC}/page-1.js", Accept_Encoding="gzip", If_None_Match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    plain = await get(
        app, f"{STATIC}/page-1.js", Accept_Encoding="identity", If_None_Match=first.headers["etag"]
    )
    assert (plain.status_code, plain.content) == (200, SCRIPT)


async def test_head_tells_the_size_without_the_file(app: FastAPI) -> None:
    answer = await get(app, f"{STATIC}/page-1.css", method="HEAD")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "6", b"")


@pytest.mark.parametrize(
    "name", ["stray.js", "manifest.json", "page-1.js.gz", "..%2Fmanifest.json", "%2Fetc%2Fpasswd", "a%00b"]
)
async def test_only_files_of_the_manifest_are_served(app: FastAPI, name: str) -> None:
    answer = await get(app, f"{STATIC}/{name}")
    assert answer.status_code == 404
    assert b"root" not in answer.content


def write_credentials(home: Path) -> None:
    home.mkdir()
    values = {"url": "http://127.0.0.1:8000/graphql", "apiKey": KEY, **IDS}
    (home / "credentials.json").write_text(json.dumps(values))


def test_the_development_key_is_the_one_of_the_first_start(tmp_path: Path) -> None:
    write_credentials(tmp_path / "home")
    settings = Settings(home=tmp_path / "home")
    assert development_key(settings) == KEY
    assert development_ids(settings) == IDS


def test_production_does_not_read_the_credentials_file(tmp_path: Path) -> None:
    write_credentials(tmp_path / "home")
    settings = Settings(home=tmp_path / "home", environment=Environment.PRODUCTION)
    assert development_key(settings) is None
    assert development_ids(settings) == {}


def test_without_a_credentials_file_there_is_no_key(tmp_path: Path) -> None:
    assert development_key(Settings(home=tmp_path)) is None
