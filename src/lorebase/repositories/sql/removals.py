"""Deleting knowledge bases: hidden in one statement, emptied in bounded ones."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, text, update

from lorebase.core.errors import Conflict, NotFound
from lorebase.models.answers import conversation_knowledge_bases
from lorebase.models.documents import TOMBSTONE, deletion_receipts, documents
from lorebase.models.embeddings import embedding_indexes, index_documents
from lorebase.models.evaluations import evaluation_runs, evaluation_sets
from lorebase.models.jobs import jobs
from lorebase.models.knowledge_bases import knowledge_bases
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.job_rows import ASK_TO_STOP, JOB_COLUMNS, OPEN, job_of
from lorebase.repositories.sql.knowledge_bases import IS_KEPT
from lorebase.repositories.sql.receipt_rows import RECEIPT_COLUMNS, receipt_of
from lorebase.repositories.sql.values import CLOCK, is_one_of
from lorebase.schemas.documents import DeletionReceipt, DocumentStatus
from lorebase.schemas.jobs import Job, JobKind, JobStatus

_NOT_DELETED = text(f"NOT documents.{TOMBSTONE.text}")
_DELETING = documents.c.status == str(DocumentStatus.DELETING)


class SqlRemovalRepository:
    """See ports/removals.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def hide(self, knowledge_base_id: UUID, expected_version: int | None) -> None:
        """Deletes it for every reader, and frees its slug; waits for uploads that hold it."""
        one = knowledge_bases.c.id == knowledge_base_id
        # The strongest lock: rows that refer to it hold the weakest, and nothing may slip in behind it.
        locked = select(knowledge_bases.c.version).where(one, IS_KEPT).with_for_update()
        row = await self._database.first(locked)
        if row is None:
            raise NotFound("There is no such knowledge base.")
        if expected_version not in {None, row.version}:
            raise Conflict(
                f"The knowledge base changed meanwhile: it is at version {row.version}.",
                field=["expectedVersion"],
                details={"version": row.version},
            )
        hidden = {"deleted_at": CLOCK, "version": row.version + 1, "updated_at": CLOCK}
        await self._database.change(update(knowledge_bases).where(one).values(hidden))

    async def open_receipt(self, receipt_id: UUID, knowledge_base_id: UUID) -> DeletionReceipt:
        """Opens the receipt with the documents and passages that readers could find."""
        vectors = (
            select(func.coalesce(func.sum(index_documents.c.chunk_count), 0))
            .join(embedding_indexes, embedding_indexes.c.id == index_documents.c.index_id)
            .where(embedding_indexes.c.knowledge_base_id == knowledge_base_id)
            .scalar_subquery()
        )
        opened = insert(deletion_receipts).values(
            workspace_id=self._workspace_id,
            id=receipt_id,
            knowledge_base_id=knowledge_base_id,
            vectors_remaining=vectors,
            documents_remaining=_remaining(knowledge_base_id),
        )
        row = await self._database.first(opened.returning(*RECEIPT_COLUMNS))
        assert row is not None
        return receipt_of(row)

    async def note(self, knowledge_base_id: UUID, vectors_remaining: int) -> None:
        """Notes in the receipt how many vectors remain, and counts the documents."""
        values = {
            "vectors_remaining": vectors_remaining,
            "documents_remaining": _remaining(knowledge_base_id),
        }
        one = deletion_receipts.c.knowledge_base_id == knowledge_base_id
        await self._database.change(update(deletion_receipts).where(one).values(values))

    async def tombstone(self, knowledge_base_id: UUID, limit: int) -> int:
        """Makes the next documents DELETING; how many."""
        # In the order of their ids, so that two of these never wait for each other in a circle.
        some = select(documents.c.id).where(documents.c.knowledge_base_id == knowledge_base_id, _NOT_DELETED)
        locked = some.order_by(documents.c.id).limit(limit).with_for_update(key_share=True)
        ids = [row.id for row in await self._database.rows(locked)]
        hidden = {
            "status": str(DocumentStatus.DELETING),
            "live_generation": None,
            "current_version_id": None,
            "generation": documents.c.generation + 1,
            "version": documents.c.version + 1,
            "updated_at": CLOCK,
        }
        await self._database.change(update(documents).where(is_one_of(documents.c.id, ids)).values(hidden))
        return len(ids)

    async def stop_jobs(self, knowledge_base_id: UUID, limit: int) -> list[Job]:
        """Asks the next open jobs of its documents, and of itself, to stop; no deletions."""
        next_ones = (
            select(jobs.c.id)
            .where(_works_on(knowledge_base_id), OPEN, jobs.c.cancel_requested.is_(False))
            .limit(limit)
            .with_for_update(key_share=True)
        )
        asked = update(jobs).where(jobs.c.id.in_(next_ones), OPEN).values(ASK_TO_STOP)
        return [job_of(row) for row in await self._database.rows(asked.returning(*JOB_COLUMNS))]

    async def count_writers(self, knowledge_base_id: UUID) -> int:
        """Jobs of its documents, or of itself, that still run; no deletions."""
        running = jobs.c.status == str(JobStatus.RUNNING)
        return await self._database.count(select(jobs.c.id).where(_works_on(knowledge_base_id), running))

    async def to_empty(self, knowledge_base_id: UUID, limit: int) -> Sequence[UUID]:
        """The next documents that are DELETING, by id."""
        some = select(documents.c.id).where(documents.c.knowledge_base_id == knowledge_base_id, _DELETING)
        return [row.id for row in await self._database.rows(some.order_by(documents.c.id).limit(limit))]

    async def remove_evaluations(self, knowledge_base_id: UUID, limit: int) -> int:
        """Removes the next runs of evaluations with their results, then the next sets; how many."""
        for table in (evaluation_runs, evaluation_sets):
            some = select(table.c.id).where(table.c.knowledge_base_id == knowledge_base_id).limit(limit)
            if removed := await self._database.change(delete(table).where(table.c.id.in_(some))):
                return removed
        return 0

    async def finish(self, knowledge_base_id: UUID) -> None:
        """Only the tombstone stays, without anything that was known; completes the receipt."""
        tombstone: dict[str, object] = {
            "name": "",
            "name_sort": "",
            "description": None,
            "metadata_fields": [],
        }
        one = and_(knowledge_bases.c.id == knowledge_base_id, knowledge_bases.c.deleted_at.is_not(None))
        await self._database.change(update(knowledge_bases).where(one).values(tombstone))
        searched = conversation_knowledge_bases.c.knowledge_base_id == knowledge_base_id
        await self._database.change(delete(conversation_knowledge_bases).where(searched))
        complete = {"vectors_remaining": 0, "documents_remaining": 0, "completed_at": CLOCK}
        receipt = deletion_receipts.c.knowledge_base_id == knowledge_base_id
        await self._database.change(update(deletion_receipts).where(receipt).values(complete))


def _remaining(knowledge_base_id: UUID) -> ColumnElement[int]:
    there = (
        select(func.count())
        .select_from(documents)
        .where(documents.c.knowledge_base_id == knowledge_base_id, or_(_NOT_DELETED, _DELETING))
    )
    return there.scalar_subquery()


def _works_on(knowledge_base_id: UUID) -> ColumnElement[bool]:
    # Every job about a document, and every evaluation, names its knowledge base.
    named = jobs.c.parameters["knowledge_base_id"].astext == str(knowledge_base_id)
    return and_(named, jobs.c.kind != str(JobKind.DELETE))
