"""Old rows go when their time has come, and nothing else does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lorebase.schemas.jobs import JobStatus
from lorebase.services import retention
from lorebase.services.retention import RetentionService
from tests.factories import Tenant, add_tenant
from tests.fakes.world import World

BODY = "Words about lighthouses. " * 60
MONTH = timedelta(days=30).total_seconds()


@pytest.fixture
def service(world: World) -> RetentionService:
    return RetentionService(units=world.units, settings=world.settings)


async def test_nothing_young_is_removed(world: World, tenant: Tenant, service: RetentionService) -> None:
    deleted = await world.upsert(tenant, BODY)
    await world.run_all()
    await world.documents.delete(tenant.principal, deleted.document.id, None, "key")
    await world.run_all()
    before = world.database.state.copy()
    world.clock.advance(timedelta(hours=23).total_seconds())
    assert set((await service.run()).values()) == {0}
    assert world.database.state == before


async def test_deleted_things_are_forgotten_in_every_workspace(
    world: World, tenant: Tenant, service: RetentionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "WORKSPACES_AT_ONCE", 1)
    monkeypatch.setattr(retention, "BATCH", 2)
    other = await add_tenant(world.database, name="Other")
    for owner in (tenant, other):
        for number in range(3):
            await world.upsert(owner, f"{BODY} {number}")
    await world.run_all()
    await world.bases.delete(tenant.principal, tenant.knowledge_base.id, None, "key")
    await world.bases.delete(other.principal, other.knowledge_base.id, None, "key")
    await world.run_all()
    world.clock.advance(MONTH + 1)
    removed = await service.run()
    assert (removed["documents"], removed["knowledge_bases"], removed["idempotency_keys"]) == (6, 2, 2)
    state = world.database.state
    tables = (state.documents, state.knowledge_bases, state.receipts, state.jobs, state.calls, state.vectors)
    assert [len(table) for table in tables] == [0] * len(tables)
    assert len(state.keys) == 2
    assert set((await service.run()).values()) == {0}


async def test_the_newest_job_of_a_document_stays_to_be_retried(
    world: World, tenant: Tenant, service: RetentionService
) -> None:
    accepted = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    again = await world.upsert(tenant, BODY + "more", external_id="x")
    assert accepted.job is not None
    assert again.job is not None
    await world.jobs.cancel(tenant.principal, again.job.id)
    world.clock.advance(MONTH + 1)
    assert (await service.run())["jobs"] == 1
    assert list(world.database.state.jobs) == [again.job.id]
    await world.jobs.retry(tenant.principal, again.job.id)
    await world.run_all()
    assert world.job(again.job.id).status is JobStatus.SUCCEEDED


async def test_vectors_stay_as_long_as_a_passage_has_their_text(
    world: World, tenant: Tenant, service: RetentionService
) -> None:
    first = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    kept = await world.searchable(tenant, first.document.id)
    lost = await world.upsert(tenant, BODY.replace("lighthouses", "harbours"))
    await world.run_all()
    cached = len(world.database.state.vectors)
    await world.documents.delete(tenant.principal, lost.document.id)
    await world.run_all()
    world.clock.advance(MONTH + 1)
    removed = (await service.run())["vectors"]
    assert 0 < removed < cached
    texts = {chunk.text for chunk in kept}
    assert len(world.database.state.vectors) == cached - removed >= len(texts)
    world.embedder.calls.clear()
    await world.upsert(tenant, BODY, external_id="another")
    await world.run_all()
    assert world.embedder.calls == []
