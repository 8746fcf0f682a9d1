"""Emptying deleted knowledge bases in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from lorebase.core.errors import Conflict, NotFound
from lorebase.schemas.documents import DeletionReceipt, Document, DocumentStatus
from lorebase.schemas.jobs import Job, JobKind, JobStatus
from tests.fakes.memory.documents import TOMBSTONES
from tests.fakes.memory.jobs import ask_to_stop
from tests.fakes.memory.state import State


class MemoryRemovals:
    """See ports/removals.py."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def hide(self, knowledge_base_id: UUID, expected_version: int | None) -> None:
        held = self._state.knowledge_bases.get(knowledge_base_id)
        gone = knowledge_base_id in self._state.deleted_bases
        if held is None or held.workspace_id != self._workspace_id or gone:
            raise NotFound("There is no such knowledge base.")
        if expected_version not in {None, held.version}:
            raise Conflict("The knowledge base changed meanwhile.", field=["expectedVersion"])
        self._state.deleted_bases[knowledge_base_id] = self._now

    async def open_receipt(self, receipt_id: UUID, knowledge_base_id: UUID) -> DeletionReceipt:
        indexes = {i.id for i in self._state.indexes.values() if i.knowledge_base_id == knowledge_base_id}
        held = [row for (index_id, _), row in self._state.index_documents.items() if index_id in indexes]
        receipt = DeletionReceipt(
            id=receipt_id,
            workspace_id=self._workspace_id,
            document_id=None,
            knowledge_base_id=knowledge_base_id,
            documents_remaining=self._remaining(knowledge_base_id),
            vectors_remaining=sum(row.chunk_count for row in held),
            requested_at=self._now,
            completed_at=None,
        )
        self._state.receipts[receipt_id] = receipt
        return receipt

    async def note(self, knowledge_base_id: UUID, vectors_remaining: int) -> None:
        self._change_receipt(
            knowledge_base_id,
            {
                "vectors_remaining": vectors_remaining,
                "documents_remaining": self._remaining(knowledge_base_id),
            },
        )

    async def tombstone(self, knowledge_base_id: UUID, limit: int) -> int:
        there = [d for d in self._documents(knowledge_base_id) if d.status not in TOMBSTONES][:limit]
        for document in there:
            hidden = {
                "status": DocumentStatus.DELETING,
                "live_generation": None,
                "current_version_id": None,
                "generation": document.generation + 1,
                "version": document.version + 1,
                "updated_at": self._now,
            }
            self._state.documents[document.id] = document.model_copy(update=hidden)
        return len(there)

    async def stop_jobs(self, knowledge_base_id: UUID, limit: int) -> list[Job]:
        open_jobs = [
            j for j in self._works_on(knowledge_base_id) if not (j.is_terminal or j.cancel_requested)
        ]
        return [ask_to_stop(self._state, job, self._now) for job in open_jobs[:limit]]

    async def count_writers(self, knowledge_base_id: UUID) -> int:
        return sum(job.status is JobStatus.RUNNING for job in self._works_on(knowledge_base_id))

    async def to_empty(self, knowledge_base_id: UUID, limit: int) -> Sequence[UUID]:
        deleting = [
            document.id
            for document in self._documents(knowledge_base_id)
            if document.status is DocumentStatus.DELETING
        ]
        return sorted(deleting)[:limit]

    async def remove_evaluations(self, knowledge_base_id: UUID, limit: int) -> int:
        state = self._state
        for held, parts in (
            (state.evaluation_runs, state.evaluation_results),
            (state.evaluation_sets, state.evaluation_cases),
        ):
            mine = [one.id for one in held.values() if one.knowledge_base_id == knowledge_base_id][:limit]
            for one_id in mine:
                del held[one_id]
                parts.pop(one_id, None)
            if mine:
                return len(mine)
        return 0

    async def finish(self, knowledge_base_id: UUID) -> None:
        held = self._state.knowledge_bases[knowledge_base_id]
        empty = {"name": "", "description": None, "metadata_fields": ()}
        self._state.knowledge_bases[knowledge_base_id] = held.model_copy(update=empty)
        complete = {"vectors_remaining": 0, "documents_remaining": 0, "completed_at": self._now}
        self._change_receipt(knowledge_base_id, complete)

    def _change_receipt(self, knowledge_base_id: UUID, changed: dict[str, object]) -> None:
        for receipt in list(self._state.receipts.values()):
            if receipt.knowledge_base_id == knowledge_base_id:
                self._state.receipts[receipt.id] = receipt.model_copy(update=changed)

    def _remaining(self, knowledge_base_id: UUID) -> int:
        return sum(d.status is not DocumentStatus.DELETED for d in self._documents(knowledge_base_id))

    def _documents(self, knowledge_base_id: UUID) -> list[Document]:
        found = [d for d in self._state.documents.values() if d.knowledge_base_id == knowledge_base_id]
        return sorted(found, key=lambda document: document.id)

    def _works_on(self, knowledge_base_id: UUID) -> list[Job]:
        return [
            job
            for job in self._state.jobs.values()
            if job.parameters.get("knowledge_base_id") == str(knowledge_base_id)
            and job.kind is not JobKind.DELETE
        ]
