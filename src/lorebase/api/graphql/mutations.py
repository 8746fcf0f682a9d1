"""What all mutations share: one input, one payload, expected failures in `userErrors`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast

import strawberry
from strawberry import UNSET
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension
from strawberry.types.field import StrawberryField

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.directives import Cost
from lorebase.api.graphql.fields import FieldDecorator, computed
from lorebase.api.graphql.user_errors import UserError, to_user_error
from lorebase.core.errors import BadInput, LorebaseError
from lorebase.schemas.workspaces import ApiScope

Given = TypeVar("Given")
Input = Annotated[Given, strawberry.argument(name="input", description="What to do.")]

IDEMPOTENCY = (
    "Repeating a request with the same key within 24 hours returns the first result instead of acting again."
)


@strawberry.input
class MutationInput:
    """What every mutation accepts."""

    client_mutation_id: str | None = strawberry.field(
        description="Returned unchanged in the payload.", default=None
    )
    idempotency_key: str | None = strawberry.field(description=IDEMPOTENCY, default=None)


@strawberry.type
class Payload:
    """What every mutation answers with; the objects stay null when it failed."""

    client_mutation_id: str | None = strawberry.field(
        description="The value given in the input.", default=None
    )
    user_errors: list[UserError] = strawberry.field(
        description="Expected failures; empty on success.", default_factory=list
    )


class ExpectedFailures(FieldExtension):
    """Turns expected failures into `userErrors` and echoes `clientMutationId`."""

    def apply(self, field: StrawberryField) -> None:
        """Learns which payload to make on failure."""
        self._payload = cast("type[Payload]", field.type)

    async def resolve_async(
        self, next_: AsyncExtensionResolver, source: object, info: Info, **arguments: Any
    ) -> Payload:
        """Runs the mutation; what is not an expected failure goes on to `errors`."""
        given: MutationInput = arguments["given"]
        try:
            payload: Payload = await next_(source, info, **arguments)
        except LorebaseError as error:
            user_error = to_user_error(error)
            if user_error is None:
                raise
            payload = self._payload(user_errors=[user_error])
        payload.client_mutation_id = given.client_mutation_id
        return payload


def mutation(description: str, scope: ApiScope, *, cost: Cost | None = None) -> FieldDecorator:
    """A mutation that needs a scope; its resolver takes `given: Input[…]` and returns a `Payload`."""
    return computed(description, cost=cost, scopes=[scope], extensions=[ExpectedFailures()])


def given_fields(source: object, **names: str) -> dict[str, object]:
    """The fields of an input that were given, null included, by the name that the command has for them."""
    found = {target: getattr(source, name) for name, target in names.items()}
    return {target: value for target, value in found.items() if value is not UNSET}


def not_null(fields: Mapping[str, object], name: str) -> None:
    """BadInput when a field was given as null that cannot be cleared."""
    if name in fields and fields[name] is None:
        raise BadInput(f"`{name}` cannot be cleared: leave it out instead.", field=[name])
