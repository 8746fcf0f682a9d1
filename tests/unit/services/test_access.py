"""Keys and scopes: who gets in, and who is asked to leave."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lorebase.core.errors import Forbidden, Unauthenticated
from lorebase.schemas.workspaces import ApiKey, ApiScope, Principal
from lorebase.services.access import AccessService, require, require_any
from tests.factories import Tenant, add_tenant, make_principal
from tests.fakes.memory.state import StoredKey
from tests.fakes.world import World


def access(world: World) -> AccessService:
    return AccessService(units=world.units, clock=world.clock)


def change_key(world: World, tenant: Tenant, **update: object) -> None:
    held = world.database.state.keys[tenant.key.id]
    world.database.state.keys[tenant.key.id] = StoredKey(held.key.model_copy(update=update), held.digest)


def stored_key(world: World, tenant: Tenant) -> ApiKey:
    return world.database.state.keys[tenant.key.id].key


async def test_a_secret_gives_its_principal(world: World, tenant: Tenant) -> None:
    principal = await access(world).authenticate(tenant.secret)
    assert principal == Principal(
        workspace_id=tenant.workspace.id, api_key_id=tenant.key.id, scopes=frozenset(ApiScope)
    )


@pytest.mark.parametrize("case", ["unknown", "typo", "revoked", "expired"])
async def test_what_is_wrong_with_a_key_is_not_told(world: World, tenant: Tenant, case: str) -> None:
    now = world.clock.now()
    secret = {"unknown": "", "typo": tenant.secret[:-1] + "\ud800"}.get(case, tenant.secret)
    if case == "revoked":
        change_key(world, tenant, revoked_at=now)
    if case == "expired":
        change_key(world, tenant, expires_at=now)
    with pytest.raises(Unauthenticated) as refused:
        await access(world).authenticate(secret)
    assert (refused.value.message, refused.value.details) == ("The API key is not valid.", {})
    assert stored_key(world, tenant).last_used_at is None


async def test_a_key_works_until_the_moment_it_expires(world: World, tenant: Tenant) -> None:
    change_key(world, tenant, expires_at=world.clock.now() + timedelta(seconds=1))
    await access(world).authenticate(tenant.secret)


async def test_the_use_of_a_key_is_noted_at_most_once_a_minute(world: World, tenant: Tenant) -> None:
    service, start = access(world), world.clock.now()
    seen = []
    for _ in range(5):
        await service.authenticate(tenant.secret)
        seen.append(stored_key(world, tenant).last_used_at)
        world.clock.advance(25)
    assert seen == [start, start, start, start + timedelta(seconds=75), start + timedelta(seconds=75)]


@pytest.mark.parametrize(("field", "reason"), [("revoked_at", "revoked"), ("expires_at", "expired")])
async def test_a_recheck_tells_why_a_key_ended(world: World, tenant: Tenant, field: str, reason: str) -> None:
    await access(world).recheck(tenant.principal)
    change_key(world, tenant, **{field: world.clock.now()})
    with pytest.raises(Unauthenticated) as ended:
        await access(world).recheck(tenant.principal)
    assert ended.value.details == {"reason": reason}


async def test_a_key_of_another_workspace_does_not_hold_here(world: World, tenant: Tenant) -> None:
    other = await add_tenant(world.database, name="Other")
    mixed = tenant.principal.model_copy(update={"workspace_id": other.workspace.id})
    with pytest.raises(Unauthenticated):
        await access(world).recheck(mixed)


@pytest.mark.parametrize("held", list(ApiScope))
@pytest.mark.parametrize("asked", list(ApiScope))
def test_a_scope_allows_itself_and_nothing_else(held: ApiScope, asked: ApiScope) -> None:
    principal = Principal(
        workspace_id=make_principal().workspace_id,
        api_key_id=make_principal().api_key_id,
        scopes=frozenset({held}),
    )
    if held is asked:
        require(principal, asked)
        require_any(principal, ApiScope.ADMIN, asked)
    else:
        with pytest.raises(Forbidden) as refused:
            require(principal, asked)
        assert refused.value.details == {"scope": asked}
        with pytest.raises(Forbidden):
            require_any(principal, asked)
