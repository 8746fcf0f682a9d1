"""The price of an operation in points, from `@cost` and the sizes of the pages it asks for."""

from __future__ import annotations

from collections.abc import Mapping

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)

from lorebase.api.graphql.directives import Cost

DEFAULT_PAGE = 20
LARGEST_PAGE = 100


def price(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, object],
) -> int:
    """Points of one operation of a valid document.

    A field costs its weight (nothing for a leaf, one for an object when it says nothing) and, times the
    size of the page, what is selected below it.
    """
    root = schema.get_root_type(operation.operation)
    pricer = _Pricer(schema, document, operation, variables)
    return pricer.selection(operation.selection_set, root)


class _Pricer:
    """Prices selections, remembering those of fragments."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, object],
    ) -> None:
        self._schema = schema
        definitions = document.definitions
        self._fragments = {
            node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._variables = {**_defaults(operation), **variables}
        self._known: dict[str, int] = {}

    def selection(self, selection_set: SelectionSetNode | None, parent: GraphQLNamedType | None) -> int:
        """Points of everything selected on a type."""
        nodes = selection_set.selections if selection_set else ()
        return sum(self._node(node, parent) for node in nodes)

    def _node(self, node: SelectionNode, parent: GraphQLNamedType | None) -> int:
        if isinstance(node, FieldNode):
            return self._field(node, getattr(parent, "fields", {}).get(node.name.value))
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inner = self._schema.get_type(condition.name.value) if condition else parent
            return self.selection(node.selection_set, inner)
        name = str(getattr(node, "name").value)  # noqa: B009
        if name not in self._known:
            fragment = self._fragments[name]
            on = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self.selection(fragment.selection_set, on)
        return self._known[name]

    def _field(self, node: FieldNode, field: GraphQLField | None) -> int:
        if field is None:
            return 0
        inner = get_named_type(field.type)
        cost = _cost_of(field)
        weight = cost.weight if cost else int(not is_leaf_type(inner))
        return weight + self._size(node, field, cost) * self.selection(node.selection_set, inner)

    def _size(self, node: FieldNode, field: GraphQLField, cost: Cost | None) -> int:
        names = (cost.multipliers or ()) if cost else ()
        if not names:
            return 1
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        sizes = [self._number(given[name]) for name in names if name in given]
        found = [size for size in sizes if size is not None]
        defaults = [field.args[name].default_value for name in names]
        found = found or [size for size in defaults if isinstance(size, int)]
        # A larger page is refused by the field itself, with a better message.
        return min(max([*found, 1]), LARGEST_PAGE) if found else DEFAULT_PAGE

    def _number(self, value: object) -> int | None:
        if isinstance(value, IntValueNode):
            return int(value.value)
        number = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        return number if isinstance(number, int) else None


def _defaults(operation: OperationDefinitionNode) -> dict[str, object]:
    return {
        node.variable.name.value: int(node.default_value.value)
        for node in operation.variable_definitions or ()
        if isinstance(node.default_value, IntValueNode)
    }


def _cost_of(field: GraphQLField) -> Cost | None:
    declared = field.extensions.get("strawberry-definition")
    found = (each for each in getattr(declared, "directives", ()) if isinstance(each, Cost))
    return next(found, None)
