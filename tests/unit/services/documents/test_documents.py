"""Taking documents in, changing and deleting them: what is durable when the call returns."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from lorebase.core.errors import (
    BadInput,
    Conflict,
    ErrorCode,
    Forbidden,
    LimitExceeded,
    LorebaseError,
    NotFound,
    Unavailable,
)
from lorebase.core.ids import new_id
from lorebase.core.logging import trace
from lorebase.schemas.documents import DocumentOrder, DocumentStatus, UpdateDocument, UpsertDocument
from lorebase.schemas.events import JobFailedEvent, JobQueuedEvent, StreamKind, StreamName
from lorebase.schemas.filters import DocumentFilter, MetadataFilter, MetadataValueFilter, StringFilter
from lorebase.schemas.jobs import JobKind, JobStatus
from lorebase.schemas.knowledge_bases import MetadataField, MetadataFieldType
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.documents.documents import DocumentService
from tests.factories import Tenant, add_tenant, make_principal, make_settings
from tests.fakes.faults import Crash, Faults
from tests.fakes.unit_of_work import FakeUnits
from tests.fakes.world import World


async def test_an_upsert_is_durable_with_version_job_and_bytes(world: World, tenant: Tenant) -> None:
    with trace("a" * 32):
        accepted = await world.upsert(tenant, "Some text.", external_id="x", tags=("a", "b"))
    document = world.document(accepted.document.id)
    assert document == accepted.document
    assert (accepted.created, document.generation, document.tags) == (True, 1, ("a", "b"))
    [version] = world.database.state.versions.values()
    assert (version.number, version.generation, version.byte_size) == (1, 1, len("Some text."))
    assert world.blobs.blobs == {version.blob_key: b"Some text."}
    assert version.blob_key == f"{tenant.workspace.id}/{version.id}"
    [job] = world.jobs_about(document.id)
    assert accepted.job == job
    assert (job.kind, job.status, job.generation) == (JobKind.INGEST, JobStatus.QUEUED, 1)
    assert job.trace_id == "a" * 32


async def test_an_upsert_wakes_a_worker_and_tells_subscribers(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Some text.")
    job = accepted.job
    assert job is not None
    assert world.queue.woken == [(job.id, 0, job.lane)]
    assert world.events_of(job) == [JobQueuedEvent(job=job)]
    everyone = StreamName(
        kind=StreamKind.WORKSPACE_JOBS, workspace_id=tenant.workspace.id, id=tenant.workspace.id
    )
    assert world.streams.of(everyone) == [JobQueuedEvent(job=job)]


async def test_redis_down_refuses_no_document(world: World, tenant: Tenant) -> None:
    world.streams.down = True
    accepted = await world.upsert(tenant, "Some text.")
    assert world.document(accepted.document.id).status is DocumentStatus.ACCEPTED
    assert accepted.job is not None
    assert world.queue.woken == [(accepted.job.id, 0, accepted.job.lane)]


async def test_postgres_down_accepts_nothing_and_leaves_no_bytes(world: World, tenant: Tenant) -> None:
    world.database.down = True
    with pytest.raises(Unavailable):
        await world.upsert(tenant, "Some text.")
    assert world.blobs.blobs == {}
    assert world.database.state.documents == {}
    assert world.queue.woken == []


async def test_fifty_upserts_of_one_external_id_make_one_document(world: World, tenant: Tenant) -> None:
    results = await asyncio.gather(
        *(world.upsert(tenant, "The same text.", external_id="x") for _ in range(50))
    )
    assert len({result.document.id for result in results}) == 1
    assert sum(result.created for result in results) == 1
    assert len(world.database.state.documents) == 1
    assert len(world.jobs_about(results[0].document.id)) == 1
    assert len(world.blobs.blobs) == 1


async def test_fifty_different_upserts_of_one_external_id_are_its_versions(
    world: World, tenant: Tenant
) -> None:
    results = await asyncio.gather(*(world.upsert(tenant, f"Text {n}.", external_id="x") for n in range(50)))
    [document] = world.database.state.documents.values()
    assert document.generation == 50
    assert sorted(v.number for v in world.database.state.versions.values()) == list(range(1, 51))
    open_jobs = [job for job in world.jobs_about(document.id) if not job.is_terminal]
    assert [job.generation for job in open_jobs] == [50]
    assert sum(result.created for result in results) == 1


async def test_documents_without_external_id_are_each_their_own(world: World, tenant: Tenant) -> None:
    first, second = await world.upsert(tenant, "Text."), await world.upsert(tenant, "Text.")
    assert first.document.id != second.document.id


async def test_unchanged_content_starts_no_job_and_drops_the_new_bytes(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, "Text.", external_id="x")
    await world.run_all()
    again = await world.upsert(tenant, "Text.", external_id="x")
    assert (again.document.id, again.job, again.created) == (first.document.id, None, False)
    assert len(world.blobs.blobs) == 1
    assert len(world.jobs_about(first.document.id)) == 1


async def test_unchanged_content_with_new_tags_only_synchronises(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, "Text.", external_id="x", tags=("old",))
    await world.run_all()
    again = await world.upsert(tenant, "Text.", external_id="x", tags=("new",))
    assert again.job is not None
    assert again.job.kind is JobKind.SYNC_METADATA
    assert (again.document.generation, again.document.tags) == (1, ("new",))
    await world.run_all()
    assert {row.tags for row in world.vectors(first.document.id)} == {("new",)}


async def test_fields_not_given_stay_on_a_document_that_exists(world: World, tenant: Tenant) -> None:
    await world.upsert(tenant, "Text.", external_id="x", tags=("kept",), title="Kept", language="de")
    again = await world.upsert(tenant, "Other text.", external_id="x", metadata={"year": 1})
    document = again.document
    assert (document.tags, document.title, document.language) == (("kept",), "Kept", "de")
    assert document.metadata == {"year": 1}


@pytest.mark.parametrize("status", [DocumentStatus.FAILED, DocumentStatus.QUARANTINED])
async def test_the_same_content_is_tried_again_after_a_failure(
    world: World, tenant: Tenant, status: DocumentStatus
) -> None:
    first = await world.upsert(tenant, "Text.", external_id="x")
    failed = world.document(first.document.id).model_copy(update={"status": status})
    world.database.state.documents[failed.id] = failed
    again = await world.upsert(tenant, "Text.", external_id="x")
    assert again.job is not None
    assert again.document.generation == 2


async def test_new_content_asks_older_jobs_to_stop(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, "Text.", external_id="x")
    second = await world.upsert(tenant, "Other text.", external_id="x")
    assert first.job is not None
    assert second.job is not None
    assert world.job(first.job.id).status is JobStatus.CANCELLED
    assert world.events_of(first.job)[-1] == JobFailedEvent(job=world.job(first.job.id), error=None)
    assert world.job(second.job.id).status is JobStatus.QUEUED


async def test_a_running_older_job_is_told_to_look(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, "Text.", external_id="x")
    assert first.job is not None
    async with world.units.for_system() as uow:
        await uow.jobs.claim(first.job.id, timedelta())
        await uow.commit()
    await world.upsert(tenant, "Other text.", external_id="x")
    assert world.queue.cancelled == [first.job.id]
    assert world.job(first.job.id).cancel_requested


async def test_the_same_content_is_taken_in_again_while_its_job_is_being_cancelled(
    world: World, tenant: Tenant
) -> None:
    first = await world.upsert(tenant, "Text.", external_id="x")
    assert first.job is not None
    async with world.units.for_system() as uow:
        await uow.jobs.claim(first.job.id, timedelta(seconds=20))
        await uow.commit()
    await world.jobs.cancel(tenant.principal, first.job.id)
    again = await world.upsert(tenant, "Text.", external_id="x")
    assert again.job is not None
    assert again.document.generation == 2


async def test_the_older_version_follows_new_fields_while_the_newer_is_made(
    world: World, tenant: Tenant
) -> None:
    first = await world.upsert(tenant, "Text.", external_id="x", tags=("old",))
    await world.run_all()
    second = await world.upsert(tenant, "Other text.", external_id="x", tags=("new",))
    assert second.job is not None
    await world.jobs.cancel(tenant.principal, second.job.id)
    await world.run_all()
    rows = world.vectors(first.document.id)
    assert {(row.generation, row.tags) for row in rows} == {(1, ("new",))}


async def test_too_many_open_jobs_refuse_new_content_but_never_a_deletion() -> None:
    world = World(make_settings(open_jobs_maximum=1))
    tenant = await add_tenant(world.database)
    first = await world.upsert(tenant, "Text.")
    with pytest.raises(LimitExceeded) as refused:
        await world.upsert(tenant, "More text.")
    assert refused.value.details["limit"] == 1
    assert len(world.database.state.documents) == 1
    assert len(world.blobs.blobs) == 1
    deleted = await world.documents.delete(tenant.principal, first.document.id)
    assert deleted.job.kind is JobKind.DELETE


async def test_an_unknown_knowledge_base_is_not_found_and_leaves_no_bytes(
    world: World, tenant: Tenant
) -> None:
    with pytest.raises(NotFound):
        await world.upsert(tenant, "Text.", knowledge_base_id=new_id())
    assert world.blobs.blobs == {}


async def test_another_tenants_knowledge_base_is_not_found(world: World, tenant: Tenant) -> None:
    other = await add_tenant(world.database, name="Other")
    with pytest.raises(NotFound):
        await world.upsert(tenant, "Text.", knowledge_base_id=other.knowledge_base.id)
    assert world.database.state.documents == {}


async def test_required_metadata_is_asked_of_new_documents_only(world: World) -> None:
    required = MetadataField(path="year", type=MetadataFieldType.NUMBER, required=True)
    tenant = await add_tenant(world.database, required)
    with pytest.raises(BadInput) as refused:
        await world.upsert(tenant, "Text.", external_id="x")
    assert refused.value.field == ["metadata", "year"]
    await world.upsert(tenant, "Text.", external_id="x", metadata={"year": 2026})
    again = await world.upsert(tenant, "Other text.", external_id="x")
    assert again.document.metadata == {"year": 2026}


async def test_scopes_are_required(world: World, tenant: Tenant) -> None:
    reader = make_principal(tenant.workspace.id, ApiScope.READ)
    writer = make_principal(tenant.workspace.id, ApiScope.WRITE)
    accepted = await world.upsert(tenant, "Text.")
    refused: list[LorebaseError] = []
    for act in (
        world.documents.store_text(reader, "Text.", "text/plain"),
        world.documents.delete(reader, accepted.document.id),
        world.documents.update(reader, UpdateDocument(id=accepted.document.id)),
        world.documents.get_many(writer, [accepted.document.id]),
        world.documents.receipts(writer, []),
        world.documents.by_external_id(writer, tenant.knowledge_base.id, "x"),
        world.documents.count(writer, tenant.knowledge_base.id, None),
    ):
        with pytest.raises(Forbidden) as error:
            await act
        refused.append(error.value)
    assert len(refused) == 7


async def test_a_repeated_upsert_gives_the_first_result_in_its_newest_state(
    world: World, tenant: Tenant
) -> None:
    first = await world.upsert(tenant, "Text.", idempotency_key="k")
    await world.run_all()
    again = await world.upsert(tenant, "Text.", idempotency_key="k")
    assert again.document == world.document(first.document.id)
    assert again.document.status is DocumentStatus.READY
    assert again.job is not None
    assert first.job is not None
    assert (again.job.id, again.job.status, again.created) == (first.job.id, JobStatus.SUCCEEDED, True)
    assert len(world.database.state.documents) == len(world.blobs.blobs) == 1


async def test_a_key_used_for_other_input_is_a_mismatch_and_leaves_no_bytes(
    world: World, tenant: Tenant
) -> None:
    await world.upsert(tenant, "Text.", idempotency_key="k")
    for changed in ({"body": "Other."}, {"body": "Text.", "tags": ("a",)}):
        with pytest.raises(Conflict) as refused:
            await world.upsert(tenant, idempotency_key="k", **changed)
        assert refused.value.code is ErrorCode.IDEMPOTENCY_MISMATCH
    with pytest.raises(Conflict):
        await world.documents.delete(tenant.principal, new_id(), idempotency_key="k")
    assert len(world.database.state.documents) == len(world.blobs.blobs) == 1


async def test_a_refused_call_does_not_use_up_its_key(world: World, tenant: Tenant) -> None:
    with pytest.raises(BadInput):
        await world.upsert(tenant, "Text.", idempotency_key="k", language="not a language")
    accepted = await world.upsert(tenant, "Text.", idempotency_key="k")
    assert accepted.created


async def test_an_unused_upload_is_kept_when_the_outcome_of_a_commit_is_unknown(
    world: World, tenant: Tenant
) -> None:
    upload = await world.documents.store_text(tenant.principal, "Text.", "text/plain")
    faults = Faults()
    faults.crash_at(3)
    dying = DocumentService(
        units=FakeUnits(world.database, faults),
        blobs=world.blobs,
        queue=world.queue,
        events=world.events,
        clock=world.clock,
        settings=world.settings,
    )
    command = UpsertDocument(knowledge_base_id=tenant.knowledge_base.id, upload=upload)
    with pytest.raises(Crash):
        await dying.upsert(tenant.principal, command)
    [document] = world.database.state.documents.values()
    assert upload.blob_key in world.blobs.blobs
    await world.run_all()
    assert world.document(document.id).status is DocumentStatus.READY


async def test_a_filter_on_an_undeclared_path_is_refused_and_never_matches_everything(
    world: World, tenant: Tenant
) -> None:
    condition = DocumentFilter(
        metadata=(MetadataFilter(path="colour", value=MetadataValueFilter(string=StringFilter(eq="red"))),)
    )
    page = PageRequest(limit=10)
    with pytest.raises(BadInput):
        await world.documents.page(
            tenant.principal, tenant.knowledge_base.id, page, DocumentOrder(), condition
        )
    with pytest.raises(BadInput):
        await world.documents.count(tenant.principal, tenant.knowledge_base.id, condition)
