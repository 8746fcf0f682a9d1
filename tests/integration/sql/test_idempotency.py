"""Idempotency keys: one first call, everyone else gets its result."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from lorebase.core.errors import Conflict, ErrorCode
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from tests.integration.database import DatabaseUrls, connect
from tests.integration.sql.factories import Tenant

Units = SqlUnitOfWorkFactory
PRINCIPAL = UUID(int=1)
ASKED = b"a" * 32


async def call(units: Units, tenant: Tenant, result: str, **other: object) -> str | None:
    principal = other.get("principal", PRINCIPAL)
    fingerprint = other.get("fingerprint", ASKED)
    assert isinstance(principal, UUID)
    assert isinstance(fingerprint, bytes)
    async with units.for_workspace(tenant.workspace_id) as uow:
        mutation = str(other.get("mutation", "upsertDocument"))
        stored = await uow.idempotency.claim(principal, "key", mutation, fingerprint)
        if stored is None:
            await uow.idempotency.store(principal, "key", result)
            await uow.commit()
        return stored


async def test_the_second_call_gets_the_result_of_the_first(units: Units, tenant: Tenant) -> None:
    assert await call(units, tenant, '{"id": 1}') is None
    assert await call(units, tenant, '{"id": 2}') == '{"id": 1}'


@pytest.mark.parametrize("other", [{"fingerprint": b"b" * 32}, {"mutation": "deleteDocument"}])
async def test_a_key_used_for_another_request_is_refused(
    units: Units, tenant: Tenant, other: dict[str, object]
) -> None:
    await call(units, tenant, "{}")
    with pytest.raises(Conflict) as refused:
        await call(units, tenant, "{}", **other)
    assert refused.value.code is ErrorCode.IDEMPOTENCY_MISMATCH
    assert await call(units, tenant, "later") == "{}"


async def test_keys_belong_to_a_principal_and_a_workspace(
    units: Units, tenant: Tenant, neighbour: Tenant
) -> None:
    assert await call(units, tenant, "mine") is None
    assert await call(units, tenant, "other", principal=new_id(), fingerprint=b"b" * 32) is None
    assert await call(units, neighbour, "theirs") is None
    assert await call(units, tenant, "again") == "mine"


async def test_fifty_calls_at_once_do_the_work_once(units: Units, tenant: Tenant) -> None:
    results = await asyncio.gather(*(call(units, tenant, str(number)) for number in range(50)))
    first = [number for number, stored in enumerate(results) if stored is None]
    assert len(first) == 1
    assert {stored for stored in results if stored is not None} == {str(first[0])}


async def test_a_call_that_was_rolled_back_leaves_the_key_free(units: Units, tenant: Tenant) -> None:
    waiting = asyncio.Event()

    async def fail() -> None:
        async with units.for_workspace(tenant.workspace_id) as uow:
            assert await uow.idempotency.claim(PRINCIPAL, "key", "upsertDocument", ASKED) is None
            waiting.set()
            await asyncio.sleep(0.1)

    failing = asyncio.create_task(fail())
    await waiting.wait()
    assert await call(units, tenant, "second") is None
    await failing
    assert await call(units, tenant, "third") == "second"


async def test_a_key_is_free_again_after_its_day(
    units: Units, tenant: Tenant, database: DatabaseUrls
) -> None:
    await call(units, tenant, "old")
    owner = await connect(database.owner)
    try:
        await owner.execute("UPDATE idempotency_keys SET created_at = now() - interval '23 hours 59 minutes'")
        assert await call(units, tenant, "early") == "old"
        await owner.execute("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'")
    finally:
        await owner.close()
    assert await call(units, tenant, "new", fingerprint=b"n" * 32) is None
    assert await call(units, tenant, "newer", fingerprint=b"n" * 32) == "new"
