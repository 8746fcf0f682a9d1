"""Documents made to be dear are refused before they cost much: in CPU time, which no neighbour disturbs."""

from __future__ import annotations

import time

import pytest

from tests.unit.api.edge import Edge, open_edge

CPU_MILLISECONDS = 50
TRIES = 3


def doubling(count: int) -> str:
    chain = "".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }} " for n in range(count))
    return "{ ...f0 } " + chain + f"fragment f{count} on Query {{ viewer {{ a: scopes b: scopes }} }}"


def circle(count: int) -> str:
    links = (f"fragment f{n} on Query {{ ...f{(n + 1) % count} }}" for n in range(count))
    return "{ ...f0 } " + " ".join(links)


DOCUMENTS = {
    "fragments that double": doubling(20),
    "10,000 aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(10_000)) + " }",
    "10,000 directives": "{ __typename " + "@skip(if: false) " * 10_000 + "}",
    "200 fragment spreads": "{ "
    + " ".join(f"...f{n}" for n in range(200))
    + " } "
    + " ".join(f"fragment f{n} on Query {{ __typename }}" for n in range(200)),
    "a selection 5,000 deep": "{ a" * 5_000 + " }" * 5_000,
    "a comment of 1 MiB": "{ __typename } # " + "x" * 1024 * 1024,
    "a literal 5,000 deep": "{ node(id: " + "[" * 5_000 + "]" * 5_000 + ") { id } }",
    "10,000 variables": "query(" + " ".join(f"$v{n}: Int" for n in range(10_000)) + ") { __typename }",
    "a list of 100,000 values": "{ nodes(ids: [" + "1 " * 100_000 + "]) { id } }",
    "a field 10,000 times": "{ " + "__typename " * 10_000 + "}",
    "fragments in a circle": circle(30),
    "2,000 operations": " ".join(f"query q{n} {{ __typename }}" for n in range(2_000)),
    "the dearest pages": '{ workspace(slug: "x") { knowledgeBases(first: 100) { nodes'
    " { documents(first: 100) { nodes { latestJob { id } } } } } } }",
    "introspection in itself": "{ __schema { types { "
    + "ofType { fields { type { " * 6
    + "name"
    + " } } }" * 6
    + " } } }",
    "long names that do not exist": "{ " + " ".join("a" * 95 + f"{n:03}" for n in range(900)) + " }",
}


async def cpu_milliseconds(edge: Edge, query: str) -> float:
    began = time.process_time()
    response = await edge.post(query, None, Accept="application/graphql-response+json")
    spent = (time.process_time() - began) * 1000
    assert response.status_code == 400
    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    assert codes <= {"QUERY_TOO_COMPLEX", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
    assert len(response.content) < 20_000
    return spent


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_dear_document_is_refused_cheaply(edge: Edge, name: str) -> None:
    """The least of three: a collection of garbage in one of them says nothing about the document."""
    spent = [await cpu_milliseconds(edge, DOCUMENTS[name]) for _ in range(TRIES)]
    assert min(spent) < CPU_MILLISECONDS
    assert edge.calls.named("workspaces.by_slug") == []


async def test_nothing_that_was_refused_is_kept() -> None:
    async with open_edge(query_max_depth=14) as edge:
        await edge.post("{ __typename }")
        for document in DOCUMENTS.values():
            await edge.post(document)
        assert await edge.data("{ __typename }") == {"__typename": "Query"}
