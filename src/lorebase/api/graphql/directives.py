"""Directives printed in the SDL that say what a field costs and which scopes it needs."""

from __future__ import annotations

import strawberry
from strawberry.schema_directive import Location

from lorebase.api.graphql.enums import ApiScope


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description=(
        "Marks a value with the permission scope a caller needs. Shown in introspection-driven docs."
    ),
)
class RequiresScope:
    """The scopes of which a caller needs one; `permissions.requires` prints and enforces it."""

    scopes: list[ApiScope] = strawberry.directive_field(name="scopes")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description=(
        "Cost of a field in points; list fields multiply the cost of their children by the page size."
    ),
)
class Cost:
    """What `limits` charges for a field."""

    weight: int = strawberry.directive_field(name="weight")
    multipliers: list[str] | None = strawberry.directive_field(name="multipliers", default=strawberry.UNSET)
    profile: str | None = strawberry.directive_field(name="profile", default=strawberry.UNSET)


# Strawberry prints no descriptions of directive arguments: the schema gets them after it is built.
ARGUMENT_DESCRIPTIONS = {
    ("requiresScope", "scopes"): "Scopes of which the caller needs at least one.",
    ("cost", "weight"): "Points charged for resolving the field once.",
    ("cost", "multipliers"): "Argument names that hold the multiplier (for example `first`).",
    ("cost", "profile"): (
        "Where the retrieval profile is named (for example `input.profile`): one that has a chat model add "
        "to the query costs 100 points more, unless `after` asks for a later page."
    ),
}
