"""The services and the workers over a real PostgreSQL: its locks, its clock, its constraints."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from uuid import UUID

import pytest

from lorebase.core.errors import Conflict, NotFound
from lorebase.schemas.documents import Document, DocumentStatus, UpdateDocument
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobStatus, JobSubjectType
from lorebase.schemas.knowledge_bases import MetadataField, MetadataFieldType, UpdateKnowledgeBase
from lorebase.services.access import AccessService
from lorebase.services.documents.document_contents import ContentService
from tests.factories import Tenant
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World
from tests.integration.services.conftest import LEASE_SECONDS

BODY = "Lighthouses. " + " ".join(f"Lamp {n} burns on a cliff by the sea." for n in range(30))
DEADLINE_SECONDS = 60


async def document_of(world: World, tenant: Tenant, document_id: UUID) -> Document | None:
    found = await world.documents.get_many(tenant.principal, [document_id])
    return found[0] if found else None


async def job_of(world: World, tenant: Tenant, job_id: UUID) -> Job:
    [found] = await world.jobs.get_many(tenant.principal, [job_id])
    return found


async def come_to_rest(world: World, tenant: Tenant) -> None:
    """Healthy workers run until nothing is open any more."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            await world.run_all()
            async with world.units.for_workspace(tenant.workspace.id) as uow:
                if await uow.jobs.count_open() == 0:
                    return
            await asyncio.sleep(LEASE_SECONDS / 4)


async def test_a_document_goes_in_and_can_be_found(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY, tags=("sea",), metadata={"year": 2026})
    assert await world.run_all() == 1
    document = await document_of(world, tenant, accepted.document.id)
    assert document is not None
    assert (document.status, document.live_generation, document.language) == (DocumentStatus.READY, 1, "en")
    assert document.title.startswith("Lighthouses. Lamp 0")
    passages = await world.searchable(tenant, document.id)
    assert len(passages) > 3
    assert document.current_version_id is not None
    contents = ContentService(units=world.units, blobs=world.blobs)
    spans = [(document.current_version_id, p.start_offset, p.end_offset) for p in passages]
    assert await contents.texts(tenant.principal, spans) == [p.text for p in passages]
    bases = world.bases
    stats = (await bases.stats(tenant.principal, [tenant.knowledge_base.id]))[tenant.knowledge_base.id]
    assert (stats.document_count, stats.chunk_count) == (1, len(passages))
    facets = await bases.facets(tenant.principal, tenant.knowledge_base.id, "year", None, 5)
    assert [(facet.value, facet.count) for facet in facets] == [("2026", 1)]
    assert accepted.job is not None
    job = await job_of(world, tenant, accepted.job.id)
    assert (job.status, job.attempt, job.fence) == (JobStatus.SUCCEEDED, 1, 1)


async def test_the_first_key_opens_the_workspace(world: World, tenant: Tenant) -> None:
    access = AccessService(units=world.units, clock=world.clock)
    principal = await access.authenticate(tenant.secret)
    assert principal == tenant.principal
    await access.recheck(principal)


async def test_fifty_upserts_of_one_external_id_make_one_document(world: World, tenant: Tenant) -> None:
    results = await asyncio.gather(*(world.upsert(tenant, BODY, external_id="x") for _ in range(50)))
    assert len({result.document.id for result in results}) == 1
    assert sum(result.created for result in results) == 1
    assert len(world.blobs.blobs) == 1
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        assert await uow.jobs.count_open() == 1


async def test_fifty_different_upserts_of_one_external_id_are_its_versions(
    world: World, tenant: Tenant
) -> None:
    results = await asyncio.gather(*(world.upsert(tenant, f"{BODY} {n}", external_id="x") for n in range(50)))
    [document_id] = {result.document.id for result in results}
    await come_to_rest(world, tenant)
    document = await document_of(world, tenant, document_id)
    assert document is not None
    assert (document.generation, document.live_generation) == (50, 50)
    assert {row.generation for row in world.vectors(document_id)} == {50}


async def test_one_key_twenty_times_at_once_acts_once(world: World, tenant: Tenant) -> None:
    async def once() -> UUID | None:
        with suppress(Conflict):
            return (await world.upsert(tenant, BODY, idempotency_key="k")).document.id
        return None

    made = [found for found in await asyncio.gather(*(once() for _ in range(20))) if found]
    assert len(set(made)) == 1
    assert len(world.blobs.blobs) == 1


async def test_a_new_version_and_new_tags_replace_the_old(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, BODY, external_id="x", tags=("old",))
    await world.run_all()
    await world.upsert(tenant, "Wholly new words.", external_id="x")
    await world.run_all()
    change = UpdateDocument(id=first.document.id, tags=("new",))
    assert (await world.documents.update(tenant.principal, change)).job is not None
    await world.run_all()
    rows = world.vectors(first.document.id)
    assert [(row.generation, row.tags) for row in rows] == [(2, ("new",))]
    assert [passage.text for passage in await world.searchable(tenant, first.document.id)] == [
        "Wholly new words."
    ]


