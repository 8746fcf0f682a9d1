"""Deleting a knowledge base: gone for every reader at once, emptied in the end, whatever happens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lorebase.core.errors import Conflict, ErrorCode, Forbidden, NotFound
from lorebase.core.ids import new_id
from lorebase.schemas.documents import DeletionReceipt, DocumentOrder, DocumentStatus, UpdateDocument
from lorebase.schemas.evaluations import CreateEvaluationSet, NewCase, Relevance, RunEvaluation
from lorebase.schemas.jobs import JobKind, JobLane, JobStatus
from lorebase.schemas.knowledge_bases import CreateKnowledgeBase, KnowledgeBaseOrder, UpdateKnowledgeBase
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.reconciliation import DriftReport
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.deletion import knowledge_base_emptying
from lorebase.services.evaluations.evaluations import EvaluationService
from tests.contracts.evaluations_contract import Place, a_case, add_run, add_set
from tests.factories import Tenant, add_tenant, make_model
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World

BODY = "Words about lighthouses. " * 60
TABLES = ("versions", "texts", "chunks", "postings", "index_documents", "blobs")


def nothing_is_left(world: World) -> bool:
    stored = [getattr(world.database.state, table) for table in TABLES]
    return not (any(stored) or world.blobs.blobs or any(world.index.partitions.values()))


async def receipt_of(world: World, tenant: Tenant, receipt: DeletionReceipt) -> DeletionReceipt:
    [now] = await world.documents.receipts(tenant.principal, [receipt.id])
    return now


async def finish(world: World) -> None:
    for _ in range(3):
        await world.run_all()
        world.clock.advance(world.settings.job_lease_seconds + 60)


async def test_it_and_everything_in_it_is_gone_in_the_transaction_that_answers(
    world: World, tenant: Tenant
) -> None:
    accepted = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    base, principal = tenant.knowledge_base, tenant.principal
    shown = await world.searchable(tenant, accepted.document.id)
    assert shown
    await world.bases.delete(principal, base.id)
    assert await world.searchable(tenant, accepted.document.id) == []
    assert await world.bases.get_many(principal, [base.id]) == []
    assert await world.bases.by_slug(principal, base.slug) is None
    assert await world.bases.count(principal) == 0
    assert (await world.bases.page(principal, PageRequest(limit=5), KnowledgeBaseOrder())).items == ()
    assert await world.documents.get_many(principal, [accepted.document.id]) == []
    assert await world.documents.by_external_id(principal, base.id, "x") is None
    page = await world.documents.page(principal, base.id, PageRequest(limit=5), DocumentOrder(), None)
    assert page.items == ()
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        assert await uow.chunks.get_many([chunk.id for chunk in shown]) == []
        assert await uow.versions.get_many([shown[0].version_id]) == []
        assert await uow.embeddings.get_indexes([base.active_index_id]) == []
    with pytest.raises(NotFound):
        await world.bases.facets(principal, base.id, "tags", None, 5)


async def test_nothing_more_is_taken_in_or_changed(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    jobs = len(world.database.state.jobs)
    for attempt in (
        world.upsert(tenant, BODY + "more", external_id="x"),
        world.upsert(tenant, BODY),
        world.documents.update(tenant.principal, UpdateDocument(id=accepted.document.id, tags=("a",))),
        world.documents.delete(tenant.principal, accepted.document.id),
        world.bases.update(tenant.principal, UpdateKnowledgeBase(id=tenant.knowledge_base.id, name="n")),
        world.bases.delete(tenant.principal, tenant.knowledge_base.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert len(world.database.state.jobs) == jobs
    assert len(world.blobs.blobs) == 1


async def test_the_receipt_falls_to_zero_and_nothing_is_left(
    world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge_base_emptying, "EMPTIED_AT_ONCE", 2)
    accepted = [await world.upsert(tenant, f"{BODY} {number}") for number in range(5)]
    await world.run_all()
    deleted = await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    assert deleted.receipt.documents_remaining == 5
    assert deleted.receipt.vectors_remaining == sum(len(world.vectors(a.document.id)) for a in accepted)
    assert deleted.receipt.vectors_remaining >= 5
    await world.run_all()
    now = await receipt_of(world, tenant, deleted.receipt)
    assert (now.documents_remaining, now.vectors_remaining) == (0, 0)
    assert now.completed_at is not None
    assert nothing_is_left(world)
    assert {world.document(a.document.id).status for a in accepted} == {DocumentStatus.DELETED}
    assert world.job(deleted.job.id).status is JobStatus.SUCCEEDED


async def test_neighbours_are_not_touched_and_the_slug_is_free(world: World, tenant: Tenant) -> None:
    other = await add_tenant(world.database, name="Other")
    foreign = await world.upsert(other, BODY)
    base = await world.bases.create(tenant.principal, CreateKnowledgeBase(name="Kept"))
    kept = await world.upsert(tenant, BODY, knowledge_base_id=base.id)
    await world.upsert(tenant, BODY)
    await world.run_all()
    await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    await finish(world)
    assert await world.searchable(other, foreign.document.id)
    assert len(world.vectors(kept.document.id)) > 0
    assert len(world.blobs.blobs) == 2
    again = CreateKnowledgeBase(name="Again", slug=tenant.knowledge_base.slug)
    assert (await world.bases.create(tenant.principal, again)).id != tenant.knowledge_base.id


async def test_vectors_of_every_embedding_version_and_of_unknown_documents_go(
    world: World, tenant: Tenant
) -> None:
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        [active] = await uow.embeddings.indexes_of(tenant.knowledge_base.id)
    other = active.model_copy(update={"id": new_id(), "model": make_model(collection="another")})
    world.database.state.indexes[other.id] = other
    await world.upsert(tenant, BODY)
    await world.run_all()
    assert len(world.index.partitions) == 2
    for partition in world.index.partitions.values():
        row = next(iter(partition.values()))
        stray = row.model_copy(update={"chunk_id": new_id(), "document_id": new_id()})
        partition[stray.chunk_id] = stray
    await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    await world.run_all()
    assert nothing_is_left(world)


async def test_waiting_jobs_are_cancelled_and_running_ones_waited_for(world: World, tenant: Tenant) -> None:
    running, waiting = await world.upsert(tenant, BODY), await world.upsert(tenant, BODY + "b")
    assert running.job is not None
    assert waiting.job is not None
    faults, ran = Faults(), []

    async def delete_now() -> None:
        deleted = await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
        await world.runner().run(deleted.job.id)
        row = world.job(deleted.job.id)
        assert row.error is not None
        ran.append(f"{row.status} {row.attempt} {row.error.code}")

    faults.at(14, delete_now)
    await world.runner(faults).run(running.job.id)
    assert ran == [f"QUEUED 0 {ErrorCode.WRONG_STATE}"]
    assert world.job(running.job.id).status is JobStatus.CANCELLED
    assert world.job(waiting.job.id).status is JobStatus.CANCELLED
    assert world.events_of(waiting.job)[-1].type == "JobFailed"
    await finish(world)
    assert nothing_is_left(world)


@pytest.mark.parametrize("step", range(2, 44, 3))
async def test_deleting_it_during_an_ingestion_leaves_nothing(
    world: World, tenant: Tenant, step: int
) -> None:
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    faults, acted = Faults(), []

    async def delete_now() -> None:
        acted.append(await world.bases.delete(tenant.principal, tenant.knowledge_base.id))
        assert await world.searchable(tenant, accepted.document.id) == []

    faults.at(step, delete_now)
    await world.runner(faults).run(accepted.job.id)
    if not acted:
        await delete_now()
    await finish(world)
    assert nothing_is_left(world)


@pytest.mark.parametrize("step", range(1, 60, 2))
async def test_an_emptying_that_dies_anywhere_is_finished_by_the_next_worker(
    world: World, tenant: Tenant, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge_base_emptying, "EMPTIED_AT_ONCE", 1)
    for number in range(3):
        await world.upsert(tenant, f"{BODY} {number}")
    await world.run_all()
    deleted = await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    faults = Faults()
    faults.crash_at(step)
    try:
        await world.runner(faults).run(deleted.job.id)
    except Crash:
        assert faults.steps >= step
    world.clock.advance(world.settings.job_lease_seconds + 1)
    await world.run_all()
    assert world.job(deleted.job.id).status is JobStatus.SUCCEEDED
    assert nothing_is_left(world)


async def test_an_old_fence_removes_no_more(world: World, tenant: Tenant) -> None:
    await world.upsert(tenant, BODY)
    await world.run_all()
    deleted = await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    faults = Faults()

    async def taken_over() -> None:
        if world.job(deleted.job.id).fence == 1:
            world.clock.advance(world.settings.job_lease_seconds + 1)
            await world.runner().run(deleted.job.id)

    # Steps inside of transactions count too, and there nobody else can act.
    faults.at(9, taken_over)
    faults.at(10, taken_over)
    await world.runner(faults).run(deleted.job.id)
    row = world.job(deleted.job.id)
    assert (row.status, row.fence) == (JobStatus.SUCCEEDED, 2)
    assert nothing_is_left(world)


async def test_an_index_out_of_reach_keeps_the_receipt_open(world: World, tenant: Tenant) -> None:
    await world.upsert(tenant, BODY)
    await world.run_all()
    deleted = await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    world.index.down = True
    await world.runner().run(deleted.job.id)
    now = await receipt_of(world, tenant, deleted.receipt)
    assert now.completed_at is None
    assert now.vectors_remaining > 0
    assert world.job(deleted.job.id).attempt == 0
    world.index.down = False
    await finish(world)
    assert nothing_is_left(world)


async def test_a_document_deleted_before_completes_its_own_receipt(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    alone = await world.documents.delete(tenant.principal, accepted.document.id)
    whole = await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    assert whole.receipt.documents_remaining == 1
    await finish(world)
    for receipt in (alone.receipt, whole.receipt):
        assert (await receipt_of(world, tenant, receipt)).completed_at is not None
    deletions = [job for job in world.database.state.jobs.values() if job.kind is JobKind.DELETE]
    assert {job.status for job in deletions} == {JobStatus.SUCCEEDED}
    assert nothing_is_left(world)


async def test_an_empty_one_is_deleted_too(world: World, tenant: Tenant) -> None:
    deleted = await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    assert (deleted.receipt.documents_remaining, deleted.receipt.vectors_remaining) == (0, 0)
    await world.run_all()
    assert (await receipt_of(world, tenant, deleted.receipt)).completed_at is not None


async def test_it_needs_the_scope_admin_and_the_right_version(world: World, tenant: Tenant) -> None:
    base = tenant.knowledge_base
    writer = tenant.principal.model_copy(update={"scopes": frozenset({ApiScope.WRITE, ApiScope.READ})})
    with pytest.raises(Forbidden):
        await world.bases.delete(writer, base.id)
    with pytest.raises(Conflict):
        await world.bases.delete(tenant.principal, base.id, base.version + 1)
    assert await world.bases.count(tenant.principal) == 1
    assert world.database.state.jobs == {}
    await world.bases.delete(tenant.principal, base.id, base.version)
    assert await world.bases.count(tenant.principal) == 0


async def test_asking_again_with_the_same_key_answers_the_same(world: World, tenant: Tenant) -> None:
    base = tenant.knowledge_base
    first = await world.bases.delete(tenant.principal, base.id, None, "key")
    again = await world.bases.delete(tenant.principal, base.id, None, "key")
    assert (again.job.id, again.receipt.id) == (first.job.id, first.receipt.id)
    with pytest.raises(Conflict) as refusal:
        await world.bases.delete(tenant.principal, base.id, 1, "key")
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_MISMATCH
    assert len(world.database.state.jobs) == 1
    assert first.job.lane is JobLane.DOCUMENTS


async def test_its_evaluations_are_gone_at_once_and_removed_in_batches(
    world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge_base_emptying, "EVALUATIONS_AT_ONCE", 1)
    other = await world.bases.create(tenant.principal, CreateKnowledgeBase(name="Other"))
    jobs = []
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        for base in (tenant.knowledge_base, other):
            place = Place(tenant.workspace.id, base.id, base.active_index_id)
            for name in ("one", "two"):
                made = await add_set(uow, place, name)
                await uow.evaluations.add_cases(made.id, [a_case(1)])
                jobs.append((await add_run(uow, made, base.active_index_id)).job_id)
        await uow.commit()
    await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        assert await uow.evaluations.count_sets(tenant.knowledge_base.id) == 0
    await finish(world)
    state = world.database.state
    assert {held.knowledge_base_id for held in state.evaluation_sets.values()} == {other.id}
    assert {run.knowledge_base_id for run in state.evaluation_runs.values()} == {other.id}
    assert len(state.evaluation_cases) == 2
    stopped = [world.job(job_id).status is JobStatus.CANCELLED for job_id in jobs]
    assert stopped == [True, True, False, False]


async def test_a_running_evaluation_is_stopped_before_its_run_is_removed(
    world: World, tenant: Tenant
) -> None:
    evaluations = EvaluationService(
        units=world.units,
        queue=world.queue,
        events=world.events,
        clock=world.clock,
        settings=world.settings,
    )
    case = NewCase(query="How?", relevant=(Relevance(external_id="a"),))
    command = CreateEvaluationSet(knowledge_base_id=tenant.knowledge_base.id, name="Set", cases=(case,))
    measured = await evaluations.create_set(tenant.principal, command)
    run = await evaluations.run(tenant.principal, RunEvaluation(set_id=measured.id))
    async with world.units.for_system() as uow:
        await uow.jobs.claim(run.job_id, timedelta(seconds=20))
        await uow.commit()
    await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    await world.run_all()
    assert world.queue.cancelled == [run.job_id]
    assert list(world.database.state.evaluation_runs) == [run.id]
    with pytest.raises(NotFound):
        await evaluations.run(tenant.principal, RunEvaluation(set_id=measured.id))


async def test_nothing_of_it_is_mended_while_it_is_being_emptied(
    world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge_base_emptying, "EMPTIED_AT_ONCE", 1)
    accepted = [await world.upsert(tenant, f"{BODY} {number}") for number in range(3)]
    await world.run_all()
    # Of one document the vectors were lost: a live one would get them back.
    lost = {row.chunk_id for row in world.vectors(accepted[0].document.id)}
    for partition in world.index.partitions.values():
        for chunk_id in lost:
            partition.pop(chunk_id, None)
    before = len(world.database.state.jobs)
    deleted = await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    faults = Faults()
    reports: list[DriftReport] = []

    async def reconcile() -> None:
        reports.append(await world.reconcile(tenant))

    await reconcile()
    for step in range(200):
        faults.at(step, reconcile)
    await world.runner(faults).run_due(JobLane.DOCUMENTS)
    assert len(reports) > 10
    assert {(report.jobs, report.found) for report in reports} == {((), 0)}
    assert len(world.database.state.jobs) == before + 1
    assert (await receipt_of(world, tenant, deleted.receipt)).completed_at is not None
    assert nothing_is_left(world)
    assert (await world.reconcile(tenant)).found == 0


async def test_a_deletion_whose_job_is_not_yet_at_work_is_let_alone(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    state = world.database.state.copy()
    vectors = world.vectors(accepted.document.id)
    world.clock.advance(25 * 3600)
    report = await world.reconcile(tenant)
    assert (report.jobs, report.repaired) == ((), 0)
    assert world.database.state == state
    assert world.vectors(accepted.document.id) == vectors
