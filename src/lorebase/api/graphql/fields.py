"""Fields with a resolver, described as every field of the contract is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ForwardRef, Union, cast

import strawberry
from strawberry.extensions.field_extension import FieldExtension

from lorebase.api.graphql.directives import Cost
from lorebase.api.graphql.permissions import RequireScope
from lorebase.schemas.workspaces import ApiScope

Resolver = Callable[..., Any]
FieldDecorator = Callable[[Resolver], Any]


def identifier() -> Any:
    """The `id` field of a type."""
    return strawberry.field(description="Opaque global identifier.")


def computed(
    description: str,
    *,
    cost: Cost | None = None,
    scopes: Sequence[ApiScope] = (),
    extensions: Sequence[FieldExtension] = (),
    graphql_type: object = None,
) -> FieldDecorator:
    """A field with a resolver; its cost and scopes are printed in the SDL and enforced."""
    required = [RequireScope(*scopes)] if scopes else []
    directives: list[object] = [cost] if cost else []
    directives += [scope.directive for scope in required]
    made = strawberry.field(
        description=description,
        directives=directives,
        extensions=[*extensions, *required],
        graphql_type=graphql_type,
    )
    return cast("FieldDecorator", made)


def subscription(description: str, scope: ApiScope, graphql_type: Any) -> FieldDecorator:
    """A subscription that needs a scope; its resolver returns an async generator of `graphql_type`."""
    required = RequireScope(scope)
    made = strawberry.field(
        description=description,
        directives=[required.directive],
        extensions=[required],
        graphql_type=graphql_type,
        is_subscription=True,
    )
    return cast("FieldDecorator", made)


def upward(type_name: str, module: str, description: str) -> FieldDecorator:
    """A field that leads to a type of a module which imports this one.

    The resolver gets the object from `context.get`, so the modules of nouns import downwards only.
    """
    return computed(description, graphql_type=lazily(type_name, module))


def lazily(type_name: str, module: str) -> Any:
    """A type of another module of this package, looked up when the schema is built."""
    return Annotated[ForwardRef(type_name), strawberry.lazy(f"lorebase.api.graphql.{module}")]


def union_of(name: str, description: str, *members: Any) -> Any:
    """A union whose members may stand in modules that import this one."""
    return Annotated[Union[members], strawberry.union(name, description=description)]  # noqa: UP007
