"""Documents in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from lorebase.core.errors import NotFound
from lorebase.schemas.documents import (
    DeletionReceipt,
    Document,
    DocumentOrder,
    DocumentOrderField,
    DocumentStatus,
)
from lorebase.schemas.filters import DocumentFilter, SearchFilter
from lorebase.schemas.knowledge_bases import OrderDirection
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.services.filters.filter_evaluation import matches_document
from tests.fakes.memory.paging import Place, keyset_page, time_value
from tests.fakes.memory.state import CAP, State, in_any_order

TOMBSTONES = frozenset({DocumentStatus.DELETING, DocumentStatus.DELETED})
_UNCHANGEABLE = ("id", "workspace_id", "knowledge_base_id", "external_id", "created_at")


def is_there(state: State, document_id: UUID) -> bool:
    """Whether readers see the document: neither it nor its knowledge base is deleted."""
    document = state.documents.get(document_id)
    return (
        document is not None
        and document.status not in TOMBSTONES
        and document.knowledge_base_id not in state.deleted_bases
    )


class MemoryDocuments:
    """See ports/documents.py. What the pipeline changes (state, found title) leaves `version` alone."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def add(self, document: Document) -> bool:
        if document.workspace_id != self._workspace_id:
            raise AssertionError("row-level security: a row of another workspace")
        if document.external_id is not None and self._by_external_id(
            document.knowledge_base_id, document.external_id
        ):
            return False
        self._state.documents[document.id] = document
        return True

    async def get(self, document_id: UUID, *, lock: bool = False) -> Document:
        return self._there(document_id)

    async def get_many(self, ids: Sequence[UUID]) -> list[Document]:
        there = {document.id: document for document in self.all_there()}
        return [there[document_id] for document_id in in_any_order(ids) if document_id in there]

    async def by_external_id(
        self, knowledge_base_id: UUID, external_id: str, *, lock: bool = False
    ) -> Document | None:
        return self._by_external_id(knowledge_base_id, external_id)

    async def ids_by_external_id(
        self, knowledge_base_id: UUID, external_ids: Sequence[str]
    ) -> Mapping[str, UUID]:
        found = {key: self._by_external_id(knowledge_base_id, key) for key in external_ids}
        return {key: document.id for key, document in found.items() if document is not None}

    async def page(
        self,
        knowledge_base_id: UUID,
        page: PageRequest,
        order: DocumentOrder,
        condition: DocumentFilter | None,
    ) -> Page[Document]:
        def place(document: Document) -> Place:
            if order.field is DocumentOrderField.TITLE:
                return document.title.casefold(), document.id
            by_age = order.field is DocumentOrderField.CREATED_AT
            return time_value(document.created_at if by_age else document.updated_at), document.id

        found = self._matching(knowledge_base_id, condition)
        return keyset_page(found, place, page, descending=order.direction is OrderDirection.DESC)

    async def count(self, knowledge_base_id: UUID, condition: DocumentFilter | None) -> int:
        return min(CAP, len(self._matching(knowledge_base_id, condition)))

    async def matching_ids(
        self, knowledge_base_ids: Sequence[UUID], condition: SearchFilter, limit: int
    ) -> list[UUID]:
        found = [
            document.id
            for document in self.all_there()
            if document.live_generation is not None
            and document.knowledge_base_id in knowledge_base_ids
            and (condition.document is None or matches_document(condition.document, document))
        ]
        return found[:limit]

    async def save(self, document: Document) -> Document:
        held = self._there(document.id)
        kept = {name: getattr(held, name) for name in _UNCHANGEABLE}
        grown = {"version": held.version + 1, "updated_at": self._now}
        return self._put(document.model_copy(update={**kept, **grown}))

    async def set_status(
        self,
        document_id: UUID,
        generation: int,
        status: DocumentStatus,
        *,
        expected: frozenset[DocumentStatus],
    ) -> bool:
        held = self._current(document_id, generation)
        if held is None or held.status not in expected:
            return False
        self._put(held.model_copy(update={"status": status, "updated_at": self._now}))
        return True

    async def make_live(
        self, document_id: UUID, generation: int, version_id: UUID, language: str | None
    ) -> bool:
        held = self._current(document_id, generation)
        if held is None:
            return False
        live = {
            "status": DocumentStatus.READY,
            "live_generation": generation,
            "current_version_id": version_id,
            "language": language or held.language,
            "updated_at": self._now,
        }
        self._put(held.model_copy(update=live))
        return True

    async def set_title_if_untitled(self, document_id: UUID, generation: int, title: str) -> None:
        held = self._current(document_id, generation)
        if held is not None and held.title == "":
            self._put(held.model_copy(update={"title": title, "updated_at": self._now}))

    async def mark_deleting(self, document_id: UUID) -> Document:
        held = self._there(document_id)
        tombstone = {
            "status": DocumentStatus.DELETING,
            "live_generation": None,
            "current_version_id": None,
            "generation": held.generation + 1,
            "version": held.version + 1,
            "updated_at": self._now,
        }
        return self._put(held.model_copy(update=tombstone))

    async def mark_deleted(self, document_id: UUID) -> None:
        held = self._state.documents.get(document_id)
        if held is None or held.status is not DocumentStatus.DELETING:
            return
        empty: dict[str, object] = {
            "title": "",
            "external_id": None,
            "language": None,
            "tags": (),
            "metadata": {},
        }
        ended = {"language": None, "status": DocumentStatus.DELETED, "updated_at": self._now}
        self._put(held.model_copy(update={**empty, **ended}))
        for key in [key for key, blob in self._state.blobs.items() if blob.document_id == document_id]:
            del self._state.blobs[key]

    async def add_receipt(
        self, receipt_id: UUID, document_id: UUID, vectors_remaining: int
    ) -> DeletionReceipt:
        receipt = DeletionReceipt(
            id=receipt_id,
            workspace_id=self._workspace_id,
            document_id=document_id,
            vectors_remaining=vectors_remaining,
            requested_at=self._now,
            completed_at=None,
        )
        self._state.receipts[receipt_id] = receipt
        return receipt

    async def update_receipt(self, document_id: UUID, vectors_remaining: int, *, completed: bool) -> None:
        for receipt in self._receipts():
            if receipt.document_id == document_id:
                changed = {
                    "vectors_remaining": vectors_remaining,
                    "documents_remaining": 0 if completed else 1,
                    "completed_at": (receipt.completed_at or self._now) if completed else None,
                }
                self._state.receipts[receipt.id] = receipt.model_copy(update=changed)

    async def get_receipts(self, ids: Sequence[UUID]) -> list[DeletionReceipt]:
        return [receipt for receipt in self._receipts() if receipt.id in ids]

    def all_there(self) -> list[Document]:
        """Documents of the workspace that are not deleted."""
        return [
            document
            for document in self._state.documents.values()
            if document.workspace_id == self._workspace_id and is_there(self._state, document.id)
        ]

    def _receipts(self) -> list[DeletionReceipt]:
        return [r for r in self._state.receipts.values() if r.workspace_id == self._workspace_id]

    def _matching(self, knowledge_base_id: UUID, condition: DocumentFilter | None) -> list[Document]:
        return [
            document
            for document in self.all_there()
            if document.knowledge_base_id == knowledge_base_id
            and (condition is None or matches_document(condition, document))
        ]

    def _by_external_id(self, knowledge_base_id: UUID, external_id: str) -> Document | None:
        for document in self.all_there():
            if (document.knowledge_base_id, document.external_id) == (knowledge_base_id, external_id):
                return document
        return None

    def _there(self, document_id: UUID) -> Document:
        for document in self.all_there():
            if document.id == document_id:
                return document
        raise NotFound("There is no such document.")

    def _current(self, document_id: UUID, generation: int) -> Document | None:
        for document in self.all_there():
            if document.id == document_id and document.generation == generation:
                return document
        return None

    def _put(self, document: Document) -> Document:
        self._state.documents[document.id] = document
        return document
