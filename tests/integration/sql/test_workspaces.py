"""Workspaces, members and keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lorebase.core.errors import Conflict, NotFound
from lorebase.core.ids import new_id
from lorebase.core.security import NewSecret, new_api_key
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.workspaces import ApiKey, ApiScope, WorkspaceRole
from tests.integration.database import DatabaseUrls, connect
from tests.integration.sql.factories import Tenant

Units = SqlUnitOfWorkFactory
SCOPES = frozenset({ApiScope.READ, ApiScope.ASK})


async def add_key(units: Units, tenant: Tenant, secret: NewSecret, **fields: object) -> ApiKey:
    async with units.for_workspace(tenant.workspace_id) as uow:
        expires = fields.get("expires_at")
        assert expires is None or isinstance(expires, datetime)
        key = await uow.workspaces.add_key("ci", secret.prefix, secret.digest, SCOPES, expires)
        await uow.commit()
    return key


async def test_a_workspace_is_found_by_itself_and_by_its_slug(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        mine = await uow.workspaces.get()
    assert (mine.id, mine.partition) == (tenant.workspace_id, "partition_1")
    async with units.for_system() as system:
        assert await system.workspace_by_slug(mine.slug) == mine
        assert await system.workspace_by_slug("nobody") is None
        assert await system.count_workspaces() == 1


async def test_a_slug_is_taken_once(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        slug = (await uow.workspaces.get()).slug
    other = new_id()
    async with units.for_workspace(other) as uow:
        with pytest.raises(Conflict) as refused:
            await uow.workspaces.add(other, slug, "Other", "p")
    assert refused.value.field == ["slug"]


async def test_a_key_is_found_by_its_hash_and_nothing_else(units: Units, tenant: Tenant) -> None:
    secret = new_api_key()
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    key = await add_key(units, tenant, secret, expires_at=expires)
    assert (key.scopes, key.prefix, key.expires_at, key.revoked_at) == (SCOPES, secret.prefix, expires, None)
    async with units.for_system() as system:
        assert await system.find_key(secret.digest) == key
        assert await system.find_key(new_api_key().digest) is None


async def test_a_revoked_key_is_still_found_and_revoking_twice_changes_nothing(
    units: Units, tenant: Tenant
) -> None:
    secret = new_api_key()
    key = await add_key(units, tenant, secret)
    async with units.for_workspace(tenant.workspace_id) as uow:
        revoked = await uow.workspaces.revoke_key(key.id)
        await uow.commit()
    assert revoked.revoked_at is not None
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.workspaces.revoke_key(key.id) == revoked
        with pytest.raises(NotFound):
            await uow.workspaces.revoke_key(new_id())
    async with units.for_system() as system:
        assert await system.find_key(secret.digest) == revoked


async def test_the_use_of_a_key_is_noted_to_the_minute(units: Units, tenant: Tenant) -> None:
    secret = new_api_key()
    key = await add_key(units, tenant, secret)
    async with units.for_system() as system:
        await system.touch_key(key.id)
        await system.touch_key(key.id)
        noted = await system.find_key(secret.digest)
        await system.commit()
    assert noted is not None
    assert noted.last_used_at is not None
    assert (noted.last_used_at.second, noted.last_used_at.microsecond) == (0, 0)
    assert timedelta(0) <= datetime.now(UTC) - noted.last_used_at < timedelta(minutes=2)
    assert noted.updated_at == key.updated_at


async def test_keys_are_listed_newest_first_and_counted(units: Units, tenant: Tenant) -> None:
    keys = [await add_key(units, tenant, new_api_key()) for _ in range(3)]
    async with units.for_workspace(tenant.workspace_id) as uow:
        page = await uow.workspaces.keys(PageRequest(limit=2))
        assert list(page.items) == [keys[2], keys[1]]
        assert (page.has_next, page.has_previous) == (True, False)
        assert await uow.workspaces.count_keys() == 3
        assert await uow.workspaces.get_keys([keys[0].id, new_id()]) == [keys[0]]


async def test_members_are_listed_with_the_person_and_only_ones_own(
    units: Units, tenant: Tenant, neighbour: Tenant, database: DatabaseUrls
) -> None:
    owner = await connect(database.owner)
    try:
        for workspace, name in ((tenant, "Ada"), (neighbour, "Bob")):
            user = new_id()
            await owner.execute(
                "INSERT INTO users (id, email, name) VALUES ($1, $2, $3)", user, f"{name}@example.org", name
            )
            await owner.execute(
                "INSERT INTO memberships (workspace_id, id, user_id, role) VALUES ($1, $2, $3, 'EDITOR')",
                workspace.workspace_id,
                new_id(),
                user,
            )
    finally:
        await owner.close()
    async with units.for_workspace(tenant.workspace_id) as uow:
        page = await uow.workspaces.members(PageRequest(limit=5))
        assert [(one.user.name, one.user.email, one.role) for one in page.items] == [
            ("Ada", "Ada@example.org", WorkspaceRole.EDITOR)
        ]
        assert await uow.workspaces.count_members() == 1
