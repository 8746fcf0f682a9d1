"""Deleting and forgetting over a real PostgreSQL: its locks, its clock, its constraints."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest

from lorebase.core.errors import NotFound
from lorebase.models.base import metadata
from lorebase.schemas.answers import Ask, Asked, ConversationOrder
from lorebase.schemas.documents import DeletionReceipt
from lorebase.schemas.jobs import JobLane, JobStatus
from lorebase.schemas.knowledge_bases import CreateKnowledgeBase
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.search import SearchRequest
from lorebase.services.answers.answers import AnswerService
from lorebase.services.deletion import knowledge_base_emptying
from lorebase.services.retention import RetentionService
from tests.contracts.evaluations_contract import Place, a_case, a_result, add_run, add_set
from tests.factories import Tenant
from tests.fakes.world import World
from tests.integration.database import DatabaseUrls, connect, run_statements
from tests.integration.services.test_ingestion import BODY, come_to_rest

EVERY_TABLE = (
    "document_versions",
    "version_texts",
    "chunks",
    "keyword_postings",
    "index_documents",
    "blobs",
    "conversation_knowledge_bases",
)


@pytest.fixture
def answers(world: World) -> AnswerService:
    return AnswerService(
        units=world.units,
        queue=world.queue,
        events=world.events,
        settings=world.settings,
        clock=world.clock,
    )


async def ask(answers: AnswerService, tenant: Tenant, conversation_id: UUID | None = None) -> Asked:
    search = SearchRequest(knowledge_base_ids=(tenant.knowledge_base.id,), query="")
    wanted = search if conversation_id is None else None
    command = Ask(question="How high?", conversation_id=conversation_id, retrieval=wanted)
    return await answers.ask(tenant.principal, command)


async def rows(urls: DatabaseUrls, tenant: Tenant, table: str) -> int:
    """Rows of the tenant, as it sees them itself."""
    connection = await connect(urls.login)
    try:
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('app.workspace_id', $1, true)", str(tenant.workspace.id)
            )
            return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


async def age(urls: DatabaseUrls, tenant: Tenant, *changes: str) -> None:
    """Makes rows of the tenant older than they are."""
    connection = await connect(urls.login)
    try:
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('app.workspace_id', $1, true)", str(tenant.workspace.id)
            )
            for change in changes:
                await connection.execute(change)
    finally:
        await connection.close()


async def receipt_of(world: World, tenant: Tenant, receipt: DeletionReceipt) -> DeletionReceipt:
    [now] = await world.documents.receipts(tenant.principal, [receipt.id])
    return now


async def test_a_knowledge_base_is_gone_at_once_and_emptied_in_batches(
    world: World,
    tenant: Tenant,
    answers: AnswerService,
    database: DatabaseUrls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(knowledge_base_emptying, "EMPTIED_AT_ONCE", 2)
    monkeypatch.setattr(knowledge_base_emptying, "HIDDEN_AT_ONCE", 2)
    accepted = [await world.upsert(tenant, f"{BODY} {number}") for number in range(5)]
    await come_to_rest(world, tenant)
    waiting = await world.upsert(tenant, f"{BODY} waiting")
    asked = await ask(answers, tenant)
    base = tenant.knowledge_base
    deleted = await world.bases.delete(tenant.principal, base.id)
    assert deleted.receipt.documents_remaining == 6
    assert deleted.receipt.vectors_remaining == sum(len(world.vectors(a.document.id)) for a in accepted)
    for one in accepted:
        assert await world.searchable(tenant, one.document.id) == []
        assert await world.documents.get_many(tenant.principal, [one.document.id]) == []
    assert await world.bases.get_many(tenant.principal, [base.id]) == []
    [conversation] = await answers.get_conversations(tenant.principal, [asked.conversation.id])
    assert conversation.knowledge_base_ids == ()
    with pytest.raises(NotFound):
        await world.upsert(tenant, BODY)
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        # The question has no worker here.
        await uow.jobs.request_cancel(asked.answer.job_id)
        await uow.commit()
    await come_to_rest(world, tenant)
    receipt = await receipt_of(world, tenant, deleted.receipt)
    assert (receipt.documents_remaining, receipt.vectors_remaining) == (0, 0)
    assert receipt.completed_at is not None
    assert {table: await rows(database, tenant, table) for table in EVERY_TABLE} == dict.fromkeys(
        EVERY_TABLE, 0
    )
    assert world.blobs.blobs == {}
    assert not any(world.index.partitions.values())
    assert waiting.job is not None
    [stopped] = await world.jobs.get_many(tenant.principal, [waiting.job.id])
    assert stopped.status is JobStatus.CANCELLED
    again = await world.bases.create(tenant.principal, CreateKnowledgeBase(name="Again", slug=base.slug))
    assert again.slug == base.slug


async def test_uploads_beside_a_deletion_are_refused_or_removed(
    world: World, tenant: Tenant, database: DatabaseUrls
) -> None:
    async def upload(number: int) -> None:
        with suppress(NotFound):
            await world.upsert(tenant, f"{BODY} {number}", external_id=str(number % 3))

    deletion = world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    uploads = [upload(number) for number in range(12)]
    await asyncio.gather(*uploads[:8], deletion, *uploads[8:], world.run_all())
    await come_to_rest(world, tenant)
    assert {table: await rows(database, tenant, table) for table in EVERY_TABLE} == dict.fromkeys(
        EVERY_TABLE, 0
    )
    assert world.blobs.blobs == {}
    assert not any(world.index.partitions.values())


async def test_ten_deletions_at_once_delete_once(world: World, tenant: Tenant) -> None:
    base = tenant.knowledge_base
    deletions = [world.bases.delete(tenant.principal, base.id, None, "key") for _ in range(10)]
    receipts = {(await deletion).receipt.id for deletion in asyncio.as_completed(deletions)}
    assert len(receipts) == 1


async def test_a_conversation_goes_with_its_messages_and_answers(
    world: World, tenant: Tenant, answers: AnswerService, database: DatabaseUrls
) -> None:
    gone, kept = await ask(answers, tenant), await ask(answers, tenant)
    await ask(answers, tenant, gone.conversation.id)
    async with world.units.for_system() as uow:
        [running, *_] = await uow.jobs.claim_due(JobLane.ANSWERS, 1, timedelta(seconds=20))
        await uow.commit()
    await answers.delete_conversation(tenant.principal, gone.conversation.id)
    page = await answers.conversations(tenant.principal, PageRequest(limit=9), ConversationOrder(), None)
    assert [one.id for one in page.items] == [kept.conversation.id]
    assert await answers.get_many(tenant.principal, [gone.answer.id]) == []
    assert await answers.get_messages(tenant.principal, [gone.message.id]) == []
    assert {table: await rows(database, tenant, table) for table in ("messages", "answers")} == {
        "messages": 2,
        "answers": 1,
    }
    jobs = {job.id: job for job in await world.jobs.get_many(tenant.principal, [gone.answer.job_id])}
    assert running.id == gone.answer.job_id
    assert jobs[running.id].cancel_requested
    assert world.queue.cancelled == [running.id]
    for attempt in (
        answers.delete_conversation(tenant.principal, gone.conversation.id),
        ask(answers, tenant, gone.conversation.id),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_old_tombstones_receipts_keys_and_jobs_are_removed(
    world: World, tenant: Tenant, database: DatabaseUrls
) -> None:
    kept, young, old = [await world.upsert(tenant, f"{BODY} {number}") for number in range(3)]
    await come_to_rest(world, tenant)
    await world.documents.delete(tenant.principal, old.document.id, None, "key")
    await come_to_rest(world, tenant)
    other = await world.bases.create(tenant.principal, CreateKnowledgeBase(name="Other"))
    await world.upsert(tenant, BODY, knowledge_base_id=other.id)
    await come_to_rest(world, tenant)
    emptied = await world.bases.delete(tenant.principal, other.id)
    await come_to_rest(world, tenant)
    await age(
        database,
        tenant,
        "UPDATE jobs SET finished_at = now() - interval '31 days'",
        "UPDATE documents SET updated_at = now() - interval '31 days' WHERE status = 'DELETED'",
        "UPDATE deletion_receipts SET completed_at = now() - interval '31 days'",
        "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'",
    )
    deleted = await world.documents.delete(tenant.principal, young.document.id)
    await come_to_rest(world, tenant)
    removed = await RetentionService(units=world.units, settings=world.settings).run()
    counts = {"documents": 2, "knowledge_bases": 1, "idempotency_keys": 1}
    assert {name: removed[name] for name in counts} == counts
    assert await rows(database, tenant, "documents") == 2
    assert await rows(database, tenant, "knowledge_bases") == 1
    assert await rows(database, tenant, "api_keys") == 1
    assert await world.documents.receipts(tenant.principal, [emptied.receipt.id]) == []
    assert (await receipt_of(world, tenant, deleted.receipt)).completed_at is not None
    # The newest job of a document that exists stays, however old.
    assert kept.job is not None
    assert young.job is not None
    left = await world.jobs.get_many(tenant.principal, [kept.job.id, young.job.id, deleted.job.id])
    assert {job.id for job in left} == {kept.job.id, deleted.job.id}
    assert await rows(database, tenant, "jobs") == 2
    again = await RetentionService(units=world.units, settings=world.settings).run()
    assert set(again.values()) == {0}


async def test_the_job_of_an_answer_stays_as_long_as_the_answer(
    world: World, tenant: Tenant, answers: AnswerService, database: DatabaseUrls
) -> None:
    asked = await ask(answers, tenant)
    await answers.cancel(tenant.principal, asked.answer.id)
    await age(database, tenant, "UPDATE jobs SET finished_at = now() - interval '31 days'")
    retention = RetentionService(units=world.units, settings=world.settings)
    assert (await retention.run())["jobs"] == 0
    await answers.delete_conversation(tenant.principal, asked.conversation.id)
    assert (await retention.run())["jobs"] == 1


async def test_cached_vectors_of_lost_text_go_and_those_of_live_passages_stay(
    world: World, tenant: Tenant, database: DatabaseUrls
) -> None:
    lost = await world.upsert(tenant, f"{BODY} lost")
    kept = await world.upsert(tenant, " ".join(reversed(BODY.split())))
    await come_to_rest(world, tenant)
    before = await rows(database, tenant, "embedding_cache")
    await world.documents.delete(tenant.principal, lost.document.id)
    await come_to_rest(world, tenant)
    retention = RetentionService(units=world.units, settings=world.settings)
    assert (await retention.run())["vectors"] == 0
    await age(database, tenant, "UPDATE embedding_cache SET used_at = now() - interval '31 days'")
    removed = (await retention.run())["vectors"]
    live = len(await world.searchable(tenant, kept.document.id))
    assert 0 < removed == before - live
    assert await rows(database, tenant, "embedding_cache") == live
    # Those in use are not looked at again before their time; a vector that is asked for is young again.
    await age(database, tenant, "UPDATE embedding_cache SET used_at = now() - interval '31 days'")
    world.embedder.calls.clear()
    await world.upsert(tenant, " ".join(reversed(BODY.split())))
    await come_to_rest(world, tenant)
    assert world.embedder.calls == []
    assert (await retention.run())["vectors"] == 0


async def test_processes_take_turns_in_removing_old_rows(
    world: World, tenant: Tenant, database: DatabaseUrls
) -> None:
    def retention() -> RetentionService:
        return RetentionService(units=world.units, settings=world.settings)

    await run_statements(database.owner, "DELETE FROM periodic_tasks")
    outcomes = await asyncio.gather(*(retention().run_if_due() for _ in range(8)))
    assert sum(outcome is not None for outcome in outcomes) == 1
    assert await retention().run_if_due() is None
    await run_statements(
        database.owner, "UPDATE periodic_tasks SET finished_at = now() - interval '3601 seconds'"
    )
    assert await retention().run_if_due() is not None


def about(*names: str) -> set[str]:
    """The tables that refer to these, or to one that does."""
    found = set(names)
    while more := {
        table.name
        for table in metadata.tables.values()
        if table.name not in found
        and any(key.referred_table.name in found for key in table.foreign_key_constraints)
    }:
        found |= more
    return found


async def evaluate(world: World, tenant: Tenant) -> None:
    """A set with a question, and a run with its result whose job is over."""
    base = tenant.knowledge_base
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        measured = await add_set(uow, Place(tenant.workspace.id, base.id, base.active_index_id))
        await uow.evaluations.add_cases(measured.id, [case := a_case(1)])
        run = await add_run(uow, measured, base.active_index_id)
        await uow.evaluations.add_results(run.id, [a_result(case)])
        await uow.jobs.request_cancel(run.job_id)
        await uow.commit()


# What tells that something was deleted; it goes in time.
TOMBSTONES = {"deletion_receipts", "documents", "embedding_indexes", "knowledge_bases"}
# Made by a deletion, or by a worker that answers.
MADE_LATER = {"citations", "deletion_receipts"}


async def test_no_table_that_is_about_content_is_forgotten_by_deletion_and_retention(
    world: World, tenant: Tenant, answers: AnswerService, database: DatabaseUrls
) -> None:
    async def left(tables: set[str]) -> set[str]:
        return {table for table in tables if await rows(database, tenant, table)}

    of_base, everything = about("knowledge_bases"), about("knowledge_bases", "jobs")
    await world.upsert(tenant, BODY)
    await come_to_rest(world, tenant)
    await evaluate(world, tenant)
    asked = await ask(answers, tenant)
    await answers.cancel(tenant.principal, asked.answer.id)
    assert everything - await left(everything) == MADE_LATER, "fill the new table here"
    await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    await come_to_rest(world, tenant)
    assert await left(of_base) == TOMBSTONES, "what fills the new table must be removed by the deletion"
    await answers.delete_conversation(tenant.principal, asked.conversation.id)
    await age(
        database,
        tenant,
        "UPDATE jobs SET finished_at = now() - interval '31 days'",
        "UPDATE documents SET updated_at = now() - interval '31 days'",
        "UPDATE deletion_receipts SET completed_at = now() - interval '31 days'",
    )
    await RetentionService(units=world.units, settings=world.settings).run()
    assert await left(everything) == set()


async def test_the_job_of_an_evaluation_stays_as_long_as_its_run(
    world: World, tenant: Tenant, database: DatabaseUrls
) -> None:
    await evaluate(world, tenant)
    await age(database, tenant, "UPDATE jobs SET finished_at = now() - interval '31 days'")
    retention = RetentionService(units=world.units, settings=world.settings)
    assert (await retention.run())["jobs"] == 0
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        page = await uow.evaluations.set_page(tenant.knowledge_base.id, PageRequest(limit=5))
        assert await uow.evaluations.remove_set(page.items[0].id) == []
        await uow.commit()
    assert (await retention.run())["jobs"] == 1
