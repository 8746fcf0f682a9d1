"""Credentials and scopes: what nobody, somebody and the wrong one may do."""

from __future__ import annotations

import json
from functools import lru_cache

import pytest
from graphql import parse, print_ast
from graphql.language.ast import ConstDirectiveNode, ObjectTypeDefinitionNode

from lorebase.api.graphql.schema import print_schema
from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.core.resources import read_operation
from lorebase.schemas.workspaces import ApiScope
from tests.unit.api.edge import Edge, the_schema
from tests.unit.api.fake_services import SECRET
from tests.unit.api.test_edge_queries import OPERATIONS, variables_of

NOBODY = {"Authorization": ""}
QUERIES_OF_NOBODY = [
    '{ node(id: "x") { id } }',
    '{ nodes(ids: ["x"]) { id } }',
    '{ workspace(slug: "acme") { id } }',
    "{ embeddingModels { nodes { id } } }",
    '{ search(input: {query: "x", knowledgeBaseIds: []}) { tookMs } }',
    'mutation { cancelJob(input: {id: "x"}) { job { id } } }',
]


async def anonymous(edge: Edge, query: str) -> dict[str, object]:
    response = await edge.http.post("/graphql", json={"query": query})
    assert response.status_code == 200
    return dict(response.json())


async def test_without_credentials_the_viewer_is_null(edge: Edge) -> None:
    assert await anonymous(edge, "{ viewer { scopes } }") == {"data": {"viewer": None}}


@pytest.mark.parametrize("query", QUERIES_OF_NOBODY)
async def test_without_credentials_everything_else_is_refused(edge: Edge, query: str) -> None:
    content = await anonymous(edge, query)
    (error,) = content["errors"]  # type: ignore[misc]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert edge.calls.made == []


async def test_without_credentials_the_schema_can_be_read(edge: Edge) -> None:
    content = await anonymous(edge, "{ __schema { queryType { name } } __typename }")
    assert content == {"data": {"__schema": {"queryType": {"name": "Query"}}, "__typename": "Query"}}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer lb_a-wrong-key",
        "Bearer ",
        "Bearer",
        "",
        "Basic dXNlcjpwYXNz",
        f"Token {SECRET}",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer lb_" + "x" * 5000,
        f"Bearer {SECRET} extra",
    ],
)
async def test_credentials_that_are_not_valid_are_refused_in_one_shape(edge: Edge, header: str) -> None:
    response = await edge.post("{ viewer { scopes } }", Authorization=header)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    content = response.json()
    assert list(content) == ["errors"]
    assert content["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert content["errors"][0]["message"].startswith(("The credentials are not valid", "The API key is not"))


async def test_the_name_of_the_scheme_may_be_written_in_any_case(edge: Edge) -> None:
    response = await edge.post("{ viewer { scopes } }", Authorization=f"bearer {SECRET}")
    assert response.json()["data"]["viewer"] is not None


async def test_credentials_that_cannot_be_checked_are_no_verdict(edge: Edge) -> None:
    edge.calls.failures["access.authenticate"] = Unavailable("Down.", code=ErrorCode.DATABASE_UNAVAILABLE)
    response = await edge.post("{ viewer { scopes } }")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json()["errors"][0]["extensions"]["retryable"] is True


@lru_cache
def declared_scopes() -> dict[str, list[str]]:
    """The scopes that the printed SDL shows for the fields of the root types."""
    found = {}
    for node in parse(print_schema(the_schema())).definitions:
        if isinstance(node, ObjectTypeDefinitionNode) and node.name.value in {"Query", "Mutation"}:
            for field in node.fields or ():
                for directive in field.directives or ():
                    if directive.name.value == "requiresScope":
                        found[field.name.value] = scopes_in(directive)
    return found


def scopes_in(directive: ConstDirectiveNode) -> list[str]:
    return print_ast((directive.arguments or ())[0].value).strip("[]").split(", ")


def operation_of(field: str) -> str | None:
    names = {"ask": "ask-question", "upsertDocument": "add-text-document", "search": "search"}
    names |= {"retrievalProfiles": "list-retrieval-profiles", "keywordAnalysers": "list-keyword-analysers"}
    dashed = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in field)
    name = names.get(field, dashed)
    return name if any(path.stem == name for path in OPERATIONS) else None


@pytest.mark.parametrize("field", sorted(declared_scopes()))
async def test_the_scope_that_the_schema_shows_is_the_one_that_is_enforced(edge: Edge, field: str) -> None:
    name = operation_of(field)
    assert name is not None
    path = next(path for path in OPERATIONS if path.stem == name)
    needed = {ApiScope(scope) for scope in declared_scopes()[field]}
    variables = variables_of(path, edge.world)
    principal = edge.world.principal
    edge.world.principal = principal.model_copy(update={"scopes": frozenset(ApiScope) - needed})
    content = (await edge.post(read_operation(name), variables)).json()
    assert content["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert [call for call, _ in edge.calls.made] == ["access.authenticate"]
    edge.world.principal = principal.model_copy(update={"scopes": frozenset(needed)})
    assert "errors" not in (await edge.post(read_operation(name), variables)).json()


def test_every_mutation_declares_a_scope() -> None:
    mutation = the_schema()._schema.mutation_type
    assert mutation is not None
    assert set(mutation.fields) <= set(declared_scopes())


async def test_no_key_ever_reaches_the_log(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        await edge.post("{ viewer { scopes } }")
        await edge.post("{ viewer { scopes } }", Authorization="Bearer lb_a-wrong-key")
        await edge.http.get("/graphql", params={"query": "{__typename}", "variables": '{"q":"a question"}'})
    logged = json.dumps([{**vars(record), "exc_info": None} for record in caplog.records], default=str)
    assert "request" in logged
    for secret in (SECRET, "lb_a-wrong-key", "a question"):
        assert secret not in logged