async def test_a_deleted_document_leaves_nothing(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    deleted = await world.documents.delete(tenant.principal, accepted.document.id)
    assert await world.searchable(tenant, accepted.document.id) == []
    with pytest.raises(NotFound):
        await world.documents.delete(tenant.principal, accepted.document.id)
    await come_to_rest(world, tenant)
    assert world.vectors(accepted.document.id) == []
    assert world.blobs.blobs == {}
    [receipt] = await world.documents.receipts(tenant.principal, [deleted.receipt.id])
    assert receipt.vectors_remaining == 0
    assert receipt.completed_at is not None
    again = await world.upsert(tenant, BODY, external_id="x")
    assert again.created


async def test_cancelled_and_tried_again(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    await world.jobs.cancel(tenant.principal, accepted.job.id)
    document = await document_of(world, tenant, accepted.document.id)
    assert document is not None
    assert document.status is DocumentStatus.FAILED
    await world.jobs.retry(tenant.principal, accepted.job.id)
    await world.run_all()
    assert await world.searchable(tenant, accepted.document.id) != []


@pytest.mark.parametrize("step", range(2, 32, 3))
async def test_a_worker_that_dies_anywhere_is_replaced(world: World, tenant: Tenant, step: int) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    faults = Faults()
    faults.crash_at(step)
    with suppress(Crash):
        await world.runner(faults).run(accepted.job.id)
    await come_to_rest(world, tenant)
    passages = await world.searchable(tenant, accepted.document.id)
    assert len(world.vectors(accepted.document.id)) == len(passages) > 3
    job = await job_of(world, tenant, accepted.job.id)
    assert job.status is JobStatus.SUCCEEDED


async def test_many_callers_and_workers_at_once_lose_nothing(
    world: World, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    """Writers lock in one order, or PostgreSQL would find deadlocks here."""
    chance = random.Random(7)
    wishes: dict[str, tuple[UUID, str]] = {}
    deleted: list[UUID] = []

    async def caller(key: str) -> None:
        for turn in range(12):
            body = f"{BODY} {key} {turn}"
            document_id = (await world.upsert(tenant, body, external_id=key)).document.id
            wishes[key] = (document_id, body)
            await world.documents.update(tenant.principal, UpdateDocument(id=document_id, tags=(f"t{turn}",)))
            latest = await world.jobs.latest_for(tenant.principal, JobSubjectType.DOCUMENT, [document_id])
            if chance.random() < 0.3:
                await world.jobs.cancel(tenant.principal, latest[document_id].id)
            if chance.random() < 0.3:
                await world.documents.delete(tenant.principal, document_id)
                deleted.append(wishes.pop(key)[0])

    async def worker(done: asyncio.Event) -> None:
        while not done.is_set():
            await world.runner().run_due(JobLane.DOCUMENTS)
            await asyncio.sleep(0.01)

    done = asyncio.Event()
    workers = [asyncio.create_task(worker(done)) for _ in range(3)]
    await asyncio.gather(*(caller(key) for key in "abcdef"))
    done.set()
    await asyncio.gather(*workers)
    await come_to_rest(world, tenant)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    for document_id in deleted:
        assert await document_of(world, tenant, document_id) is None
        assert world.vectors(document_id) == []
    for document_id, body in wishes.values():
        document = await document_of(world, tenant, document_id)
        assert document is not None
        if document.status is DocumentStatus.FAILED:
            continue
        assert (document.status, document.live_generation) == (DocumentStatus.READY, document.generation)
        rows = [r for r in world.vectors(document_id) if r.generation == document.live_generation]
        assert {row.tags for row in rows} == {document.tags}
        contents = ContentService(units=world.units, blobs=world.blobs)
        assert document.current_version_id is not None
        whole = (document.current_version_id, 0, len(body))
        assert await contents.texts(tenant.principal, [whole]) == [body]


async def test_a_newly_declared_field_is_mirrored(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY, metadata={"colour": "red"})
    await world.run_all()
    bases = world.bases
    colour = MetadataField(path="colour", type=MetadataFieldType.STRING)
    fields = (*tenant.knowledge_base.metadata_fields, colour)
    await bases.update(
        tenant.principal, UpdateKnowledgeBase(id=tenant.knowledge_base.id, metadata_fields=fields)
    )
    await world.run_all()
    assert {row.metadata.get("colour") for row in world.vectors(accepted.document.id)} == {"red"}
    latest = await world.jobs.latest_for(
        tenant.principal, JobSubjectType.KNOWLEDGE_BASE, [tenant.knowledge_base.id]
    )
    job = latest[tenant.knowledge_base.id]
    assert (job.kind, job.status) == (JobKind.SYNC_METADATA, JobStatus.SUCCEEDED)
