"""Removing what has served its time, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.jobs import Job, JobSubjectType
from lorebase.schemas.retention import CachedVectorKey, LivePassage
from tests.fakes.memory.documents import TOMBSTONES, is_there
from tests.fakes.memory.state import State


class MemoryRetention:
    """See ports/retention.py."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def remove_documents(self, age: timedelta, limit: int) -> int:
        old = [
            document.id
            for document in self._state.documents.values()
            if document.workspace_id == self._workspace_id
            and document.status is DocumentStatus.DELETED
            and document.updated_at < self._now - age
        ][:limit]
        for receipt in list(self._state.receipts.values()):
            if receipt.document_id in old:
                del self._state.receipts[receipt.id]
        for document_id in old:
            del self._state.documents[document_id]
        return len(old)

    async def remove_knowledge_bases(self, age: timedelta, limit: int) -> int:
        used = {document.knowledge_base_id for document in self._state.documents.values()}
        old = [
            receipt
            for receipt in self._state.receipts.values()
            if receipt.workspace_id == self._workspace_id
            and receipt.knowledge_base_id is not None
            and receipt.completed_at is not None
            and receipt.completed_at < self._now - age
            and receipt.knowledge_base_id not in used
        ][:limit]
        for receipt in old:
            assert receipt.knowledge_base_id is not None
            del self._state.receipts[receipt.id]
            del self._state.knowledge_bases[receipt.knowledge_base_id]
            del self._state.deleted_bases[receipt.knowledge_base_id]
        gone = {receipt.knowledge_base_id for receipt in old}
        for index in list(self._state.indexes.values()):
            if index.knowledge_base_id in gone:
                del self._state.indexes[index.id]
        return len(old)

    async def remove_idempotency_keys(self, age: timedelta, limit: int) -> int:
        old = [
            place
            for place, call in self._state.calls.items()
            if place[0] == self._workspace_id and call.at < self._now - age
        ][:limit]
        for place in old:
            del self._state.calls[place]
        return len(old)

    async def remove_jobs(self, age: timedelta, limit: int) -> int:
        needed = {answer.job_id for answer in self._state.answers.values()}
        needed |= {index.job_id for index in self._state.indexes.values() if index.job_id is not None}
        needed |= {run.job_id for run in self._state.evaluation_runs.values()}
        old = [
            job
            for job in self._state.jobs.values()
            if job.workspace_id == self._workspace_id
            and job.finished_at is not None
            and job.finished_at < self._now - age
            and job.id not in needed
            and not self._tells_of_a_document(job)
        ][:limit]
        for job in old:
            del self._state.jobs[job.id]
        return len(old)

    def _tells_of_a_document(self, job: Job) -> bool:
        document = self._state.documents.get(job.subject_id)
        if job.subject_type is not JobSubjectType.DOCUMENT or document is None:
            return False
        about = [other for other in self._state.jobs.values() if other.subject_id == job.subject_id]
        return document.status not in TOMBSTONES and about[-1].id == job.id

    async def unused_vectors(self, age: timedelta, limit: int) -> list[CachedVectorKey]:
        used = {
            key: self._state.vectors_used[key]
            for key in self._state.vectors
            if key[0] == self._workspace_id and self._state.vectors_used[key] < self._now - age
        }
        oldest = sorted(used, key=lambda key: used[key])[:limit]
        return [CachedVectorKey(model_id=model, text_hash=digest) for _, model, digest in oldest]

    async def live_passages(self, after: UUID | None, limit: int) -> list[LivePassage]:
        found = []
        for version_id, chunks in self._state.chunks.items():
            for chunk in chunks:
                document = self._state.documents[chunk.document_id]
                live = self._state.generations[version_id] == document.live_generation
                if live and is_there(self._state, document.id) and chunk.workspace_id == self._workspace_id:
                    passage = {"section": chunk.section, "text": chunk.text, "title": document.title}
                    found.append(LivePassage(chunk_id=chunk.id, **passage))
        later = [passage for passage in found if after is None or passage.chunk_id > after]
        return sorted(later, key=lambda passage: passage.chunk_id)[:limit]

    async def keep_vectors(self, keys: Sequence[CachedVectorKey]) -> None:
        for key in keys:
            self._state.vectors_used[self._workspace_id, key.model_id, key.text_hash] = self._now

    async def remove_vectors(self, keys: Sequence[CachedVectorKey], age: timedelta) -> int:
        removed = 0
        for key in keys:
            place = (self._workspace_id, key.model_id, key.text_hash)
            if place in self._state.vectors and self._state.vectors_used[place] < self._now - age:
                del self._state.vectors[place]
                removed += 1
        return removed
