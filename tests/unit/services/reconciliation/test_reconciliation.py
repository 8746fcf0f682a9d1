"""Reconciliation: what disagrees is found, what a job is changing is let alone, what can be mended is."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest

from lorebase.core.errors import NotFound, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.documents import DocumentStatus, UpdateDocument, UpsertedDocument
from lorebase.schemas.jobs import JobKind, JobStatus
from lorebase.schemas.reconciliation import DriftKind, DriftReport
from tests.factories import Tenant, add_tenant, make_model, make_settings, pieces
from tests.fakes.faults import Crash, Faults
from tests.fakes.memory.state import IndexedDocument
from tests.fakes.world import World

BODY = "Words about lighthouses. " * 60
OLD = timedelta(hours=25)


def found(report: DriftReport) -> dict[DriftKind, int]:
    return {count.kind: count.found for count in report.counts}


def repaired(report: DriftReport) -> dict[DriftKind, int]:
    return {count.kind: count.repaired for count in report.counts}


def lose(world: World, document_id: UUID, *, generation: int | None = None, keep: int = 0) -> int:
    """Takes rows out of the index behind everybody's back; returns how many."""
    doomed = [row for row in world.vectors(document_id) if generation in (None, row.generation)][keep:]
    for partition in world.index.partitions.values():
        for row in doomed:
            partition.pop(row.chunk_id, None)
    return len(doomed)


def add_rows(world: World, document_id: UUID, **changes: object) -> None:
    """Puts rows into the index behind everybody's back, like those of the document but for the changes."""
    [partition] = [rows for rows in world.index.partitions.values() if rows]
    for row in world.vectors(document_id):
        stray = row.model_copy(update={"chunk_id": new_id(), **changes})
        partition[stray.chunk_id] = stray


async def ready(world: World, tenant: Tenant, body: str = BODY, **given: object) -> UpsertedDocument:
    accepted = await world.upsert(tenant, body, **given)
    await world.run_all()
    return accepted


async def is_clean(world: World, tenant: Tenant) -> bool:
    await world.run_all()
    return (await world.reconcile(tenant, repair=False)).found == 0


async def test_where_all_agrees_nothing_is_found(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant, external_id="x")
    await ready(world, tenant, BODY + "new", external_id="x")
    gone = await ready(world, tenant, BODY + "gone")
    await world.documents.delete(tenant.principal, gone.document.id)
    await world.run_all()
    report = await world.reconcile(tenant)
    assert (report.found, report.jobs, report.documents) == (0, (), 2)
    assert report.vectors == len(world.vectors(accepted.document.id)) > 0
    assert report.blobs == 2


@pytest.mark.parametrize("keep", [0, 2])
async def test_lost_vectors_come_back_without_parsing_and_without_the_provider(
    world: World, tenant: Tenant, keep: int
) -> None:
    accepted = await ready(world, tenant)
    before = world.vectors(accepted.document.id)
    lost = lose(world, accepted.document.id, keep=keep)
    calls, parsed = len(world.embedder.calls), world.parser.calls
    report = await world.reconcile(tenant)
    [count] = report.counts
    assert (count.kind, count.found, count.repaired, count.vectors) == (
        DriftKind.MISSING_VECTORS,
        1,
        1,
        lost,
    )
    assert [world.job(job_id).kind for job_id in report.jobs] == [JobKind.SYNC_METADATA]
    assert await is_clean(world, tenant)
    assert world.vectors(accepted.document.id) == before
    assert (len(world.embedder.calls), world.parser.calls) == (calls, parsed)


