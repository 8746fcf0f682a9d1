"""What the comparison of the stores reads, and periodic tasks, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from lorebase.schemas.documents import Document
from lorebase.schemas.jobs import JobSubjectType
from lorebase.schemas.reconciliation import TOMBSTONES, Held, IndexPlace, StoredDocument
from tests.fakes.memory.state import PeriodicTask, State


class MemoryReconciliation:
    """See ports/reconciliation.py."""

    def __init__(self, state: State, workspace_id: UUID) -> None:
        self._state = state
        self._workspace_id = workspace_id

    async def documents_after(self, document_id: UUID | None, limit: int) -> list[StoredDocument]:
        later = [one for one in self._all() if document_id is None or one.id > document_id]
        return later[:limit]

    async def documents(self, ids: Sequence[UUID]) -> list[StoredDocument]:
        return [one for one in reversed(self._all()) if one.id in ids]

    async def lock(self, document_id: UUID) -> StoredDocument | None:
        return next(iter(await self.documents([document_id])), None)

    async def indexes(self) -> list[IndexPlace]:
        bases = self._state.knowledge_bases
        return [
            IndexPlace(
                index_id=index.id,
                knowledge_base_id=index.knowledge_base_id,
                collection=index.model.collection,
                analyser_version=index.analyser_version,
                active=bases[index.knowledge_base_id].active_index_id == index.id,
            )
            for index in self._state.indexes.values()
            if index.workspace_id == self._workspace_id and index.id not in self._state.retired
        ]

    async def collections(self) -> list[str]:
        return sorted(model.collection for model in self._state.models.values())

    async def blob_keys_after(self, key: str, limit: int) -> list[str]:
        there = [
            blob.key
            for blob in self._state.blobs.values()
            if blob.workspace_id == self._workspace_id
            and self._state.documents[blob.document_id].status not in TOMBSTONES
        ]
        return sorted(one for one in there if one > key)[:limit]

    async def known_blobs(self, keys: Sequence[str]) -> set[str]:
        mine = {blob.key for blob in self._state.blobs.values() if blob.workspace_id == self._workspace_id}
        return mine & set(keys)

    def _all(self) -> list[StoredDocument]:
        mine = [one for one in self._state.documents.values() if one.workspace_id == self._workspace_id]
        return sorted(map(self._stored, mine), key=lambda one: one.id)

    def _stored(self, document: Document) -> StoredDocument:
        subjects = {
            (JobSubjectType.DOCUMENT, document.id),
            (JobSubjectType.KNOWLEDGE_BASE, document.knowledge_base_id),
        }
        version = document.current_version_id if document.live_generation is not None else None
        rows = self._state.index_documents.items()
        return StoredDocument(
            id=document.id,
            knowledge_base_id=document.knowledge_base_id,
            status=document.status,
            generation=document.generation,
            live_generation=document.live_generation,
            chunk_count=len(self._state.chunks.get(version, ())) if version else 0,
            busy=any(
                not job.is_terminal and (job.subject_type, job.subject_id) in subjects
                for job in self._state.jobs.values()
            ),
            held={
                index_id: Held(
                    generation=row.generation,
                    chunk_count=row.chunk_count,
                    posting_count=row.posting_count,
                )
                for (index_id, document_id), row in rows
                if document_id == document.id
            },
        )


class MemoryPeriodicTasks:
    """See ports/reconciliation.py. The time of the transaction is the database's clock."""

    def __init__(self, state: State, now: datetime) -> None:
        self._state = state
        self._now = now

    async def claim(self, name: str, holder: UUID, lease: timedelta, every: timedelta) -> bool:
        task = self._state.periodic.get(name, PeriodicTask(None, None, None))
        if task.lease_expires_at is not None and task.lease_expires_at > self._now:
            return False
        if task.finished_at is not None and task.finished_at + every > self._now:
            return False
        self._state.periodic[name] = PeriodicTask(holder, self._now + lease, task.finished_at)
        return True

    async def renew(self, name: str, holder: UUID, lease: timedelta) -> bool:
        task = self._state.periodic.get(name)
        if task is None or task.holder != holder:
            return False
        self._state.periodic[name] = PeriodicTask(holder, self._now + lease, task.finished_at)
        return True

    async def finish(self, name: str, holder: UUID) -> None:
        task = self._state.periodic.get(name)
        if task is not None and task.holder == holder:
            self._state.periodic[name] = PeriodicTask(None, None, self._now)
