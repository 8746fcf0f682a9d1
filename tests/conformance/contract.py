"""Compares a printed schema with the contract it grows into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphql import (
    ConstDirectiveNode,
    DefinitionNode,
    DirectiveDefinitionNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    SchemaDefinitionNode,
    StringValueNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
)

Facts = dict[str, str]


def compare(declared: str, contract: str) -> list[str]:
    """Everything that is declared otherwise than in the contract, one line each; what is left out is fine."""
    wanted = facts(contract)
    found = facts(declared)
    return sorted(
        f"{place}: {value!r}, contract: {wanted.get(place)!r}"
        for place, value in found.items()
        if wanted.get(place) != value
    )


def facts(sdl: str) -> Facts:
    """What a schema promises, by place: types, defaults, descriptions, directives, members."""
    return {place: value for node in parse(sdl).definitions for place, value in _definition(node)}


def _definition(node: DefinitionNode) -> Iterator[tuple[str, str]]:  # noqa: C901 - one case a kind
    match node:
        case SchemaDefinitionNode():
            return
        case DirectiveDefinitionNode():
            name = f"@{node.name.value}"
            yield f"{name} locations", " ".join(sorted(place.value for place in node.locations))
            yield f"{name} description", _text(node.description)
            yield from _inputs(name, node.arguments or ())
        case EnumTypeDefinitionNode():
            yield from _head(node.name.value, "enum", node.description, node.directives or ())
            for value in node.values or ():
                yield f"{node.name.value}.{value.name.value}", _text(value.description)
        case UnionTypeDefinitionNode():
            yield from _head(node.name.value, "union", node.description, node.directives or ())
            for member in node.types or ():
                yield f"{node.name.value} member {member.name.value}", "yes"
        case InputObjectTypeDefinitionNode():
            yield from _head(node.name.value, "input", node.description, node.directives or ())
            yield from _inputs(node.name.value, node.fields or ())
        case ScalarTypeDefinitionNode():
            yield from _head(node.name.value, "scalar", node.description, node.directives or ())
        case ObjectTypeDefinitionNode() | InterfaceTypeDefinitionNode():
            kind = "type" if isinstance(node, ObjectTypeDefinitionNode) else "interface"
            yield from _head(node.name.value, kind, node.description, node.directives or ())
            names = sorted(each.name.value for each in node.interfaces or ())
            yield f"{node.name.value} implements", " ".join(names)
            for field in node.fields or ():
                yield from _field(f"{node.name.value}.{field.name.value}", field)
        case _:
            raise TypeError(f"a schema should not hold a {node.kind}")


def _head(
    name: str, kind: str, description: StringValueNode | None, directives: Sequence[ConstDirectiveNode]
) -> Iterator[tuple[str, str]]:
    yield name, kind
    yield f"{name} description", _text(description)
    yield f"{name} directives", _applied(directives)


def _field(place: str, field: FieldDefinitionNode) -> Iterator[tuple[str, str]]:
    yield place, print_ast(field.type)
    yield f"{place} description", _text(field.description)
    yield f"{place} directives", _applied(field.directives or ())
    yield from _inputs(place, field.arguments or ())


def _inputs(owner: str, inputs: Sequence[InputValueDefinitionNode]) -> Iterator[tuple[str, str]]:
    for each in inputs:
        default = f" = {print_ast(each.default_value)}" if each.default_value else ""
        yield f"{owner}({each.name.value})", print_ast(each.type) + default
        yield f"{owner}({each.name.value}) description", _text(each.description)


def _applied(directives: Sequence[ConstDirectiveNode]) -> str:
    return " ".join(sorted(print_ast(directive).replace('"', "'") for directive in directives))


def _text(description: StringValueNode | None) -> str:
    return " ".join(description.value.split()) if description else ""
