"""Workspaces: partitions, slugs, and keys that are shown once."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.errors import BadInput, Conflict, Forbidden, NotFound
from lorebase.core.ids import new_id
from lorebase.core.security import hash_api_key
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.access import AccessService
from lorebase.services.slugs import checked_slug, numbered, slug_from
from lorebase.services.workspaces import SHARED_BUCKETS, WorkspaceService, partition_of
from tests.factories import Tenant, add_tenant, make_principal, make_settings
from tests.fakes.world import World


def service(world: World, limit: int = 512) -> WorkspaceService:
    settings = make_settings(partition_limit=limit)
    return WorkspaceService(units=world.units, clock=world.clock, settings=settings)


async def test_a_new_workspace_has_a_partition_and_a_key_with_all_scopes(world: World) -> None:
    workspace, key, secret = await service(world).create_workspace("acme", "Acme")
    assert (workspace.slug, workspace.partition) == ("acme", f"w_{workspace.id.hex}")
    principal = await AccessService(units=world.units, clock=world.clock).authenticate(secret)
    assert (principal.workspace_id, principal.api_key_id) == (workspace.id, key.id)
    assert principal.scopes == frozenset(ApiScope)


async def test_partitions_are_dedicated_up_to_the_limit_and_shared_after_it(world: World) -> None:
    workspaces = [await service(world, limit=2).create_workspace(None, f"Number {n}") for n in range(4)]
    partitions = [workspace.partition for workspace, _, _ in workspaces]
    assert partitions[:2] == [f"w_{workspace.id.hex}" for workspace, _, _ in workspaces[:2]]
    assert all(name.startswith("shared_") for name in partitions[2:])


@given(identifier=st.uuids(), count=st.integers(0, 2000))
def test_a_partition_has_a_name_that_needs_no_escaping(identifier: object, count: int) -> None:
    name = partition_of(identifier, count, 512)  # type: ignore[arg-type]
    assert name.replace("_", "").isalnum()
    assert len(name) <= 64
    assert name.startswith("w_") == (count < 512)
    assert name.startswith("w_") or int(name.removeprefix("shared_")) < SHARED_BUCKETS


async def test_slugs_are_made_from_names_and_numbered(world: World) -> None:
    slugs = [(await service(world).create_workspace(None, "Ärger & Söhne"))[0].slug for _ in range(3)]
    assert slugs == ["arger-sohne", "arger-sohne-2", "arger-sohne-3"]
    assert (await service(world).create_workspace(None, "日本"))[0].slug == "workspace"


async def test_a_taken_slug_is_a_conflict_and_makes_nothing(world: World) -> None:
    await service(world).create_workspace("acme", "Acme")
    with pytest.raises(Conflict):
        await service(world).create_workspace("acme", "Another")
    assert len(world.database.state.workspaces) == len(world.database.state.keys) == 1


@given(name=st.text(max_size=300), number=st.integers(1, 999))
def test_what_is_made_of_any_name_is_a_slug(name: str, number: int) -> None:
    made = numbered(slug_from(name, "fallback"), number)
    assert checked_slug(made) == made


@pytest.mark.parametrize("slug", ["", "A", "a b", "-a", "a-", "a--b", "ä", "a\n", "a" * 64, "../x"])
def test_other_slugs_are_refused(slug: str) -> None:
    with pytest.raises(BadInput):
        checked_slug(slug)


@pytest.mark.parametrize("name", ["", " \n", "x" * 201, "x" * 1_000_000])
async def test_bad_names_are_refused(world: World, name: str) -> None:
    with pytest.raises(BadInput):
        await service(world).create_workspace(None, name)


async def test_a_workspace_is_seen_by_its_own_keys_only(world: World, tenant: Tenant) -> None:
    other = await add_tenant(world.database, name="Other")
    assert await service(world).get(tenant.principal) == tenant.workspace
    assert await service(world).by_slug(tenant.principal, tenant.workspace.slug) == tenant.workspace
    assert await service(world).by_slug(tenant.principal, other.workspace.slug) is None


async def test_a_key_is_shown_once_and_kept_as_a_hash(world: World, tenant: Tenant) -> None:
    scopes = frozenset({ApiScope.READ})
    key, secret = await service(world).create_key(tenant.principal, "CI", scopes, None, "k")
    assert secret is not None
    again = await service(world).create_key(tenant.principal, "CI", scopes, None, "k")
    assert again == (key, None)
    assert world.database.state.keys[key.id].digest == hash_api_key(secret)
    assert secret not in repr(world.database.state)
    principal = await AccessService(units=world.units, clock=world.clock).authenticate(secret)
    assert principal.scopes == scopes


async def test_a_repeated_request_is_known_whatever_the_order_of_its_scopes(
    world: World, tenant: Tenant
) -> None:
    keys = [
        await service(world).create_key(tenant.principal, "CI", frozenset(order), None, "k")
        for order in (list(ApiScope), list(reversed(ApiScope)))
    ]
    assert keys[0][0] == keys[1][0]


async def test_bad_keys_are_refused(world: World, tenant: Tenant) -> None:
    past = world.clock.now() - timedelta(seconds=1)
    for name, scopes, expires in (
        ("", frozenset(ApiScope), None),
        ("x", frozenset[ApiScope](), None),
        ("x", frozenset(ApiScope), past),
    ):
        with pytest.raises(BadInput):
            await service(world).create_key(tenant.principal, name, scopes, expires)
    assert len(world.database.state.keys) == 1


async def test_a_revoked_key_stays_listed_and_revoking_again_changes_nothing(
    world: World, tenant: Tenant
) -> None:
    revoked = await service(world).revoke_key(tenant.principal, tenant.key.id, "r")
    world.clock.advance(10)
    assert await service(world).revoke_key(tenant.principal, tenant.key.id) == revoked
    assert await service(world).revoke_key(tenant.principal, tenant.key.id, "r") == revoked
    page = await service(world).keys(tenant.principal, PageRequest(limit=10))
    assert page.items == (revoked,)
    assert await service(world).count_keys(tenant.principal) == 1
    assert await service(world).get_keys(tenant.principal, [tenant.key.id]) == [revoked]


async def test_keys_of_others_are_not_found(world: World, tenant: Tenant) -> None:
    other = await add_tenant(world.database, name="Other")
    with pytest.raises(NotFound):
        await service(world).revoke_key(other.principal, tenant.key.id)
    assert await service(world).get_keys(other.principal, [tenant.key.id]) == []


async def test_only_administrators_see_keys(world: World, tenant: Tenant) -> None:
    everyone_else = make_principal(tenant.workspace.id, ApiScope.READ, ApiScope.WRITE, ApiScope.ASK)
    acts: list[Awaitable[object]] = [
        service(world).keys(everyone_else, PageRequest(limit=1)),
        service(world).count_keys(everyone_else),
        service(world).get_keys(everyone_else, []),
        service(world).create_key(everyone_else, "x", frozenset(ApiScope), None),
        service(world).revoke_key(everyone_else, new_id()),
    ]
    for act in acts:
        with pytest.raises(Forbidden):
            await act
    assert (await service(world).members(everyone_else, PageRequest(limit=1))).items == ()
    assert await service(world).count_members(everyone_else) == 0
