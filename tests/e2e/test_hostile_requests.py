"""Requests made to break the endpoint: each is answered with a typed error and nothing of our insides."""

from __future__ import annotations

import json

import pytest

from lorebase.core.resources import read_operation
from tests.e2e.client import Api
from tests.e2e.library import Library
from tests.e2e.test_bad_files import unharmed  # noqa: F401

JSON = {"Content-Type": "application/json"}
REFUSED = "BAD_USER_INPUT"
PARSE = "GRAPHQL_PARSE_FAILED"
INVALID = "GRAPHQL_VALIDATION_FAILED"
COMPLEX = "QUERY_TOO_COMPLEX"


def asking(query: str, **more: object) -> bytes:
    return json.dumps({"query": query, **more}).encode()


def doubling(levels: int, fields: str) -> str:
    """Fragments that each spread the one before twice: 2^levels times the fields from a few bytes."""
    fragments = [f"fragment f0 on Query {{ {fields} }}"]
    fragments += [f"fragment f{n} on Query {{ ...f{n - 1} ...f{n - 1} }}" for n in range(1, levels)]
    return f"{{ ...f{levels - 1} }} " + " ".join(fragments)


DEEP_FILTER = "{not:" * 200 + "{}" + "}" * 200
NODE_LIMIT = "query($id: ID!) { node(id: $id) { ... on Workspace { jobs(first: %s) { nodes { id } } } } }"

BODIES: dict[str, tuple[bytes, str]] = {
    "null": (b"null", REFUSED),
    "a number": (b"1", REFUSED),
    "a text": (b'"x"', REFUSED),
    "a batch": (b'[{"query":"{__typename}"}]', REFUSED),
    "nothing": (b"", REFUSED),
    "half": (b'{"query": "{ viewer', REFUSED),
    "invalid UTF-8": (b'{"query": "\xff\xfe"}', REFUSED),
    "nested arrays": (b"[" * 100_000 + b"]" * 100_000, REFUSED),
    "a long number": (b'{"query":"{__typename}","variables":{"n":' + b"9" * 10_000 + b"}}", REFUSED),
    "NaN": (b'{"query":"{__typename}","variables":{"n":NaN}}', REFUSED),
    "half a surrogate pair": (b'{"query":"{__typename}","variables":{"n":"\\ud800"}}', REFUSED),
    "query is a number": (b'{"query": 1}', REFUSED),
    "no query": (b"{}", REFUSED),
    "variables are a list": (b'{"query":"{__typename}","variables":[1]}', REFUSED),
    "deep variables": (
        asking("{__typename}", variables={"x": json.loads("[" * 500 + "]" * 500)}),
        REFUSED,
    ),
    "bad syntax": (asking("{ viewer { "), PARSE),
    "unknown field": (asking("{ secrets }"), INVALID),
    "unknown operation": (asking("query A { __typename }", operationName="B"), INVALID),
    "two operations, no name": (asking("query A { __typename } query B { __typename }"), INVALID),
    "a fragment in itself": (asking("{ ...f } fragment f on Query { ...f }"), INVALID),
    "doubling fragments": (asking(doubling(25, "a: __typename b: __typename")), COMPLEX),
    "too many fragments": (asking(doubling(40, "__typename")), COMPLEX),
    "many aliases": (asking("{" + " ".join(f"a{n}: __typename" for n in range(200)) + "}"), COMPLEX),
    "many repeats": (asking("{" + "__typename " * 400 + "}"), COMPLEX),
    "many directives": (asking("{ __typename " + "@include(if: true) " * 100 + "}"), COMPLEX),
    "many tokens": (asking("{" + "a " * 20_000 + "}"), PARSE),
    "deep selection": (asking("{ viewer" * 100 + "}" * 100), COMPLEX),
    "deep literal": (
        asking(
            f'{{ search(input: {{query: "x", knowledgeBaseIds: [], filter: {DEEP_FILTER}}}) {{ tookMs }} }}'
        ),
        PARSE,
    ),
    "a dear query": (
        asking(
            "query($id: ID!) { node(id: $id) { ... on Workspace { knowledgeBases(first: 100) { nodes {"
            " documents(first: 100) { nodes { versions(first: 100) { nodes { chunks(first: 100) {"
            " nodes { text } } } } } } } } } } }",
            variables={"id": "ws_x"},
        ),
        COMPLEX,
    ),
    "a page beyond 32 bits": (asking(NODE_LIMIT % 2**31, variables={"id": "ws_x"}), INVALID),
    "a number with 10,000 digits": (asking(NODE_LIMIT % ("9" * 10_000), variables={"id": "ws_x"}), COMPLEX),
}


