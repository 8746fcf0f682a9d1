"""PostgreSQL itself refuses rows in states that cannot be."""

from __future__ import annotations

import asyncpg
import pytest

from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.answers import AnswerStatus, MessageRole
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.jobs import JobKind, JobLane, JobStage, JobStatus, JobSubjectType
from lorebase.schemas.search import KeywordPosting
from tests.integration.database import DatabaseUrls, connect, run_statements
from tests.integration.sql.factories import (
    Tenant,
    add_live,
    answer,
    conversation,
    job,
    message,
)

Units = SqlUnitOfWorkFactory

IMPOSSIBLE = {
    "a running job without a lease": "UPDATE jobs SET status = 'RUNNING'",
    "a lease of a job that does not run": "UPDATE jobs SET lease_expires_at = now()",
    "a finished job without its time": "UPDATE jobs SET status = 'SUCCEEDED'",
    "an end of a job that waits": "UPDATE jobs SET finished_at = now()",
    "a failed job without an error": "UPDATE jobs SET status = 'FAILED', finished_at = now()",
    "a job of an unknown status": "UPDATE jobs SET status = 'RETRYING'",
    "a job of an unknown kind": "UPDATE jobs SET kind = 'GUESS'",
    "a negative attempt": "UPDATE jobs SET attempt = -1",
    "a negative fence": "UPDATE jobs SET fence = -1",
    "a document of an unknown status": "UPDATE documents SET status = 'PENDING'",
    "a ready document that is not live": "UPDATE documents SET live_generation = NULL",
    "a live generation that is yet to come": "UPDATE documents SET live_generation = 2",
    "a deleted document that search shows": "UPDATE documents SET status = 'DELETING'",
    "generation zero": "UPDATE documents SET generation = 0, live_generation = NULL, status = 'FAILED'",
    "metadata that is no object": "UPDATE documents SET metadata = '[1]'",
    "a version of negative size": "UPDATE document_versions SET byte_size = -1",
    "a passage that ends before it begins": "UPDATE chunks SET start_offset = 5, end_offset = 4",
    "a passage before the first": "UPDATE chunks SET ordinal = -1",
    "a weight of nothing": "UPDATE keyword_postings SET weight = 0",
    "a completed answer without a reason": "UPDATE answers SET status = 'COMPLETED'",
    "a failed answer without an error": "UPDATE answers SET status = 'FAILED'",
    "an answer of an unknown status": "UPDATE answers SET status = 'THINKING'",
    "a question that shows an answer": "UPDATE messages SET role = 'USER'",
    "a deletion completed with vectors left": (
        "UPDATE deletion_receipts SET completed_at = now(), vectors_remaining = 1"
    ),
    "negative vectors": "UPDATE deletion_receipts SET vectors_remaining = -1",
    "a partition without a name, which means all": "UPDATE workspaces SET partition = ''",
    "overlap as large as the passage": "UPDATE knowledge_bases SET chunk_overlap_tokens = chunk_max_tokens",
    "an index more than whole": "UPDATE embedding_indexes SET progress = 1.01",
    "an unknown scope": "UPDATE api_keys SET scopes = '{OWN}'",
    "a hash of another length": "UPDATE api_keys SET digest = 'short'",
    "half a float": "UPDATE embedding_cache SET vector = '123'",
}


async def fill(units: Units, tenant: Tenant) -> None:
    """One row of everything that has states."""
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("one",))
        posting = KeywordPosting(term=1, chunk_id=live.chunks[0].id, weight=1.0)
        await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, 1, [posting])
        await uow.documents.add_receipt(new_id(), live.document.id, 0)
        work = await uow.jobs.add(job(live.document.id))
        started = conversation(tenant)
        answer_id = new_id()
        shown = message(started, role=MessageRole.ASSISTANT, answer_id=answer_id)
        await uow.conversations.add(started)
        await uow.conversations.add_message(shown)
        await uow.answers.add(answer(started, shown.id, work.id, id=answer_id))
        await uow.workspaces.add_key("k", "lb_", b"d" * 32, frozenset(), None)
        await uow.embeddings.cache_vectors(tenant.model.id, {b"h" * 32: (1.0,)})
        await uow.commit()


@pytest.mark.parametrize("name", IMPOSSIBLE)
async def test_an_impossible_state_cannot_be_written(
    units: Units, tenant: Tenant, database: DatabaseUrls, name: str
) -> None:
    await fill(units, tenant)
    with pytest.raises(asyncpg.CheckViolationError):
        await run_statements(database.owner, IMPOSSIBLE[name])


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("kind", JobKind),
        ("lane", JobLane),
        ("subject_type", JobSubjectType),
        ("progress_stage", JobStage),
    ],
)
async def test_every_value_that_the_program_knows_can_be_written(
    units: Units, tenant: Tenant, database: DatabaseUrls, column: str, values: type
) -> None:
    await fill(units, tenant)
    owner = await connect(database.owner)
    try:
        for value in values:  # type: ignore[attr-defined]
            assert await owner.execute(f"UPDATE jobs SET {column} = $1", str(value)) == "UPDATE 1"
    finally:
        await owner.close()


@pytest.mark.parametrize(
    ("table", "statuses"), [("documents", DocumentStatus), ("jobs", JobStatus), ("answers", AnswerStatus)]
)
async def test_every_status_that_the_program_knows_has_a_state(
    units: Units, tenant: Tenant, database: DatabaseUrls, table: str, statuses: type
) -> None:
    await fill(units, tenant)
    others = {
        "documents": "live_generation = CASE $1::text WHEN 'READY' THEN 1 END",
        "jobs": (
            "lease_expires_at = CASE $1::text WHEN 'RUNNING' THEN now() END, error = '{}', finished_at = "
            "CASE WHEN $1::text IN ('SUCCEEDED', 'FAILED', 'CANCELLED') THEN now() END"
        ),
        "answers": "error = '{}', finish_reason = 'STOP'",
    }
    owner = await connect(database.owner)
    try:
        for status in statuses:  # type: ignore[attr-defined]
            changed = await owner.execute(
                f"UPDATE {table} SET status = $1::text, {others[table]}", str(status)
            )
            assert changed == "UPDATE 1", status
    finally:
        await owner.close()
