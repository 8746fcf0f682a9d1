"""The schema file: printed from the code, described throughout, bounded, and within the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
    validate_schema,
)
from graphql import (
    build_schema as build_from_sdl,
)

from lorebase.api.graphql.schema import NODE_TYPES, build_schema, core_schema, print_schema
from lorebase.core.ids import TYPE_PREFIXES
from lorebase.core.resources import resource_directory
from tests.conformance.contract import compare

SCHEMA = build_schema()
CORE = core_schema(SCHEMA)
OWN_TYPES = [
    defined
    for defined in CORE.type_map.values()
    if not is_introspection_type(defined) and not is_specified_scalar_type(defined)
]
# Where the code shows a better shape than the contract, and why.
ALLOWED_DIFFERENCES = {
    # Every page has its price; the contract left this one out.
    "Query.embeddingModels directives",
    # All results of two runs are read for it.
    "EvaluationRun.worsened directives",
    # A profile that asks a chat model costs more.
    "Mutation.ask directives",
    "Mutation.runEvaluation directives",
    "Query.search directives",
    # Edges are all described with the same words.
    "EvaluationSetEdge description",
    # Analysers have versions too: an index names one, and a reindex may keep the model.
    "EmbeddingIndex description",
    "JobKind.SYNC_METADATA",
    "Mutation.reindexKnowledgeBase description",
    "ReindexKnowledgeBaseInput(embeddingModelId)",
    "ReindexKnowledgeBaseInput(embeddingModelId) description",
    # Hits say how they were searched.
    "SearchExplanation description",
    # What is absent is the profile's.
    "SearchInput(mode)",
    "SearchInput(mode) description",
}


def test_the_schema_file_is_what_the_code_prints() -> None:
    printed = print_schema(SCHEMA)
    kept = (resource_directory("schema") / "schema.graphql").read_text(encoding="utf-8")
    assert kept == printed, "run: python -m lorebase.api.graphql.schema > schema/schema.graphql"


def test_the_printed_schema_is_valid_for_other_tools() -> None:
    rebuilt = build_from_sdl(print_schema(SCHEMA))
    assert validate_schema(rebuilt) == []
    assert validate_schema(CORE) == []


def test_a_second_schema_of_the_same_code_is_the_same() -> None:
    assert print_schema(build_schema()) == print_schema(SCHEMA)


@pytest.mark.parametrize("defined", OWN_TYPES, ids=lambda defined: defined.name)
def test_everything_is_described(defined: object) -> None:
    lacking = [] if defined.description else [defined.name]  # type: ignore[attr-defined]
    if isinstance(defined, GraphQLEnumType):
        lacking += [name for name, value in defined.values.items() if not value.description]
    if isinstance(defined, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        for name, field in defined.fields.items():
            lacking += [] if field.description else [name]
            arguments = getattr(field, "args", {})
            lacking += [f"{name}({each})" for each, found in arguments.items() if not found.description]
    assert lacking == []


def test_every_connection_has_a_price_and_the_four_arguments() -> None:
    for parent in OWN_TYPES:
        for name, field in getattr(parent, "fields", {}).items():
            if get_named_type(field.type).name.endswith("Connection"):
                place = f"{parent.name}.{name}"
                directives = {
                    type(each).__name__ for each in field.extensions["strawberry-definition"].directives
                }
                assert "Cost" in directives, place
                wanted = {"first", "after"} if name == "search" else {"first", "last", "after", "before"}
                assert wanted <= set(field.args), place


def test_every_mutation_takes_one_input_and_returns_its_payload() -> None:
    assert CORE.mutation_type is not None
    for name, field in CORE.mutation_type.fields.items():
        stem = name[0].upper() + name[1:]
        assert list(field.args) == ["input"]
        assert str(field.args["input"].type) == f"{stem}Input!"
        assert str(field.type) == f"{stem}Payload!"
        given = get_named_type(field.args["input"].type)
        assert isinstance(given, GraphQLInputObjectType)
        assert {"clientMutationId", "idempotencyKey"} <= set(given.fields)
        payload = get_named_type(field.type)
        assert isinstance(payload, GraphQLObjectType)
        assert str(payload.fields["userErrors"].type) == "[UserError!]!"


def test_every_node_type_can_be_looked_up_and_has_a_prefix() -> None:
    node = CORE.get_type("Node")
    assert isinstance(node, GraphQLInterfaceType)
    names = {possible.name for possible in CORE.get_possible_types(node)}
    # People are shown below the workspaces they belong to; nothing looks them up alone.
    assert names - set(NODE_TYPES) == {"User", "Membership"}
    assert names <= set(TYPE_PREFIXES)


@pytest.mark.conformance
def test_the_schema_stays_within_the_contract(request: pytest.FixtureRequest) -> None:
    """`--contract PATH` names the full contract, of which this schema is the part that works, and more."""
    path = request.config.getoption("--contract", default=None)
    if path is None:
        pytest.skip("no --contract was given")
    contract = Path(path).read_text(encoding="utf-8")
    differences = compare(print_schema(SCHEMA), contract)
    # What the contract does not name was added to it, in its style.
    known = [each for each in differences if not each.endswith("contract: None")]
    assert [each for each in known if each.split(": ")[0] not in ALLOWED_DIFFERENCES] == []
