"""What all objects share: a global id, timestamps, and how one object leads to another."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.loaders import Loaders
from lorebase.core.errors import NotFound
from lorebase.core.ids import NO_WORKSPACE, GlobalId, parse_global_id
from lorebase.schemas.workspaces import Principal

SHARED_TYPES = frozenset({"EmbeddingModel"})


@strawberry.interface(description="An object with a globally unique, opaque identifier.")
class Node:
    """Anything that `node` can find."""

    id: strawberry.ID = strawberry.field(description="Opaque global identifier; refetchable through `node`.")

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The object, or None; types that only stand below others have no lookup of their own."""
        return None


@strawberry.interface(description="An object that records when it was created and last changed.")
class Timestamped:
    """Anything with a history."""

    created_at: datetime = strawberry.field(description="When the object was created.")
    updated_at: datetime = strawberry.field(description="When the object was last changed.")


def global_id(type_name: str, workspace_id: UUID, object_id: UUID) -> strawberry.ID:
    """The opaque id that clients see."""
    return strawberry.ID(str(GlobalId(type_name, workspace_id, object_id)))


def read_id(principal: Principal, value: str, *expected: str) -> UUID:
    """The object's own id. Malformed, of another type or another workspace: NotFound, all the same."""
    return read_global_id(principal, value, *expected).object_id


def read_global_id(principal: Principal, value: str, *expected: str) -> GlobalId:
    """A global id that the caller may ask for; NotFound otherwise."""
    identifier = parse_global_id(value, *expected)
    owner = NO_WORKSPACE if identifier.type_name in SHARED_TYPES else principal.workspace_id
    foreign = identifier.type_name == "Workspace" and identifier.object_id != owner
    if foreign or identifier.workspace_id != owner:
        raise NotFound("There is no such object.")
    return identifier
