"""Example operations for GraphiQL's tabs, read from the project's own operation files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from graphql import (
    DocumentNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    TypeNode,
    VariableDefinitionNode,
    parse,
)
from pydantic import BaseModel, JsonValue, TypeAdapter

# The first tab answers at once and changes nothing; then a document's way, from upload to cited answer.
STORY = (
    "viewer",
    "add-text-document",
    "follow-job",
    "search",
    "ask-question",
    "follow-answer",
    "list-documents",
    "list-jobs",
    "follow-workspace-jobs",
)

BLANKS: dict[str, JsonValue] = {"ID": "", "String": "", "Int": 1, "Float": 1.0, "Boolean": False}
VARIABLES = TypeAdapter(dict[str, JsonValue])


class ExampleOperation(BaseModel):
    """One tab: the text of an operation and values for its variables."""

    name: str
    query: str
    variables: dict[str, JsonValue] | None

    def with_ids(self, ids: Mapping[str, str]) -> ExampleOperation:
        """A copy where every string `${name}` that `ids` knows holds its value."""
        if self.variables is None:
            return self
        filled = {name: _fill(value, ids) for name, value in self.variables.items()}
        return self.model_copy(update={"variables": filled})


def load_examples(directory: Path) -> list[ExampleOperation]:
    """One example for each `NAME.graphql` in `directory`: the `STORY` in its order, then the others by name.

    None when there is no such folder.

    Variables come from `NAME.variables.json` beside it, where `"${workspaceId}"` and
    `"${knowledgeBaseId}"` stand for the reader's own; without that file the required ones are left blank.
    Raises GraphQLSyntaxError for a file that is no GraphQL.
    """
    return [_load(path) for path in sorted(directory.glob("*.graphql"), key=_place)]


def _place(path: Path) -> tuple[int, str]:
    return (STORY.index(path.stem) if path.stem in STORY else len(STORY), path.name)


def _load(path: Path) -> ExampleOperation:
    query = path.read_text(encoding="utf-8")
    operation = _first_operation(parse(query))
    name = operation.name.value if operation and operation.name else path.stem
    return ExampleOperation(name=name, query=query, variables=_variables(path, operation))


def _first_operation(document: DocumentNode) -> OperationDefinitionNode | None:
    found = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return next(found, None)


def _variables(path: Path, operation: OperationDefinitionNode | None) -> dict[str, JsonValue] | None:
    prepared = path.with_suffix(".variables.json")
    if prepared.is_file():
        return VARIABLES.validate_json(prepared.read_bytes())
    declared = (operation.variable_definitions if operation else None) or ()
    required = [node for node in declared if _required(node)]
    return {node.variable.name.value: _blank(node) for node in required} or None


def _required(node: VariableDefinitionNode) -> bool:
    return isinstance(node.type, NonNullTypeNode) and node.default_value is None


def _blank(node: VariableDefinitionNode) -> JsonValue:
    name, kind = node.variable.name.value, node.type
    return f"${{{name}}}" if _named(kind) == "ID" else _blank_of(kind)


def _blank_of(kind: TypeNode) -> JsonValue:
    inner = kind.type if isinstance(kind, NonNullTypeNode) else kind
    return [] if isinstance(inner, ListTypeNode) else BLANKS.get(_named(inner), {})


def _named(kind: TypeNode) -> str:
    inner = kind.type if isinstance(kind, NonNullTypeNode) else kind
    return inner.name.value if isinstance(inner, NamedTypeNode) else ""


def _fill(value: JsonValue, ids: Mapping[str, str]) -> JsonValue:
    match value:
        case str() if value.startswith("${") and value.endswith("}"):
            return ids.get(value[2:-1], value)
        case list():
            return [_fill(item, ids) for item in value]
        case dict():
            return {name: _fill(item, ids) for name, item in value.items()}
        case _:
            return value
