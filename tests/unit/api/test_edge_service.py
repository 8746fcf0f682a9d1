"""Everything beside GraphQL: health, metrics, downloads, traces, headers."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from lorebase.api.downloads import download_url, read_token
from lorebase.core.errors import NotFound
from lorebase.core.ids import new_id
from tests.factories import make_settings
from tests.fakes.clock import START
from tests.unit.api.edge import AUTHORIZATION, Edge, open_edge
from tests.unit.api.fake_world import TEXT
from tests.unit.api.socket_client import SUBPROTOCOL, SocketClient

URL = "query($id: ID!) { node(id: $id) { ... on DocumentVersion { downloadUrl } } }"


async def link(edge: Edge) -> str:
    data = await edge.data(URL, {"id": edge.world.global_id("DocumentVersion", edge.world.version)})
    return str(data["node"]["downloadUrl"])  # type: ignore[index]


async def test_a_process_that_lives_says_so_whatever_is_out(edge: Edge) -> None:
    edge.services.health.parts = dict.fromkeys(("database", "redis", "milvus"), False)
    response = await edge.http.get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize(
    ("out", "status", "content"),
    [
        ([], 200, {"status": "ready", "degraded": []}),
        (["redis", "milvus"], 200, {"status": "degraded", "degraded": ["milvus", "redis"]}),
        (["database"], 503, {"status": "unavailable", "degraded": ["database"]}),
    ],
)
async def test_readiness_names_what_is_out_and_needs_only_the_database(
    edge: Edge, out: list[str], status: int, content: dict[str, object]
) -> None:
    for part in out:
        edge.services.health.parts[part] = False
    response = await edge.http.get("/readyz")
    assert (response.status_code, response.json()) == (status, content)


async def test_metrics_count_requests_and_time_operations(edge: Edge) -> None:
    async with open_edge(edge.services, port=8001) as fresh:
        await fresh.post("{ viewer { scopes } }")
        await fresh.post('{ node(id: "x") { id } nodes(ids: []) { id } workspace(slug: "") { id } }')
        response = await fresh.http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert 'lorebase_http_requests_total{method="POST",status="200"} 2.0' in response.text
    assert 'lorebase_graphql_operation_seconds_count{kind="query",outcome="ok"} 2.0' in response.text
    assert "process_resident_memory_bytes" in response.text


async def test_a_source_is_downloaded_by_its_link_without_a_key(edge: Edge) -> None:
    response = await edge.http.get(await link(edge))
    assert response.text == TEXT
    headers = response.headers
    assert headers["content-disposition"] == (
        "attachment; filename*=UTF-8''asyncio%20%E2%80%9Cguide%E2%80%9D.txt"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["content-length"] == str(len(TEXT))
    assert edge.calls.named("contents.download") == [(edge.world.workspace.id, edge.world.version.id)]


async def test_a_link_begins_with_the_public_address(edge: Edge) -> None:
    assert (await link(edge)).startswith("http://127.0.0.1:8000/downloads/")
    async with open_edge(edge.services, public_url="https://kb.example.org/") as public:
        assert (await link(public)).startswith("https://kb.example.org/downloads/")


@pytest.mark.parametrize("token", ["x", "%00", "A" * 200, "é", "..%2f..%2fetc%2fpasswd"])
async def test_a_link_that_was_not_made_by_us_leads_nowhere(edge: Edge, token: str) -> None:
    response = await edge.http.get(f"/downloads/{token}")
    assert response.status_code == 404
    assert edge.calls.named("contents.download") == []


async def test_a_link_to_what_was_deleted_leads_nowhere(edge: Edge) -> None:
    url = await link(edge)
    edge.world.versions.clear()
    response = await edge.http.get(url)
    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_link_ends_after_five_minutes(edge: Edge) -> None:
    signer, version = edge.services.signer, edge.world.version
    token = download_url(make_settings(), signer, version, START).rpartition("/")[2]
    assert read_token(signer, token, START + timedelta(minutes=5)) == (version.workspace_id, version.id)
    with pytest.raises(NotFound):
        read_token(signer, token, START + timedelta(minutes=5, seconds=1))


def test_a_cursor_is_no_link(edge: Edge) -> None:
    token = edge.services.signer.sign("list:x", new_id().hex * 2 + "9999999999")
    with pytest.raises(NotFound):
        read_token(edge.services.signer, token, START)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Trace-Id": "a" * 32}, "a" * 32),
        ({"X-Trace-Id": "A" * 32}, "a" * 32),
        ({"traceparent": f"00-{'b' * 32}-{'c' * 16}-01"}, "b" * 32),
        ({"X-Trace-Id": "<script>", "traceparent": f"00-{'b' * 32}-{'c' * 16}-01"}, "b" * 32),
        ({"X-Trace-Id": "0" * 32}, None),
        ({"traceparent": "nonsense"}, None),
        ({}, None),
    ],
)
async def test_a_trace_goes_through_or_begins_here(
    edge: Edge, headers: dict[str, str], expected: str | None
) -> None:
    response = await edge.http.get("/livez", headers=headers)
    trace_id = response.headers["x-trace-id"]
    assert re.fullmatch("[0-9a-f]{32}", trace_id)
    assert trace_id == expected if expected else trace_id != "0" * 32


async def test_every_request_leaves_one_line_with_its_time(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    url = await link(edge)
    with caplog.at_level("INFO", logger="lorebase.access"):
        await edge.http.get(url)
    (record,) = [vars(each) for each in caplog.records if each.name == "lorebase.access"]
    assert (record["method"], record["path"], record["status"]) == ("GET", "/downloads/…", 200)
    assert record["milliseconds"] >= 0


@pytest.mark.parametrize(("origin", "status"), [("http://api.test", 101), ("https://evil.example", 0)])
async def test_every_socket_leaves_one_line_that_says_whether_it_was_opened(
    edge: Edge, caplog: pytest.LogCaptureFixture, origin: str, status: int
) -> None:
    client = SocketClient(edge, SUBPROTOCOL, headers={"host": "api.test", "origin": origin})
    with caplog.at_level("INFO", logger="lorebase.access"):
        if status:
            await client.initialise()
        await client.leave()
    (record,) = [vars(each) for each in caplog.records if each.name == "lorebase.access"]
    assert (record["method"], record["path"], record["status"]) == ("WEBSOCKET", "/graphql", status)


async def test_browsers_are_told_to_be_careful(edge: Edge) -> None:
    for path in ("/livez", "/graphql", "/nowhere"):
        headers = (await edge.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]


async def test_other_origins_are_let_in_only_where_they_are_configured(edge: Edge) -> None:
    preflight = {
        "Origin": "https://app.example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = await edge.http.options("/graphql", headers=preflight)
    assert "access-control-allow-origin" not in response.headers
    async with open_edge(edge.services, cors_origins=["https://app.example.org"]) as open_:
        allowed = await open_.http.options("/graphql", headers=preflight)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://app.example.org"
        other = await open_.http.options("/graphql", headers={**preflight, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        answer = await open_.post("{ __typename }", None, Origin="https://app.example.org")
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert "x-trace-id" in answer.headers["access-control-expose-headers"].lower()
        assert "access-control-allow-credentials" not in answer.headers


async def test_there_is_no_second_description_of_the_api(edge: Edge) -> None:
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert (await edge.http.get(path, headers=AUTHORIZATION)).status_code == 404