def assert_clean(text: str) -> None:
    for internal in ("Traceback", "site-packages", "strawberry", ".py", "asyncpg", "Exception"):
        assert internal not in text


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_gets_a_typed_error(name: str, api: Api) -> None:
    content, code = BODIES[name]
    headers = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
    response = await api.http.post(api.url, content=content, headers=headers)
    codes = [error["extensions"]["code"] for error in response.json()["errors"]]
    assert (response.status_code, set(codes)) == (400, {code})
    assert_clean(response.text)
    assert (await api.run("viewer"))["scopes"]


@pytest.mark.parametrize("size", [-1, 0, 101, 10**9])
async def test_a_page_of_an_odd_size_is_refused(size: int, on_shelf: Library) -> None:
    for operation, variables in (
        ("list-jobs", {"workspaceId": on_shelf.workspace_id}),
        ("search", {"input": {"knowledgeBaseIds": [on_shelf.id], "query": "bread"}}),
    ):
        body = await on_shelf.api.result(operation, first=size, **variables)
        codes = {error["extensions"]["code"] for error in body["errors"]}
        assert codes <= {REFUSED, COMPLEX}


async def test_fragments_that_double_without_end_in_one_field_cost_nothing(api: Api) -> None:
    response = await api.http.post(api.url, content=asking(doubling(30, "__typename")), headers=JSON)
    assert response.json()["data"] == {"__typename": "Query"}


async def test_a_mutation_by_get_is_refused_and_changes_nothing(library: Library) -> None:
    document_id = await library.shelve("kept.md", "Kept.")
    query = f'mutation {{ deleteDocument(input: {{id: "{document_id}"}}) {{ deletedId }} }}'
    response = await library.api.http.get(library.api.url, params={"query": query})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert list(await library.listed()) == ["kept.md"]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 400),
    ],
)
async def test_other_content_types_are_refused(content_type: str, status: int, api: Api) -> None:
    response = await api.http.post(
        api.url, content=b'{"query":"{__typename}"}', headers={"Content-Type": content_type}
    )
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == REFUSED


def operations_for(library: Library) -> str:
    variables = {"knowledgeBaseId": library.id, "file": None}
    return json.dumps({"query": read_operation("upload-document"), "variables": variables})


async def test_a_form_of_another_site_is_refused(library: Library) -> None:
    form = {"operations": operations_for(library), "map": '{"0": ["variables.file"]}'}
    headers = {"X-Requested-With": ""}
    response = await library.api.http.post(
        library.api.url, data=form, files={"0": ("a.txt", b"forged", "text/plain")}, headers=headers
    )
    assert response.status_code == 403
    assert await library.listed() == {}


@pytest.mark.parametrize(
    "places", ["[]", "null", '{"0": "x"}', '{"0": ["query"]}', '{"1": ["variables.file"]}']
)
async def test_a_form_whose_map_leads_nowhere_is_refused(places: str, library: Library) -> None:
    response = await library.api.http.post(
        library.api.url,
        data={"operations": operations_for(library), "map": places},
        files={"0": ("a.txt", b"lost", "text/plain")},
    )
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == REFUSED
    assert_clean(response.text)


@pytest.mark.parametrize(
    "injection", ['" or workspace != "', "%", "\\", "'; drop table documents; --", '"]) or true']
)
async def test_a_filter_cannot_be_broken_out_of(injection: str, on_shelf: Library) -> None:
    for condition in (
        {"title": {"eq": injection}},
        {"title": {"contains": injection}},
        {"tags": {"hasAny": [injection]}},
    ):
        assert await on_shelf.found("anything", "VECTOR", filter={"document": condition}) == set()
        assert await on_shelf.listed(condition) == {}
