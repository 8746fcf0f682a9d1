"""Workspaces, their members and their API keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, Conflict
from lorebase.core.ids import new_id
from lorebase.core.security import new_api_key
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiKey, ApiScope, Membership, Principal, Workspace
from lorebase.services.access import require
from lorebase.services.idempotency import Replay, kept_id
from lorebase.services.slugs import checked_slug, numbered, slug_from
from lorebase.services.text_rules import tidy_label

NAME_CHARACTERS = 200
SHARED_BUCKETS = 64

_SLUG_TRIES = 100
_KEYS_MAXIMUM = 1000
_ALL_SCOPES = frozenset(ApiScope)


class WorkspaceService:
    """What concerns the tenant as a whole."""

    def __init__(self, *, units: UnitOfWorkFactory, clock: Clock, settings: Settings) -> None:
        self._units = units
        self._clock = clock
        self._settings = settings

    async def get(self, principal: Principal) -> Workspace:
        """The caller's workspace; any key may see it."""
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.workspaces.get()

    async def by_slug(self, principal: Principal, slug: str) -> Workspace | None:
        """The caller's workspace when this is its slug; others are invisible."""
        workspace = await self.get(principal)
        return workspace if workspace.slug == slug else None

    async def members(self, principal: Principal, page: PageRequest) -> Page[Membership]:
        """Members, oldest first."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.workspaces.members(page)

    async def count_members(self, principal: Principal) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.workspaces.count_members()

    async def keys(self, principal: Principal, page: PageRequest) -> Page[ApiKey]:
        """Keys, newest first, revoked ones too."""
        require(principal, ApiScope.ADMIN)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.workspaces.keys(page)

    async def count_keys(self, principal: Principal) -> int:
        """Their number, capped."""
        require(principal, ApiScope.ADMIN)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.workspaces.count_keys()

    async def get_keys(self, principal: Principal, ids: Sequence[UUID]) -> list[ApiKey]:
        """Those that exist, in any order; without ADMIN a key may look at itself alone."""
        if set(ids) != {principal.api_key_id}:
            require(principal, ApiScope.ADMIN)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.workspaces.get_keys(ids)

    async def create_key(
        self,
        principal: Principal,
        name: str,
        scopes: frozenset[ApiScope],
        expires_at: datetime | None,
        idempotency_key: str | None = None,
    ) -> tuple[ApiKey, str | None]:
        """A new key and its secret, which is kept nowhere: a replay gives the key without it.

        BadInput for a bad name, no scope, or an end that has passed.
        """
        require(principal, ApiScope.ADMIN)
        label = checked_name(name)
        if not scopes:
            raise BadInput("A key needs a scope.", field=["scopes"])
        if expires_at is not None and expires_at <= self._clock.now():
            raise BadInput("The key would have expired already.", field=["expiresAt"])
        wanted: list[JsonValue] = [*sorted(scopes)]
        asked: dict[str, JsonValue] = {
            "name": name,
            "scopes": wanted,
            "expires_at": expires_at.isoformat() if expires_at else None,
        }
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "createApiKey", idempotency_key, asked)
            if (kept := await replay.earlier()) is not None:
                return (await uow.workspaces.get_keys([kept_id(kept, "key_id")]))[0], None
            if await uow.workspaces.count_keys() >= _KEYS_MAXIMUM:
                raise Conflict(f"A workspace has at most {_KEYS_MAXIMUM} keys.")
            key, secret = await _add_key(uow, label, scopes, expires_at)
            await replay.keep(key_id=key.id)
            await uow.commit()
        return key, secret

    async def revoke_key(
        self, principal: Principal, key_id: UUID, idempotency_key: str | None = None
    ) -> ApiKey:
        """Ends a key at once; a second time changes nothing. NotFound."""
        require(principal, ApiScope.ADMIN)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "revokeApiKey", idempotency_key, {"id": str(key_id)})
            if (kept := await replay.earlier()) is not None:
                return (await uow.workspaces.get_keys([kept_id(kept, "key_id")]))[0]
            key = await uow.workspaces.revoke_key(key_id)
            await replay.keep(key_id=key.id)
            await uow.commit()
        return key

    async def create_workspace(self, slug: str | None, name: str) -> tuple[Workspace, ApiKey, str]:
        """An operator's command: a workspace, its partition, and a first key with all scopes and its secret.

        Without a slug one is made from the name. Conflict when a given slug is taken.
        """
        label = checked_name(name)
        workspace_id = new_id()
        free = checked_slug(slug) if slug else await self._free_slug(slug_from(label, "workspace"))
        async with self._units.for_system() as system:
            number = await system.count_workspaces()
        partition = partition_of(workspace_id, number, self._settings.partition_limit)
        async with self._units.for_workspace(workspace_id) as uow:
            workspace = await uow.workspaces.add(workspace_id, free, label, partition)
            key, secret = await _add_key(uow, "First key", _ALL_SCOPES, None)
            await uow.commit()
        return workspace, key, secret

    async def _free_slug(self, wish: str) -> str:
        async with self._units.for_system() as uow:
            for number in range(1, _SLUG_TRIES):
                slug = numbered(wish, number)
                if await uow.workspace_by_slug(slug) is None:
                    return slug
        raise Conflict("No slug is free for this name: give one.", field=["slug"])


def partition_of(workspace_id: UUID, workspaces: int, limit: int) -> str:
    """A partition of its own while there are fewer workspaces than the limit, a shared bucket after that."""
    if workspaces < limit:
        return f"w_{workspace_id.hex}"
    return f"shared_{workspace_id.int % SHARED_BUCKETS}"


def checked_name(name: str) -> str:
    """A name on one line, without control characters; BadInput when empty or too long."""
    label = tidy_label(name, ["name"]) if len(name) <= 4 * NAME_CHARACTERS else name
    if not label or len(label) > NAME_CHARACTERS:
        raise BadInput(f"A name has 1 to {NAME_CHARACTERS} characters.", field=["name"])
    return label


async def _add_key(
    uow: UnitOfWork, name: str, scopes: frozenset[ApiScope], expires_at: datetime | None
) -> tuple[ApiKey, str]:
    made = new_api_key()
    key = await uow.workspaces.add_key(name, made.prefix, made.digest, scopes, expires_at)
    return key, made.secret
