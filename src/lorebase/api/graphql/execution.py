"""Runs operations like graphql-core, but reads fields that are mere attributes without ceremony.

For each field of each object, graphql-core makes a path and an info, calls a resolver and completes the
result. For an attribute of a scalar or enum type that is the same as reading and coercing it. Whatever is
unusual (a missing attribute, null where there may be none, a value that does not fit) goes the long way,
which words the error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from operator import attrgetter
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLString,
    is_leaf_type,
)
from graphql.execution.collect_fields import GroupedFieldSet
from graphql.execution.executor import Executor
from graphql.pyutils import AwaitableOrValue, Path
from graphql.type import GraphQLNonNull
from strawberry.types.field import StrawberryField

Values = dict[str, Any]

_PLAIN: dict[GraphQLLeafType, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}


@dataclass(frozen=True, slots=True)
class _Attribute:
    """How to read one field from the object behind it; values of type `plain` are their own coercion."""

    read: Callable[[object], object]
    coerce: Callable[[Any], Any]
    nullable: bool
    plain: type | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A selection: its attributes, and the rest; `fields` is kept for its identity."""

    fields: GroupedFieldSet
    attributes: Mapping[str, _Attribute] = field(default_factory=dict)
    rest: GroupedFieldSet = field(default_factory=dict)
    resolves: bool = False


class AttributeExecutor(Executor[Any]):
    """An executor for one operation; `execute(..., executor_class=AttributeExecutor)`.

    `resolved` says whether a resolver was called that does more than to read an attribute.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._plans: dict[int, _Plan] = {}
        self.resolved = False

    def for_event(self, event: object) -> AttributeExecutor:
        """An executor of the same operation for one event of a subscription."""
        made = self.build_per_event_executor(event)
        assert isinstance(made, AttributeExecutor)
        return made

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> AwaitableOrValue[Values]:
        """The values of a selection, in its order."""
        plan = self._plans.get(id(grouped_field_set))
        if plan is None:
            plan = self._plans[id(grouped_field_set)] = _plan(parent_type, grouped_field_set)
        self.resolved = self.resolved or plan.resolves
        slow = super().execute_fields
        if not plan.attributes:
            return slow(parent_type, source_value, path, grouped_field_set, position_context)
        values = _read(source_value, plan.attributes)
        if values is None:
            return slow(parent_type, source_value, path, grouped_field_set, position_context)
        if not plan.rest:
            return values
        rest = slow(parent_type, source_value, path, plan.rest, position_context)
        if isawaitable(rest):
            return _joined_later(plan, values, rest)
        return _joined(plan, values, rest)


def _plan(parent_type: GraphQLObjectType, fields: GroupedFieldSet) -> _Plan:
    attributes = {}
    for name, details in fields.items():
        node = details[0].node
        defined = parent_type.fields.get(node.name.value)
        attribute = _attribute(defined) if defined and not node.arguments else None
        if attribute is not None:
            attributes[name] = attribute
    rest = {name: details for name, details in fields.items() if name not in attributes}
    resolves = not all(_is_mere(parent_type, details[0].node.name.value) for details in rest.values())
    return _Plan(fields, attributes, rest, resolves)


def _is_mere(parent_type: GraphQLObjectType, name: str) -> bool:
    """Whether a field reads an attribute, names the type, or is the event of a subscription itself."""
    defined = parent_type.fields.get(name)
    if defined is None:
        return name == "__typename"
    strawberry_field = (defined.extensions or {}).get("strawberry-definition")
    basic = isinstance(strawberry_field, StrawberryField) and strawberry_field.is_basic_field
    return defined.subscribe is not None or (basic and not defined.args)


def _attribute(defined: GraphQLField) -> _Attribute | None:
    # Strawberry marks the resolvers that read an attribute and do nothing else.
    strawberry_field = (defined.extensions or {}).get("strawberry-definition")
    plain = getattr(defined.resolve, "_is_default", False) and not defined.args
    required = isinstance(defined.type, GraphQLNonNull)
    kind = defined.type.of_type if isinstance(defined.type, GraphQLNonNull) else defined.type
    if not (plain and isinstance(strawberry_field, StrawberryField) and is_leaf_type(kind)):
        return None
    leaf: GraphQLLeafType = kind
    read = attrgetter(strawberry_field.python_name)
    return _Attribute(read, leaf.coerce_output_value, not required, _PLAIN.get(leaf))


def _read(source: object, attributes: Mapping[str, _Attribute]) -> Values | None:
    """The coerced attributes; None when one of them needs the long way."""
    values: Values = {}
    try:
        for name, attribute in attributes.items():
            value = attribute.read(source)
            if type(value) is attribute.plain:
                values[name] = value
                continue
            if value is not None:
                value = attribute.coerce(value)
                if value is None or hasattr(value, "__await__"):
                    return None
            elif not attribute.nullable:
                return None
            values[name] = value
    except Exception:  # noqa: BLE001 - the long way meets it again and words the error
        return None
    return values


def _joined(plan: _Plan, values: Values, rest: Values) -> Values:
    both = {**values, **rest}
    return {name: both[name] for name in plan.fields if name in both}


async def _joined_later(plan: _Plan, values: Values, rest: Awaitable[Values]) -> Values:
    return _joined(plan, values, await rest)
