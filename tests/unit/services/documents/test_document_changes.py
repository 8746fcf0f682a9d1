"""Changing and deleting documents: what is visible at once, and what follows by a job."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from lorebase.core.errors import (
    BadInput,
    Conflict,
    ErrorCode,
    NotFound,
)
from lorebase.schemas.documents import DocumentOrder, DocumentStatus, UpdateDocument
from lorebase.schemas.jobs import JobKind
from lorebase.schemas.pagination import PageRequest
from tests.factories import Tenant, add_tenant
from tests.fakes.world import World


async def test_an_update_changes_only_what_is_given(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.", title="Old", tags=("a",), metadata={"year": 1})
    await world.run_all()
    change = UpdateDocument(id=accepted.document.id, title="New")
    updated = await world.documents.update(tenant.principal, change)
    assert (updated.document.title, updated.document.tags) == ("New", ("a",))
    assert updated.document.version == accepted.document.version + 1
    assert updated.job is not None
    assert updated.job.kind is JobKind.SYNC_METADATA
    assert world.queue.woken[-1] == (updated.job.id, 0, updated.job.lane)


async def test_a_new_title_reaches_vectors_and_keywords(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.", title="Old")
    await world.run_all()
    before, postings = world.vectors(accepted.document.id), dict(world.database.state.postings)
    await world.documents.update(tenant.principal, UpdateDocument(id=accepted.document.id, title="New"))
    await world.run_all()
    after = world.vectors(accepted.document.id)
    assert {row.title for row in after} == {"New"}
    assert after[0].vector != before[0].vector
    assert world.database.state.postings != postings


async def test_new_tags_cost_no_embedding(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.", title="Title")
    await world.run_all()
    paid = len(world.embedder.calls)
    await world.documents.update(tenant.principal, UpdateDocument(id=accepted.document.id, tags=("a",)))
    await world.run_all()
    assert {row.tags for row in world.vectors(accepted.document.id)} == {("a",)}
    assert len(world.embedder.calls) == paid


async def test_metadata_that_is_not_declared_needs_no_job(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.", metadata={"year": 1})
    await world.run_all()
    change = UpdateDocument(id=accepted.document.id, metadata={"year": 1, "private": True})
    updated = await world.documents.update(tenant.principal, change)
    assert updated.job is None
    assert updated.document.metadata == {"year": 1, "private": True}


async def test_an_update_that_changes_nothing_leaves_the_version(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.", title="Title")
    change = UpdateDocument(id=accepted.document.id, title="Title")
    updated = await world.documents.update(tenant.principal, change)
    assert updated.document == accepted.document
    assert updated.job is None


async def test_null_clears_tags_and_metadata_and_a_title_becomes_a_name(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.", title="Title", tags=("a",), metadata={"year": 1})
    change = UpdateDocument(id=accepted.document.id, title=None, tags=None, metadata=None)
    document = (await world.documents.update(tenant.principal, change)).document
    assert (document.title, document.tags, document.metadata) == ("Untitled document", (), {})


async def test_two_updates_in_a_row_share_a_job_that_still_waits(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    await world.run_all()
    changes = [UpdateDocument(id=accepted.document.id, tags=(tag,)) for tag in "ab"]
    jobs = [(await world.documents.update(tenant.principal, change)).job for change in changes]
    assert jobs[0] is not None
    assert jobs[1] is not None
    assert jobs[0].id == jobs[1].id
    await world.run_all()
    assert {row.tags for row in world.vectors(accepted.document.id)} == {("b",)}


@pytest.mark.parametrize("name", ["update", "delete"])
async def test_another_version_than_expected_is_a_conflict_and_changes_nothing(
    world: World, tenant: Tenant, name: str
) -> None:
    accepted = await world.upsert(tenant, "Text.")
    before = world.document(accepted.document.id)
    if name == "update":
        change = UpdateDocument(id=before.id, tags=("a",), expected_version=7)
        act: Awaitable[object] = world.documents.update(tenant.principal, change)
    else:
        act = world.documents.delete(tenant.principal, before.id, expected_version=7)
    with pytest.raises(Conflict) as refused:
        await act
    assert refused.value.details == {"version": 1}
    assert world.document(before.id) == before


async def test_a_refused_change_changes_nothing(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    before = world.database.commits
    change = UpdateDocument(id=accepted.document.id, title="x\0", tags=("a",))
    with pytest.raises(BadInput) as refused:
        await world.documents.update(tenant.principal, change)
    assert refused.value.code is ErrorCode.INVALID_TEXT
    assert world.database.commits == before
    assert world.document(accepted.document.id) == accepted.document


async def test_deleting_hides_at_once(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.", external_id="x")
    await world.run_all()
    assert await world.searchable(tenant, accepted.document.id) != []
    deleted = await world.documents.delete(tenant.principal, accepted.document.id)
    assert await world.searchable(tenant, accepted.document.id) == []
    assert await world.documents.get_many(tenant.principal, [accepted.document.id]) == []
    assert deleted.receipt.completed_at is None
    assert deleted.receipt.vectors_remaining == 1
    assert world.document(accepted.document.id).status is DocumentStatus.DELETING


async def test_deleting_twice_is_not_found(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    await world.documents.delete(tenant.principal, accepted.document.id)
    with pytest.raises(NotFound):
        await world.documents.delete(tenant.principal, accepted.document.id)
    with pytest.raises(NotFound):
        await world.documents.update(tenant.principal, UpdateDocument(id=accepted.document.id, tags=("a",)))


async def test_an_external_id_is_free_again_after_deletion(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, "Text.", external_id="x")
    await world.documents.delete(tenant.principal, first.document.id)
    second = await world.upsert(tenant, "Text.", external_id="x")
    assert second.created
    assert second.document.id != first.document.id
    await world.run_all()
    assert await world.searchable(tenant, second.document.id) != []
    assert world.document(first.document.id).status is DocumentStatus.DELETED


async def test_another_tenant_sees_and_changes_nothing(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.", external_id="x")
    other = await add_tenant(world.database, name="Other")
    assert await world.documents.get_many(other.principal, [accepted.document.id]) == []
    for act in (
        world.documents.delete(other.principal, accepted.document.id),
        world.documents.update(other.principal, UpdateDocument(id=accepted.document.id, tags=("a",))),
    ):
        with pytest.raises(NotFound):
            await act
    assert world.document(accepted.document.id) == accepted.document


async def test_repeated_updates_and_deletions_replay(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Text.")
    await world.run_all()
    change = UpdateDocument(id=accepted.document.id, tags=("a",), idempotency_key="u")
    updates = [await world.documents.update(tenant.principal, change) for _ in range(2)]
    assert updates[0] == updates[1]
    assert updates[1].document.version == accepted.document.version + 1
    deletions = [
        await world.documents.delete(tenant.principal, accepted.document.id, idempotency_key="d")
        for _ in range(2)
    ]
    assert deletions[0] == deletions[1]
    with pytest.raises(NotFound):
        await world.documents.update(tenant.principal, change)


async def test_reading_pages_counts_and_external_ids(world: World, tenant: Tenant) -> None:
    made = [await world.upsert(tenant, f"Text {n}.", external_id=str(n)) for n in range(3)]
    base = tenant.knowledge_base.id
    page = await world.documents.page(tenant.principal, base, PageRequest(limit=2), DocumentOrder(), None)
    assert (len(page.items), page.has_next) == (2, True)
    assert await world.documents.count(tenant.principal, base, None) == 3
    found = await world.documents.by_external_id(tenant.principal, base, "1")
    assert found == made[1].document
    assert await world.documents.by_external_id(tenant.principal, base, "none") is None
