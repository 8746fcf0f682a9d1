"""Keys that make mutations repeatable: what counts as the same input."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.errors import BadInput, Conflict, ErrorCode
from lorebase.core.ids import new_id
from lorebase.schemas.documents import StoredUpload, UpdateDocument, UpsertDocument
from lorebase.services.idempotency import Replay, fingerprint, kept_id, kept_id_or_none
from tests.factories import WORKSPACE_ID, Tenant, make_principal
from tests.fakes.world import World

BASE, DOCUMENT = new_id(), new_id()
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "title": st.one_of(st.none(), st.text(max_size=3)),
        "tags": st.one_of(st.none(), st.tuples(st.text(max_size=2))),
        "metadata": st.one_of(st.none(), st.dictionaries(st.text(max_size=2), st.integers(0, 2))),
        "expected_version": st.integers(1, 3),
    },
)


def upsert(**given_fields: object) -> UpsertDocument:
    upload = StoredUpload(
        blob_key=f"{WORKSPACE_ID}/{new_id()}",
        byte_size=1,
        content_hash="c",
        media_type="text/plain",
        file_name=None,
    )
    return UpsertDocument.model_validate({"knowledge_base_id": BASE, "upload": upload, **given_fields})


@given(first=FIELDS, second=FIELDS)
def test_same_fields_same_fingerprint_other_fields_another(
    first: dict[str, object], second: dict[str, object]
) -> None:
    one = UpdateDocument.model_validate({"id": DOCUMENT, "idempotency_key": "a", **first})
    other = UpdateDocument.model_validate({"id": DOCUMENT, "idempotency_key": "b", **second})
    assert (fingerprint(one) == fingerprint(other)) == (first == second)


def test_where_the_bytes_were_stored_is_no_input_but_what_they_are_is() -> None:
    assert fingerprint(upsert()) == fingerprint(upsert())
    changed = upsert().upload.model_copy(update={"content_hash": "d"})
    assert fingerprint(upsert()) != fingerprint(upsert(upload=changed))


def test_the_order_of_metadata_keys_is_no_input() -> None:
    one, other = upsert(metadata={"a": 1, "b": 2}), upsert(metadata={"b": 2, "a": 1})
    assert fingerprint(one) == fingerprint(other)


async def test_the_first_call_is_replayed_to_the_second(world: World, tenant: Tenant) -> None:
    kept = new_id()
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        replay = Replay(uow, tenant.principal, "m", "key", {"a": 1})
        assert await replay.earlier() is None
        await replay.keep(document_id=kept, job_id=None, created=True)
        await uow.commit()
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        earlier = await Replay(uow, tenant.principal, "m", "key", {"a": 1}).earlier()
    assert earlier is not None
    assert kept_id(earlier, "document_id") == kept == kept_id_or_none(earlier, "document_id")
    assert kept_id_or_none(earlier, "job_id") is None
    assert earlier["created"] is True


async def keep(world: World, tenant: Tenant, *, commit: bool) -> None:
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        replay = Replay(uow, tenant.principal, "m", "key", {"a": 1})
        await replay.earlier()
        await replay.keep(id=new_id())
        if commit:
            await uow.commit()


async def test_what_was_rolled_back_is_not_replayed(world: World, tenant: Tenant) -> None:
    await keep(world, tenant, commit=False)
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        assert await Replay(uow, tenant.principal, "other", "key", {"b": 2}).earlier() is None


@pytest.mark.parametrize(("mutation", "command"), [("m", {"a": 2}), ("other", {"a": 1})])
async def test_a_key_used_otherwise_is_a_mismatch(
    world: World, tenant: Tenant, mutation: str, command: dict[str, int]
) -> None:
    await keep(world, tenant, commit=True)
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        with pytest.raises(Conflict) as refused:
            await Replay(uow, tenant.principal, mutation, "key", dict(command)).earlier()
    assert refused.value.code is ErrorCode.IDEMPOTENCY_MISMATCH


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800", "x" * 256])
async def test_a_key_that_cannot_be_kept_is_refused(world: World, tenant: Tenant, key: str) -> None:
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        with pytest.raises(BadInput) as refused:
            await Replay(uow, tenant.principal, "m", key, {}).earlier()
    assert refused.value.field == ["idempotencyKey"]


async def test_keys_belong_to_who_used_them_and_are_forgotten_after_a_day(
    world: World, tenant: Tenant
) -> None:
    await keep(world, tenant, commit=True)
    other = make_principal(tenant.workspace.id)
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        assert await Replay(uow, other, "m", "key", {"a": 1}).earlier() is None
        assert await Replay(uow, tenant.principal, "m", None, {"a": 1}).earlier() is None
    world.clock.advance(timedelta(hours=24, seconds=1).total_seconds())
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        assert await Replay(uow, tenant.principal, "m", "key", {"a": 9}).earlier() is None
