"""Services about tenants, keys and the state of the parts behind the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.rate_limits import Budget
from lorebase.schemas.workspaces import ApiKey, ApiScope, Membership, Principal, Workspace


class Access(Protocol):
    """Who is asking."""

    async def authenticate(self, secret: str, /) -> Principal:
        """The owner of an API key; Unauthenticated when it is unknown, revoked or expired."""
        ...

    async def recheck(self, principal: Principal, /) -> None:
        """Unauthenticated when the key was revoked or has expired since."""
        ...


class RateLimits(Protocol):
    """What requests cost."""

    async def charge(self, principal: Principal, points: int, /) -> Budget:
        """Takes points from the key's bucket; RateLimited when it does not hold them."""
        ...


class Workspaces(Protocol):
    """The caller's workspace, its members and keys."""

    async def get(self, principal: Principal, /) -> Workspace:
        """The caller's workspace."""
        ...

    async def by_slug(self, principal: Principal, slug: str, /) -> Workspace | None:
        """The workspace with this slug when it is the caller's."""
        ...

    async def members(self, principal: Principal, page: PageRequest, /) -> Page[Membership]:
        """Members, oldest first."""
        ...

    async def count_members(self, principal: Principal, /) -> int:
        """Their number, capped."""
        ...

    async def keys(self, principal: Principal, page: PageRequest, /) -> Page[ApiKey]:
        """Keys, newest first; Forbidden without ADMIN."""
        ...

    async def count_keys(self, principal: Principal, /) -> int:
        """Their number, capped."""
        ...

    async def get_keys(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[ApiKey]:
        """Those of the keys that exist."""
        ...

    async def create_key(
        self,
        principal: Principal,
        name: str,
        scopes: frozenset[ApiScope],
        expires_at: datetime | None,
        idempotency_key: str | None,
        /,
    ) -> tuple[ApiKey, str | None]:
        """A new key and its secret; the secret is None on a repeated request."""
        ...

    async def revoke_key(self, principal: Principal, key_id: UUID, idempotency_key: str | None, /) -> ApiKey:
        """Revokes a key at once."""
        ...


class Health(Protocol):
    """The state of the parts behind the API."""

    async def checks(self) -> Mapping[str, bool]:
        """Whether each part answers, by its name."""
        ...
