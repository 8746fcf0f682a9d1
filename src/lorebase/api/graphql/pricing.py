"""The price of an operation in points, from `@cost` and the sizes of the pages it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    value_from_ast_untyped,
)

from lorebase.api.graphql.directives import Cost

DEFAULT_PAGE = 20
LARGEST_PAGE = 100
MODEL_CALL = 100

AsksModel = Callable[[str], bool]


def no_model(_: str) -> bool:
    """No profile asks a chat model."""
    return False


def price(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, object],
    asks_model: AsksModel = no_model,
) -> int:
    """Points of one operation of a valid document.

    A field costs its weight (nothing for a leaf, one for an object when it says nothing) and, times the
    size of the page, what is selected below it. One that names a retrieval profile of which `asks_model` is
    true costs a call of the chat model more, however many queries that makes.
    """
    root = schema.get_root_type(operation.operation)
    pricer = _Pricer(schema, document, operation, variables, asks_model)
    return pricer.selection(operation.selection_set, root)


class _Pricer:
    """Prices selections, remembering those of fragments."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, object],
        asks_model: AsksModel,
    ) -> None:
        self._schema = schema
        self._asks_model = asks_model
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
        below = self.selection(node.selection_set, inner)
        return weight + self._model_call(node, cost) + self._size(node, field, cost) * below

    def _model_call(self, node: FieldNode, cost: Cost | None) -> int:
        if not cost or not cost.profile:
            return 0
        argument, *path = cost.profile.split(".")
        given = {each.name.value: each.value for each in node.arguments or ()}
        profile = self._at(given.get(argument), path)
        # Later pages carry in their cursor what the model made for the first.
        later = self._at(given.get("after"), ())
        return MODEL_CALL if profile and not later and self._asks_model(profile) else 0

    def _at(self, value: ValueNode | None, path: Sequence[str]) -> str | None:
        """The text at a path of an argument, wherever a variable begins."""
        if isinstance(value, VariableNode):
            return _text_at(self._variables.get(value.name.value), path)
        if isinstance(value, ObjectValueNode) and path:
            inner = {field.name.value: field.value for field in value.fields}
            return self._at(inner.get(path[0]), path[1:])
        return value.value if isinstance(value, StringValueNode) and not path else None

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
        node.variable.name.value: value_from_ast_untyped(node.default_value)
        for node in operation.variable_definitions or ()
        if node.default_value is not None
    }


def _text_at(value: object, path: Sequence[str]) -> str | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _cost_of(field: GraphQLField) -> Cost | None:
    declared = field.extensions.get("strawberry-definition")
    found = (each for each in getattr(declared, "directives", ()) if isinstance(each, Cost))
    return next(found, None)
