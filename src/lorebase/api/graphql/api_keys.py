"""API keys: the type and the mutations that make and revoke them."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.enums import ApiScope
from lorebase.api.graphql.fields import identifier
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.mutations import Input, MutationInput, Payload, mutation
from lorebase.api.graphql.nodes import Node, Timestamped, global_id, read_id
from lorebase.schemas import workspaces as values


@strawberry.type(description="A credential for programs. The secret is shown once, by `createApiKey`.")
class ApiKey(Node, Timestamped):
    """A key as clients see it."""

    id: strawberry.ID = identifier()
    expires_at: datetime | None = strawberry.field(description="When the key stops working; null for never.")
    last_used_at: datetime | None = strawberry.field(description="Last use, to the minute.")
    name: str = strawberry.field(description="Label.")
    prefix: str = strawberry.field(description="First characters of the secret, to tell keys apart.")
    revoked_at: datetime | None = strawberry.field(description="When the key was revoked.")
    scopes: list[ApiScope] = strawberry.field(description="What the key may do.")

    @classmethod
    def from_value(cls, value: values.ApiKey) -> Self:
        """Shows a key."""
        return cls(
            id=global_id("ApiKey", value.workspace_id, value.id),
            created_at=value.created_at,
            expires_at=value.expires_at,
            last_used_at=value.last_used_at,
            name=value.name,
            prefix=value.prefix,
            revoked_at=value.revoked_at,
            scopes=sorted(value.scopes),
            updated_at=value.updated_at,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The key, or None."""
        value = await loaders.keys.load(object_id)
        return cls.from_value(value) if value else None


@strawberry.input(description="Input of `createApiKey`.")
class CreateApiKeyInput(MutationInput):
    """A key to make."""

    expires_at: datetime | None = strawberry.field(description="When it stops working.", default=None)
    name: str = strawberry.field(description="Label.")
    scopes: list[ApiScope] = strawberry.field(description="What the key may do.")
    workspace_id: strawberry.ID = strawberry.field(description="Owner.")


@strawberry.type(
    description="Result of `createApiKey`. On failure the object fields are null and `userErrors` says why."
)
class CreateApiKeyPayload(Payload):
    """The key and, this once, its secret."""

    api_key: ApiKey | None = strawberry.field(description="The key.", default=None)
    secret: str | None = strawberry.field(
        description="The secret; shown once, null on a repeated idempotent request.", default=None
    )


@strawberry.input(description="Input of `revokeApiKey`.")
class RevokeApiKeyInput(MutationInput):
    """The key to revoke."""

    id: strawberry.ID = strawberry.field(description="The key.")


@strawberry.type(
    description="Result of `revokeApiKey`. On failure the object fields are null and `userErrors` says why."
)
class RevokeApiKeyPayload(Payload):
    """The key, of no more use."""

    api_key: ApiKey | None = strawberry.field(description="The key.", default=None)


@strawberry.type
class ApiKeyMutations:
    """Mutations of keys."""

    @mutation("Creates an API key; the secret is returned only here.", ApiScope.ADMIN)
    async def create_api_key(self, info: Info, given: Input[CreateApiKeyInput]) -> CreateApiKeyPayload:
        """Makes a key for the caller's workspace."""
        principal, workspaces = info.context.principal, info.context.services.workspaces
        read_id(principal, given.workspace_id, "Workspace")
        key, secret = await workspaces.create_key(
            principal, given.name, frozenset(given.scopes), given.expires_at, given.idempotency_key
        )
        return CreateApiKeyPayload(api_key=ApiKey.from_value(key), secret=secret)

    @mutation("Revokes an API key at once.", ApiScope.ADMIN)
    async def revoke_api_key(self, info: Info, given: Input[RevokeApiKeyInput]) -> RevokeApiKeyPayload:
        """Ends a key; its open streams end within a minute."""
        principal, workspaces = info.context.principal, info.context.services.workspaces
        key_id = read_id(principal, given.id, "ApiKey")
        key = await workspaces.revoke_key(principal, key_id, given.idempotency_key)
        return RevokeApiKeyPayload(api_key=ApiKey.from_value(key))
