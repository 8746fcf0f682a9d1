"""GraphiQL in a real browser: queries, subscriptions, documentation, in both colour schemes."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import strawberry
import uvicorn
from fastapi import FastAPI, Request, Response
from strawberry.fastapi import GraphQLRouter

from lorebase.api.graphiql import graphiql_page, graphiql_router
from lorebase.core.config import Settings
from tests.integration.browser_story import IDE, Run, Scheme, Seen, Story, build_page, tell

pytestmark = pytest.mark.browser

KEY = "lb_key_of_the_browser_test"

OPERATIONS = {
    "greeting.graphql": "query Greeting($name: String!) {\n  greeting(name: $name)\n}\n",
    "greeting.variables.json": '{"name": "${workspaceId}"}',
    "counting.graphql": "subscription Counting {\n  counting(to: 3)\n}\n",
    "secret.graphql": "subscription Secret {\n  secret\n}\n",
}

Info = strawberry.Info[dict[str, object], None]


def authorization(info: Info) -> str | None:
    parameters = info.context.get("connection_params")
    if isinstance(parameters, dict):
        return str(parameters.get("authorization"))
    request = info.context["request"]
    return request.headers.get("authorization") if isinstance(request, Request) else None


@strawberry.type
class Query:
    @strawberry.field
    def greeting(self, info: Info, name: str) -> str:
        return f"Hello {name}, you sent {authorization(info)}"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def counting(self, to: int) -> AsyncIterator[int]:
        for number in range(1, to + 1):
            yield number

    @strawberry.subscription
    async def secret(self, info: Info) -> AsyncIterator[str]:
        yield f"connected with {authorization(info)}"


def build_app(operations: Path) -> FastAPI:
    settings = Settings()
    app = FastAPI()
    ids = {"workspaceId": "workspace one"}
    app.include_router(graphiql_router(settings, operations, lambda: KEY, lambda: ids))
    graphql = GraphQLRouter(strawberry.Schema(Query, subscription=Subscription), graphql_ide=None)

    @app.get("/graphql")
    def page() -> Response:
        return graphiql_page(settings)

    app.include_router(graphql, prefix="/graphql")
    return app


@pytest.fixture(scope="module")
def fixture_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    operations = tmp_path_factory.mktemp("operations")
    for name, text in OPERATIONS.items():
        (operations / name).write_text(text)
    build_page()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        server = uvicorn.Server(uvicorn.Config(build_app(operations), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            thread.join(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def page_url(request: pytest.FixtureRequest) -> str:
    """The page of a running API when `--graphql-url` names one, otherwise of the small app above."""
    given = request.config.getoption("--graphql-url", default=None)
    return str(given or request.getfixturevalue("fixture_url"))


@pytest.fixture
def screenshots(request: pytest.FixtureRequest) -> str | None:
    folder = request.config.getoption("--screenshots", default=None)
    return str(folder) if folder else None


def run_of(seen: Seen, tab: str) -> str:
    """What the screen showed, without the editor's line breaks."""
    return " ".join(next(run.shown for run in seen.runs if run.tab == tab).split())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_clean_and_shows_the_schema(
    page_url: str, scheme: Scheme, screenshots: str | None
) -> None:
    seen = tell(Story(url=page_url, scheme=scheme, screenshots=screenshots))
    assert seen.mishaps() == []
    assert "Root Types" in seen.documentation


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_query_and_a_subscription_answer_when_they_are_clicked(
    fixture_url: str, scheme: Scheme, screenshots: str | None
) -> None:
    runs = [
        Run(tab="Greeting", expect=["Hello workspace one", f"you sent Bearer {KEY}"]),
        Run(tab="Counting", expect=['"counting": 3']),
        Run(tab="Secret", expect=[f"connected with Bearer {KEY}"]),
    ]
    seen = tell(Story(url=fixture_url, runs=runs, scheme=scheme, screenshots=screenshots))
    assert seen.mishaps() == []
    assert "Hello workspace one" in run_of(seen, "Greeting")
    assert '"counting": 3' in run_of(seen, "Counting")
    assert "connected with Bearer" in run_of(seen, "Secret")


def test_every_example_is_a_tab_and_the_key_is_filled_in(fixture_url: str) -> None:
    seen = tell(Story(url=fixture_url))
    assert seen.mishaps() == []
    assert [tab.strip() for tab in seen.tabs] == ["Counting", "Greeting", "Secret"]
    assert json.loads(seen.headers) == {"Authorization": f"Bearer {KEY}"}


def test_the_key_is_there_on_the_second_visit_but_kept_nowhere_in_the_browser(fixture_url: str) -> None:
    seen = tell(Story(url=fixture_url, runs=[Run(tab="Greeting", expect=["Hello"])]))
    assert json.loads(seen.headers) == {"Authorization": f"Bearer {KEY}"}
    assert "tabState" in seen.storage
    assert KEY not in seen.storage


def test_the_editor_s_workers_are_files_of_this_server(fixture_url: str) -> None:
    seen = tell(Story(url=fixture_url))
    assert seen.workers
    assert all(path.startswith("/graphql/ide/static/") for path in seen.workers)


def test_the_page_s_own_functions_pass_their_tests(fixture_url: str) -> None:
    tests = [str(path) for path in sorted((IDE / "src").glob("*.test.js"))]
    done = subprocess.run(
        ["sh", str(IDE / "node.sh"), "node", "--test", *tests],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "pass 6" in done.stdout


def test_wrong_variables_show_the_server_s_own_message(fixture_url: str) -> None:
    run = Run(tab="Greeting", variables={"name": 1}, expect=["String cannot represent"])
    seen = tell(Story(url=fixture_url, runs=[run]))
    assert "String cannot represent a non string value" in run_of(seen, "Greeting")