async def test_only_looking_changes_nothing(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    lose(world, accepted.document.id)
    jobs = dict(world.database.state.jobs)
    report = await world.reconcile(tenant, repair=False)
    assert (found(report), report.repaired) == ({DriftKind.MISSING_VECTORS: 1}, 0)
    assert report.examples[0].document_id == accepted.document.id
    assert world.database.state.jobs == jobs


async def test_two_comparisons_add_one_job(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    lose(world, accepted.document.id)
    await world.reconcile(tenant)
    again = await world.reconcile(tenant)
    assert (again.found, again.jobs) == (0, ())
    assert len(world.jobs_about(accepted.document.id)) == 2


async def test_vectors_too_many_are_removed(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    count = len(world.vectors(accepted.document.id))
    add_rows(world, accepted.document.id, ordinal=count + 5)
    assert found(await world.reconcile(tenant)) == {DriftKind.SURPLUS_VECTORS: 1}
    assert await is_clean(world, tenant)
    assert len(world.vectors(accepted.document.id)) == count


@pytest.mark.parametrize("recorded", [None, (1, 1), (7, 12)])
async def test_wrong_counts_are_recorded_anew(
    world: World, tenant: Tenant, recorded: tuple[int, int] | None
) -> None:
    accepted = await ready(world, tenant)
    rows = world.database.state.index_documents
    [key] = rows
    right = rows.pop(key)
    if recorded is not None:
        rows[key] = IndexedDocument(tenant.workspace.id, *recorded)
    assert found(await world.reconcile(tenant)) == {DriftKind.WRONG_COUNTS: 1}
    assert await is_clean(world, tenant)
    assert world.database.state.index_documents == {key: right}
    assert await world.searchable(tenant, accepted.document.id) != []


async def test_vectors_of_a_deleted_document_are_removed(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    rows = world.vectors(accepted.document.id)
    await world.documents.delete(tenant.principal, accepted.document.id)
    await world.run_all()
    [partition] = world.index.partitions.values()
    partition.update({row.chunk_id: row for row in rows})
    report = await world.reconcile(tenant)
    assert repaired(report) == {DriftKind.ORPHANS_OF_DELETED: 1}
    assert report.counts[0].vectors == len(rows)
    assert world.vectors(accepted.document.id) == []


async def test_vectors_of_old_generations_are_removed_and_the_live_ones_stay(
    world: World, tenant: Tenant
) -> None:
    accepted = await ready(world, tenant, external_id="x")
    old = world.vectors(accepted.document.id)
    await ready(world, tenant, BODY + "new", external_id="x")
    live = world.vectors(accepted.document.id)
    [partition] = world.index.partitions.values()
    partition.update({row.chunk_id: row for row in old})
    assert repaired(await world.reconcile(tenant)) == {DriftKind.ORPHANS_OF_OLD_GENERATIONS: 1}
    assert world.vectors(accepted.document.id) == live


async def test_vectors_of_a_cancelled_first_ingestion_are_removed(world: World, tenant: Tenant) -> None:
    whole, faults = Faults(), Faults()
    healthy, accepted = await world.upsert(tenant, BODY), await world.upsert(tenant, BODY + "other")
    assert healthy.job is not None
    assert accepted.job is not None
    job_id = accepted.job.id
    await world.runner(whole).run(healthy.job.id)
    faults.crash_at(whole.steps - 8)
    with pytest.raises(Crash):
        await world.runner(faults).run(job_id)
    await world.jobs.cancel(tenant.principal, job_id)
    assert (await world.reconcile(tenant)).found == 0
    world.clock.advance(world.settings.job_lease_seconds)
    await world.run_all()
    assert world.job(job_id).status is JobStatus.CANCELLED
    assert world.vectors(accepted.document.id) != []
    assert repaired(await world.reconcile(tenant)) == {DriftKind.ORPHANS_OF_UNFINISHED: 1}
    assert world.vectors(accepted.document.id) == []
    await world.jobs.retry(tenant.principal, job_id)
    assert await is_clean(world, tenant)
    assert await world.searchable(tenant, accepted.document.id) != []


async def test_vectors_of_unknown_documents_are_removed(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    other = await add_tenant(world.database, name="Other")
    foreign = await ready(world, other)
    copy_rows_of = world.vectors(accepted.document.id)
    [mine] = [rows for rows in world.index.partitions.values() if copy_rows_of[0].chunk_id in rows]
    for unknown in (UUID(int=1), new_id()):
        for row in copy_rows_of:
            stray = row.model_copy(update={"chunk_id": new_id(), "document_id": unknown})
            mine[stray.chunk_id] = stray
    assert repaired(await world.reconcile(tenant)) == {DriftKind.ORPHANS_OF_UNKNOWN: 2}
    assert world.vectors(accepted.document.id) == copy_rows_of
    assert world.vectors(foreign.document.id) != []
    assert await is_clean(world, tenant)


async def test_vectors_in_a_collection_that_the_knowledge_base_does_not_use_are_removed(
    world: World, tenant: Tenant
) -> None:
    accepted = await ready(world, tenant)
    unused = make_model(collection="unused")
    world.database.state.models[unused.id] = unused
    rows = world.vectors(accepted.document.id)
    world.index.partitions["unused", tenant.workspace.partition] = {row.chunk_id: row for row in rows}
    assert repaired(await world.reconcile(tenant)) == {DriftKind.ORPHANS_OF_UNKNOWN: 1}
    assert world.vectors(accepted.document.id) == rows


async def test_an_index_that_is_being_filled_owes_only_what_it_is_recorded_to_hold(
    world: World, tenant: Tenant
) -> None:
    await ready(world, tenant)
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        [active] = await uow.embeddings.indexes_of(tenant.knowledge_base.id)
    model = make_model(collection="next")
    world.database.state.models[model.id] = model
    coming = active.model_copy(update={"id": new_id(), "model": model})
    world.database.state.indexes[coming.id] = coming
    assert await is_clean(world, tenant)
    later = await ready(world, tenant, BODY + "later")
    assert await is_clean(world, tenant)
    world.index.partitions["next", tenant.workspace.partition].clear()
    report = await world.reconcile(tenant)
    assert (found(report), report.examples[0].document_id) == (
        {DriftKind.MISSING_VECTORS: 1},
        later.document.id,
    )
    assert await is_clean(world, tenant)


@pytest.mark.parametrize("status", [DocumentStatus.ACCEPTED, DocumentStatus.PROCESSING])
async def test_a_document_without_its_job_is_ingested_after_all(
    world: World, tenant: Tenant, status: DocumentStatus
) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    del world.database.state.jobs[accepted.job.id]
    document = world.document(accepted.document.id)
    world.database.state.documents[document.id] = document.model_copy(update={"status": status})
    assert repaired(await world.reconcile(tenant)) == {DriftKind.STUCK_DOCUMENTS: 1}
    assert await is_clean(world, tenant)
    assert await world.searchable(tenant, accepted.document.id) != []


async def test_a_deletion_without_its_job_is_finished_after_all(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    deleted = await world.documents.delete(tenant.principal, accepted.document.id)
    del world.database.state.jobs[deleted.job.id]
    assert repaired(await world.reconcile(tenant)) == {DriftKind.STUCK_DOCUMENTS: 1}
    assert await is_clean(world, tenant)
    assert world.document(accepted.document.id).status is DocumentStatus.DELETED
    [receipt] = await world.documents.receipts(tenant.principal, [deleted.receipt.id])
    assert receipt.completed_at is not None
    assert world.vectors(accepted.document.id) == []


async def test_missing_bytes_are_told_and_cannot_be_mended(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    [key] = world.blobs.blobs
    del world.blobs.blobs[key]
    report = await world.reconcile(tenant)
    assert (found(report), report.repaired) == ({DriftKind.MISSING_BLOBS: 1}, 0)
    assert report.examples[0].blob_key == key
    assert await world.searchable(tenant, accepted.document.id) != []


async def test_bytes_that_no_document_took_are_removed_when_they_are_old(
    world: World, tenant: Tenant
) -> None:
    # Keys carry the time of this machine, which the world's clock does not follow.
    world.clock.advance((datetime.now(UTC) - world.clock.now()).total_seconds())
    accepted = await ready(world, tenant)
    orphan, foreign = f"{tenant.workspace.id}/{new_id()}", f"{tenant.workspace.id}/README"
    for key in (orphan, foreign):
        await world.blobs.put(key, pieces(b"x"))
    assert (await world.reconcile(tenant)).found == 0
    world.clock.advance(OLD.total_seconds())
    assert repaired(await world.reconcile(tenant)) == {DriftKind.ORPHAN_BLOBS: 1}
    assert orphan not in world.blobs.blobs
    assert foreign in world.blobs.blobs
    assert len(world.blobs.blobs) == 2
    assert await world.searchable(tenant, accepted.document.id) != []


async def test_what_uploads_left_that_were_cut_off_is_told_and_removed_when_it_is_old(
    world: World, tenant: Tenant
) -> None:
    accepted = await ready(world, tenant)
    old, fresh = (f"{tenant.workspace.id}/.part-{name}" for name in ("old", "fresh"))
    foreign = f"{new_id()}/.part-old"
    long_ago = world.clock.now() - OLD
    world.blobs.parts = {old: long_ago, fresh: world.clock.now(), foreign: long_ago}
    told = await world.reconcile(tenant, repair=False)
    assert (found(told), told.examples[0].blob_key) == ({DriftKind.UNFINISHED_UPLOADS: 1}, old)
    assert set(world.blobs.parts) == {old, fresh, foreign}
    assert repaired(await world.reconcile(tenant)) == {DriftKind.UNFINISHED_UPLOADS: 1}
    assert set(world.blobs.parts) == {fresh, foreign}
    assert await is_clean(world, tenant)
    assert await world.searchable(tenant, accepted.document.id) != []


@pytest.mark.parametrize("step", range(1, 40, 2))
async def test_comparing_at_any_moment_of_an_ingestion_harms_nothing(
    world: World, tenant: Tenant, step: int
) -> None:
    accepted = await ready(world, tenant, external_id="x")
    again = await world.upsert(tenant, BODY + "more", external_id="x")
    assert again.job is not None
    faults, reports = Faults(), []

    async def compare() -> None:
        reports.append(await world.reconcile(tenant))

    faults.at(step, compare)
    await world.runner(faults).run(again.job.id)
    assert [report.jobs for report in reports] in ([], [()])
    assert await is_clean(world, tenant)
    document = world.document(accepted.document.id)
    assert (document.status, document.live_generation) == (DocumentStatus.READY, 2)
    assert {row.generation for row in world.vectors(document.id)} == {2}


@pytest.mark.parametrize("step", range(1, 16))
@pytest.mark.parametrize("act", ["renew", "delete"])
async def test_whatever_happens_during_a_repair_nothing_live_is_lost(
    world: World, tenant: Tenant, step: int, act: str
) -> None:
    accepted = await ready(world, tenant, external_id="x")
    old = world.vectors(accepted.document.id)
    await ready(world, tenant, BODY + "2", external_id="x")
    [partition] = world.index.partitions.values()
    partition.update({row.chunk_id: row for row in old})
    faults = Faults()

    async def meanwhile() -> None:
        if act == "renew":
            await ready(world, tenant, BODY + "3", external_id="x")
        else:
            await world.documents.delete(tenant.principal, accepted.document.id)
            await world.run_all()

    faults.at(step, meanwhile)
    await world.reconciler(faults).reconcile(tenant.workspace.id, repair=True)
    assert await is_clean(world, tenant)
    rows = {row.generation for row in world.vectors(accepted.document.id)}
    assert rows <= {world.document(accepted.document.id).live_generation}
    if act == "renew" and faults.steps > step:
        assert rows == {3}


@pytest.mark.parametrize("step", range(1, 14))
async def test_a_comparison_that_dies_anywhere_is_made_again(world: World, tenant: Tenant, step: int) -> None:
    lost, orphaned = await ready(world, tenant), await ready(world, tenant, BODY + "2", external_id="x")
    old = world.vectors(orphaned.document.id)
    await ready(world, tenant, BODY + "3", external_id="x")
    [partition] = world.index.partitions.values()
    partition.update({row.chunk_id: row for row in old})
    lose(world, lost.document.id)
    faults = Faults()
    faults.crash_at(step)
    with pytest.raises(Crash):
        await world.reconciler(faults).reconcile(tenant.workspace.id, repair=True)
    await world.reconcile(tenant)
    assert await is_clean(world, tenant)


async def test_a_store_out_of_reach_is_an_outage_and_no_loss(world: World, tenant: Tenant) -> None:
    await ready(world, tenant)
    world.index.down = True
    with pytest.raises(Unavailable):
        await world.reconcile(tenant)
    world.index.down = False
    assert await is_clean(world, tenant)


async def test_many_documents_are_compared_in_batches() -> None:
    world = World(make_settings(reconcile_batch_documents=3))
    tenant = await add_tenant(world.database)
    documents = [await ready(world, tenant, f"{BODY} {number}") for number in range(7)]
    lose(world, documents[0].document.id)
    lose(world, documents[6].document.id)
    report = await world.reconcile(tenant)
    assert (report.documents, found(report)) == (7, {DriftKind.MISSING_VECTORS: 2})
    assert await is_clean(world, tenant)


async def test_repairs_leave_room_for_uploads() -> None:
    world = World(make_settings(open_jobs_maximum=20))
    tenant = await add_tenant(world.database)
    for number in range(5):
        lose(world, (await ready(world, tenant, f"{BODY} {number}")).document.id)
    report = await world.reconcile(tenant)
    assert (report.found, report.repaired, len(report.jobs), report.capped) == (5, 2, 2, True)
    await world.run_all()
    assert (await world.reconcile(tenant)).found == 3


async def test_one_process_at_a_time_reconciles_and_not_too_often(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    lose(world, accepted.document.id)
    other = await add_tenant(world.database, name="Other")
    faults = Faults()
    beside: list[list[DriftReport]] = []

    async def second() -> None:
        beside.append(await world.reconciler().run_if_due())

    faults.at(4, second)
    reports = await world.reconciler(faults).run_if_due()
    assert {report.workspace_id for report in reports} == {tenant.workspace.id, other.workspace.id}
    assert sum(report.repaired for report in reports) == 1
    assert beside == [[]]
    assert await world.reconciler().run_if_due() == []
    world.clock.advance(world.settings.reconcile_seconds)
    assert len(await world.reconciler().run_if_due()) == 2


async def test_a_reconciler_that_died_is_followed_by_another(world: World, tenant: Tenant) -> None:
    faults = Faults()
    faults.crash_at(6)
    with pytest.raises(Crash):
        await world.reconciler(faults).run_if_due()
    assert await world.reconciler().run_if_due() == []
    world.clock.advance(301)
    assert len(await world.reconciler().run_if_due()) == 1


async def test_a_workspace_is_chosen_by_its_slug(world: World, tenant: Tenant) -> None:
    await add_tenant(world.database, name="Other")
    chosen = [one async for one in world.reconciler().workspace_ids(tenant.workspace.slug)]
    assert chosen == [tenant.workspace.id]
    with pytest.raises(NotFound):
        [one async for one in world.reconciler().workspace_ids("nowhere")]


async def left_by_a_cancelled_ingestion(world: World, tenant: Tenant) -> UpsertedDocument:
    """A document whose first ingestion died while it wrote, and was cancelled then."""
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    for crash_at in range(16, 60):
        faults = Faults()
        faults.crash_at(crash_at)
        with suppress(Crash):
            await world.runner(faults).run(accepted.job.id)
        world.clock.advance(world.settings.job_lease_seconds)
        if world.vectors(accepted.document.id):
            break
    await world.jobs.cancel(tenant.principal, accepted.job.id)
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.FAILED
    return accepted


async def test_a_retry_during_the_removal_loses_at_most_to_its_very_moment() -> None:
    """PostgreSQL is asked once more before the removal; what slips in after that is mended the next time."""
    lost: list[int] = []
    for step in range(1, 16):
        world = World(make_settings(job_attempts_maximum=100))
        tenant = await add_tenant(world.database)
        accepted = await left_by_a_cancelled_ingestion(world, tenant)
        faults = Faults()
        faults.at(step, partial(retried, world, tenant, accepted))
        await world.reconciler(faults).reconcile(tenant.workspace.id, repair=True)
        if (await world.reconcile(tenant)).found:
            lost.append(step)
        assert await is_clean(world, tenant)
    assert len(lost) <= 1


async def retried(world: World, tenant: Tenant, accepted: UpsertedDocument) -> None:
    assert accepted.job is not None
    await world.jobs.retry(tenant.principal, accepted.job.id)
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.READY


@pytest.mark.parametrize("step", range(1, 12))
@pytest.mark.parametrize("act", ["renew", "retitle", "delete", "begin"])
async def test_what_moves_while_the_stores_are_read_is_no_finding(
    world: World, tenant: Tenant, step: int, act: str
) -> None:
    accepted = await ready(world, tenant, external_id="x")
    # Another document is at fault, so that suspicions are looked into.
    lose(world, (await ready(world, tenant, BODY + "lost")).document.id)
    faults = Faults()

    async def meanwhile() -> None:
        if act == "renew":
            await ready(world, tenant, BODY + "2", external_id="x")
        elif act == "retitle":
            change = UpdateDocument(id=accepted.document.id, title="A title of more words than before")
            await world.documents.update(tenant.principal, change)
            await world.run_all()
        elif act == "delete":
            await world.documents.delete(tenant.principal, accepted.document.id)
            await world.run_all()
        else:
            await ready(world, tenant, BODY + "new")

    faults.at(step, meanwhile)
    report = await world.reconciler(faults).reconcile(tenant.workspace.id, repair=False)
    assert found(report) == {DriftKind.MISSING_VECTORS: 1}
