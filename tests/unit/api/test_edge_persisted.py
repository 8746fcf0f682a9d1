"""Persisted documents over every transport: registered by hash, or trusted by a list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from lorebase.api.graphql.persisted import PersistedDocuments, sha256
from lorebase.core.config import PersistedOperations
from lorebase.core.errors import Permanent
from lorebase.core.resources import read_operation
from tests.factories import make_settings
from tests.unit.api.edge import AUTHORIZATION, Edge, open_edge
from tests.unit.api.script import job_story
from tests.unit.api.socket_client import connect

QUERY = "{ viewer { scopes } }"
SCOPES = {"viewer": {"scopes": ["ADMIN", "ASK", "READ", "WRITE"]}}
OURS = read_operation("viewer")
GRAPHQL = {"Accept": "application/graphql-response+json"}


def hashed(text: str, **more: object) -> dict[str, object]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}, **more}


async def send(edge: Edge, content: Mapping[str, object]) -> dict[str, object]:
    response = await edge.http.post("/graphql", json=content, headers={**AUTHORIZATION, **GRAPHQL})
    return dict(response.json(), status=response.status_code)


async def code(edge: Edge, content: Mapping[str, object]) -> str:
    answer = await send(edge, content)
    assert answer["status"] == 400
    assert "data" not in answer
    return str(answer["errors"][0]["extensions"]["code"])  # type: ignore[index]


async def test_a_hash_is_unknown_until_its_document_came_along_once() -> None:
    async with open_edge(query_max_depth=14) as edge:
        answer = await send(edge, hashed(QUERY))
        assert answer["errors"][0]["message"] == "PersistedQueryNotFound"  # type: ignore[index]
        assert await code(edge, hashed(QUERY)) == "PERSISTED_QUERY_NOT_FOUND"
        assert (await send(edge, hashed(QUERY, query=QUERY)))["data"] == SCOPES
        assert (await send(edge, hashed(QUERY)))["data"] == SCOPES
        assert (await send(edge, {"documentId": f"sha256:{sha256(QUERY)}"}))["data"] == SCOPES


async def test_a_registered_query_may_come_by_get(edge: Edge) -> None:
    await send(edge, hashed(QUERY, query=QUERY))
    for parameters in (
        {"extensions": json.dumps(hashed(QUERY)["extensions"])},
        {"documentId": sha256(QUERY)},
    ):
        response = await edge.http.get("/graphql", params=parameters, headers=AUTHORIZATION)
        assert response.json()["data"] == SCOPES


async def test_a_mutation_by_its_hash_needs_post_all_the_same(edge: Edge) -> None:
    parameters = {"documentId": sha256(read_operation("delete-document"))}
    response = await edge.http.get("/graphql", params=parameters, headers=AUTHORIZATION)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_a_document_that_is_not_what_its_hash_says_is_refused_and_not_kept(edge: Edge) -> None:
    other = "{ viewer { __typename } }"
    assert await code(edge, hashed(other, query=QUERY)) == "PERSISTED_QUERY_MISMATCH"
    assert await code(edge, hashed(other)) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_document_that_fails_validation_is_not_kept(edge: Edge) -> None:
    wrong = "{ nope }"
    assert await code(edge, hashed(wrong, query=wrong)) == "GRAPHQL_VALIDATION_FAILED"
    assert await code(edge, hashed(wrong)) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "content",
    [
        {"extensions": {"persistedQuery": 1}},
        {"extensions": {"persistedQuery": {}}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "a"}}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 7}}},
        {"documentId": 1},
        {"documentId": ""},
        {"documentId": "x" * 201},
    ],
    ids=str,
)
async def test_what_names_no_document_is_refused(edge: Edge, content: dict[str, object]) -> None:
    assert await code(edge, content) == "BAD_USER_INPUT"


async def test_over_a_socket_documents_go_by_their_hash_too(edge: Edge) -> None:
    async with connect(edge) as client:
        await client.initialise()
        await client.send({"id": "1", "type": "subscribe", "payload": {"documentId": sha256(OURS)}})
        message = await client.receive()
        assert message["payload"]["data"]["viewer"]["scopes"] == SCOPES["viewer"]["scopes"]  # type: ignore[index]
        await client.receive()
        await client.send({"id": "2", "type": "subscribe", "payload": hashed("{ a: __typename }")})
        message = await client.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"  # type: ignore[index]


async def test_a_stream_is_opened_by_its_hash_too(edge: Edge) -> None:
    edge.services.streams.script = job_story(edge.world)
    content = {
        "documentId": sha256(read_operation("follow-job")),
        "variables": {"jobId": edge.world.global_id("Job", edge.world.job)},
    }
    headers = {**AUTHORIZATION, "Accept": "text/event-stream"}
    response = await edge.http.post("/graphql", json=content, headers=headers)
    assert response.text.count("event: next") == 7


async def test_where_hashes_are_off_clients_are_told_to_send_the_text() -> None:
    async with open_edge(persisted_operations=PersistedOperations.OFF) as edge:
        answer = await send(edge, hashed(QUERY))
        assert answer["errors"][0]["message"] == "PersistedQueryNotSupported"  # type: ignore[index]
        assert await code(edge, hashed(OURS)) == "PERSISTED_QUERY_NOT_SUPPORTED"
        assert (await send(edge, hashed(QUERY, query=QUERY)))["data"] == SCOPES


async def test_where_only_trusted_documents_run_nothing_else_does() -> None:
    async with open_edge(persisted_operations=PersistedOperations.ONLY) as edge:
        assert await code(edge, {"query": QUERY}) == "DOCUMENT_NOT_TRUSTED"
        assert await code(edge, {"query": "{"}) == "DOCUMENT_NOT_TRUSTED"
        assert await code(edge, hashed(QUERY, query=QUERY)) == "DOCUMENT_NOT_TRUSTED"
        assert await code(edge, hashed(QUERY)) == "PERSISTED_QUERY_NOT_FOUND"
        assert "data" in await send(edge, {"documentId": sha256(OURS)})
        assert edge.calls.named("workspaces.get") != []


async def test_the_tabs_of_graphiql_are_trusted_however_they_are_laid_out() -> None:
    async with open_edge(persisted_operations=PersistedOperations.ONLY) as edge:
        for text in (OURS, OURS.replace("\n", "\n\n"), "# mine\n" + OURS):
            assert "data" in await send(edge, {"query": text})


def trusting(path: Path, content: str) -> PersistedDocuments:
    path.write_text(content)
    settings = make_settings(trusted_documents=path, persisted_operations=PersistedOperations.ONLY)
    return PersistedDocuments(settings)


def test_the_documents_of_a_frontend_are_trusted_by_the_names_its_tools_gave_them(tmp_path: Path) -> None:
    documents = trusting(tmp_path / "persisted.json", json.dumps({"app-1": QUERY}))
    assert documents.text("", "app-1") == QUERY
    assert documents.text("", sha256(QUERY)) == QUERY
    assert documents.text(QUERY, None) == QUERY
    assert documents.text("", sha256(OURS)) == OURS


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": "{"}', '{"a": "\\""}'])
def test_a_file_that_lists_no_documents_stops_the_start(tmp_path: Path, content: str) -> None:
    with pytest.raises(Permanent, match="LOREBASE_TRUSTED_DOCUMENTS"):
        trusting(tmp_path / "persisted.json", content)


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="LOREBASE_TRUSTED_DOCUMENTS"):
        PersistedDocuments(make_settings(trusted_documents=tmp_path / "none.json"))


def is_kept(documents: PersistedDocuments, name: str) -> bool:
    return documents._registered.get(name) is not None


def test_documents_that_clients_register_never_fill_the_memory() -> None:
    documents = PersistedDocuments(make_settings())
    for number in range(1200):
        documents.register(f"short-{number}", "x")
    assert [is_kept(documents, name) for name in ("short-0", "short-199", "short-200")] == [
        False,
        False,
        True,
    ]
    for number in range(50):
        documents.register(f"long-{number}", "x" * 100_000)
    assert [is_kept(documents, f"long-{number}") for number in (0, 9, 10, 49)] == [False, False, True, True]


def test_a_document_in_use_stays_when_others_have_to_go() -> None:
    documents = PersistedDocuments(make_settings())
    documents.register("used", QUERY)
    for number in range(2000):
        documents.register(f"new-{number}", "x")
        assert documents.text("", "used") == QUERY
