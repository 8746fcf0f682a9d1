"""People and their places in a workspace."""

from __future__ import annotations

from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.enums import WorkspaceRole
from lorebase.api.graphql.fields import identifier
from lorebase.api.graphql.nodes import Node, Timestamped, global_id
from lorebase.schemas import workspaces as values


@strawberry.type(description="A person.")
class User(Node, Timestamped):
    """A person as other members see them."""

    id: strawberry.ID = identifier()
    email: str | None = strawberry.field(description="Address; null unless the caller may see it.")
    name: str = strawberry.field(description="Display name.")

    @classmethod
    def from_value(cls, value: values.User, workspace_id: UUID, *, shows_email: bool) -> Self:
        """Shows a person."""
        return cls(
            id=global_id("User", workspace_id, value.id),
            created_at=value.created_at,
            email=value.email if shows_email else None,
            name=value.name,
            updated_at=value.updated_at,
        )


@strawberry.type(description="A person's place in a workspace.")
class Membership(Node, Timestamped):
    """A place as clients see it."""

    id: strawberry.ID = identifier()
    role: WorkspaceRole = strawberry.field(description="Role.")
    user: User = strawberry.field(description="The person.")

    @classmethod
    def from_value(cls, value: values.Membership, *, shows_email: bool) -> Self:
        """Shows a place; addresses are for administrators."""
        return cls(
            id=global_id("Membership", value.workspace_id, value.id),
            created_at=value.created_at,
            role=value.role,
            updated_at=value.updated_at,
            user=User.from_value(value.user, value.workspace_id, shows_email=shows_email),
        )
