"""Storage of documents, versions, texts and passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.documents import (
    Chunk,
    DeletionReceipt,
    Document,
    DocumentOrder,
    DocumentStatus,
    DocumentVersion,
)
from lorebase.schemas.filters import DocumentFilter, SearchFilter
from lorebase.schemas.pagination import Page, PageRequest


class DocumentRepository(Protocol):
    """Documents of the workspace of the unit of work. Deleted ones are never returned unless said."""

    async def add(self, document: Document) -> bool:
        """Adds it; False when the knowledge base already has a document with its external id."""
        ...

    async def get(self, document_id: UUID, *, lock: bool = False) -> Document:
        """One by id, or NotFound; `lock` keeps others from changing it until the transaction ends."""
        ...

    async def get_many(self, ids: Sequence[UUID]) -> list[Document]:
        """Those that exist, in any order."""
        ...

    async def by_external_id(
        self, knowledge_base_id: UUID, external_id: str, *, lock: bool = False
    ) -> Document | None:
        """One by the caller's own key."""
        ...

    async def ids_by_external_id(
        self, knowledge_base_id: UUID, external_ids: Sequence[str]
    ) -> Mapping[str, UUID]:
        """The ids of those that exist, by the caller's own keys."""
        ...

    async def page(
        self,
        knowledge_base_id: UUID,
        page: PageRequest,
        order: DocumentOrder,
        condition: DocumentFilter | None,
    ) -> Page[Document]:
        """Documents of a knowledge base that match, in order."""
        ...

    async def count(self, knowledge_base_id: UUID, condition: DocumentFilter | None) -> int:
        """Their number, capped."""
        ...

    async def matching_ids(
        self, knowledge_base_ids: Sequence[UUID], condition: SearchFilter, limit: int
    ) -> list[UUID]:
        """Ids of searchable documents that could hold a matching chunk, at most `limit`.

        Chunk conditions are ignored where they stand: the result may be too wide, never too narrow.
        """
        ...

    async def save(self, document: Document) -> Document:
        """Writes all changeable fields, `version` + 1, and touches `updated_at`; NotFound when gone."""
        ...

    async def set_status(
        self,
        document_id: UUID,
        generation: int,
        status: DocumentStatus,
        *,
        expected: frozenset[DocumentStatus],
    ) -> bool:
        """Changes the status while the generation is current and the status is an expected one."""
        ...

    async def make_live(
        self, document_id: UUID, generation: int, version_id: UUID, language: str | None
    ) -> bool:
        """Sets READY, live generation and current version; False when the generation is no longer current."""
        ...

    async def set_title_if_untitled(self, document_id: UUID, generation: int, title: str) -> None:
        """Gives the title found in the source to a document that was accepted without one."""
        ...

    async def mark_deleting(self, document_id: UUID) -> Document:
        """DELETING, live generation None, generation + 1, external id freed. NotFound when gone."""
        ...

    async def mark_deleted(self, document_id: UUID) -> None:
        """Ends the deletion: only the tombstone stays."""
        ...

    async def add_receipt(
        self, receipt_id: UUID, document_id: UUID, vectors_remaining: int
    ) -> DeletionReceipt:
        """Opens the receipt of a deletion."""
        ...

    async def update_receipt(self, document_id: UUID, vectors_remaining: int, *, completed: bool) -> None:
        """Notes what remains, and the end."""
        ...

    async def get_receipts(self, ids: Sequence[UUID]) -> list[DeletionReceipt]:
        """Those that exist, in any order."""
        ...


class VersionRepository(Protocol):
    """Versions of documents and their extracted text."""

    async def add(self, version: DocumentVersion) -> None:
        """Adds the next version and notes its blob."""
        ...

    async def get_many(self, ids: Sequence[UUID]) -> list[DocumentVersion]:
        """Those that exist (deleted documents' excluded), in any order."""
        ...

    async def latest(self, document_id: UUID) -> DocumentVersion | None:
        """The version with the highest number."""
        ...

    async def by_generation(self, document_id: UUID, generation: int) -> DocumentVersion | None:
        """The version that a generation was made of."""
        ...

    async def page(self, document_id: UUID, page: PageRequest) -> Page[DocumentVersion]:
        """Versions, newest first."""
        ...

    async def newest(self, document_ids: Sequence[UUID], limit: int) -> list[DocumentVersion]:
        """The newest versions, up to `limit` of each document, newest first within each."""
        ...

    async def count(self, document_id: UUID) -> int:
        """Their number, capped."""
        ...

    async def set_text(self, version_id: UUID, text: str) -> None:
        """Keeps the extracted text; writing it again replaces it."""
        ...

    async def texts(self, ranges: Sequence[tuple[UUID, int, int]]) -> list[str | None]:
        """Slices [start, end) in code points, in the order asked; None where a version is not parsed yet."""
        ...

    async def blob_keys(self, document_id: UUID) -> list[str]:
        """Keys of all the document's blobs, deleted or not."""
        ...

    async def remove_all(self, document_id: UUID) -> None:
        """Removes versions, texts and chunks of a deleted document."""
        ...


class ChunkRepository(Protocol):
    """Passages."""

    async def replace(
        self, document_id: UUID, version_id: UUID, generation: int, chunks: Sequence[Chunk]
    ) -> None:
        """Writes the passages of a version in bulk, in place of those written for it before."""
        ...

    async def get_many(self, ids: Sequence[UUID]) -> list[Chunk]:
        """Those that exist and belong to no deleted document, in any order."""
        ...

    async def page(self, version_id: UUID, page: PageRequest) -> Page[Chunk]:
        """Passages of a version in reading order; the sort value of a position is the ordinal."""
        ...

    async def count(self, version_id: UUID) -> int:
        """Their number, capped."""
        ...

    async def of_version(self, version_id: UUID) -> list[Chunk]:
        """All passages of a version in reading order."""
        ...

    async def neighbours(
        self, places: Sequence[tuple[UUID, int]], radius: int
    ) -> Mapping[tuple[UUID, int], list[Chunk]]:
        """For each (version, ordinal) the passages at most `radius` away, without it, in reading order."""
        ...

    async def check(
        self, ids: Sequence[UUID], index_ids: Sequence[UUID], condition: SearchFilter | None
    ) -> dict[UUID, Chunk]:
        """Of candidate hits those that search may show: in the live generation of a document that is not
        deleted, held by one of the indexes, matching the whole filter. By chunk id."""
        ...
