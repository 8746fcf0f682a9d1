"""Services about documents, their contents and the jobs that work on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.documents import (
    Chunk,
    DeletedDocument,
    DeletionReceipt,
    Document,
    DocumentOrder,
    DocumentVersion,
    StoredUpload,
    UpdatedDocument,
    UpdateDocument,
    UpsertDocument,
    UpsertedDocument,
)
from lorebase.schemas.filters import DocumentFilter, JobFilter
from lorebase.schemas.jobs import Job, JobOrder, JobSubjectType
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import Principal


class Documents(Protocol):
    """Documents of the caller's workspace."""

    async def store(
        self,
        principal: Principal,
        chunks: AsyncIterator[bytes],
        file_name: str | None,
        media_type: str | None,
        /,
    ) -> StoredUpload:
        """Makes the bytes of a file durable."""
        ...

    async def store_text(self, principal: Principal, body: str, media_type: str, /) -> StoredUpload:
        """Makes inline text durable."""
        ...

    async def upsert(self, principal: Principal, command: UpsertDocument, /) -> UpsertedDocument:
        """Adds a document or a version of one."""
        ...

    async def update(self, principal: Principal, command: UpdateDocument, /) -> UpdatedDocument:
        """Changes what is known about a document."""
        ...

    async def delete(
        self,
        principal: Principal,
        document_id: UUID,
        expected_version: int | None,
        idempotency_key: str | None,
        /,
    ) -> DeletedDocument:
        """Makes a document invisible and begins its removal."""
        ...

    async def get_many(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Document]:
        """Those that exist."""
        ...

    async def by_external_id(
        self, principal: Principal, knowledge_base_id: UUID, external_id: str, /
    ) -> Document | None:
        """One by the caller's own key."""
        ...

    async def page(
        self,
        principal: Principal,
        knowledge_base_id: UUID,
        page: PageRequest,
        order: DocumentOrder,
        condition: DocumentFilter | None,
        /,
    ) -> Page[Document]:
        """Documents that match, in order."""
        ...

    async def count(
        self, principal: Principal, knowledge_base_id: UUID, condition: DocumentFilter | None, /
    ) -> int:
        """Their number, capped."""
        ...

    async def receipts(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[DeletionReceipt]:
        """Receipts of deletions that exist."""
        ...


class Contents(Protocol):
    """Versions, texts and passages."""

    async def versions(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[DocumentVersion]:
        """Those that exist."""
        ...

    async def version_page(
        self, principal: Principal, document_id: UUID, page: PageRequest, /
    ) -> Page[DocumentVersion]:
        """Versions of a document, newest first."""
        ...

    async def first_version_pages(
        self, principal: Principal, document_ids: Sequence[UUID], limit: int, /
    ) -> Mapping[UUID, Page[DocumentVersion]]:
        """The first page of versions of each document."""
        ...

    async def count_versions(self, principal: Principal, document_id: UUID, /) -> int:
        """Their number, capped."""
        ...

    async def chunks(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Chunk]:
        """Those that exist."""
        ...

    async def chunk_page(self, principal: Principal, version_id: UUID, page: PageRequest, /) -> Page[Chunk]:
        """Passages of a version in reading order."""
        ...

    async def count_chunks(self, principal: Principal, version_id: UUID, /) -> int:
        """Their number, capped."""
        ...

    async def neighbours(
        self, principal: Principal, places: Sequence[tuple[UUID, int]], radius: int, /
    ) -> Mapping[tuple[UUID, int], list[Chunk]]:
        """Passages around each (version, ordinal), without it."""
        ...

    async def texts(
        self, principal: Principal, ranges: Sequence[tuple[UUID, int, int]], /
    ) -> Sequence[str | None]:
        """Slices of extracted text, in the order asked."""
        ...

    async def download(
        self, workspace_id: UUID, version_id: UUID, /
    ) -> tuple[DocumentVersion, AsyncIterator[bytes]]:
        """A version and the bytes of its source; the caller has checked a signed link."""
        ...


class Jobs(Protocol):
    """Background jobs of the caller's workspace."""

    async def get_many(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Job]:
        """Those that exist."""
        ...

    async def latest_for(
        self, principal: Principal, subject_type: JobSubjectType, ids: Sequence[UUID], /
    ) -> Mapping[UUID, Job]:
        """The newest job of each subject."""
        ...

    async def page(
        self, principal: Principal, page: PageRequest, order: JobOrder, condition: JobFilter | None, /
    ) -> Page[Job]:
        """Jobs that match, in order."""
        ...

    async def count(self, principal: Principal, condition: JobFilter | None, /) -> int:
        """Their number, capped."""
        ...

    async def cancel(self, principal: Principal, job_id: UUID, idempotency_key: str | None, /) -> Job:
        """Asks a job to stop."""
        ...

    async def retry(self, principal: Principal, job_id: UUID, idempotency_key: str | None, /) -> Job:
        """Starts a failed job again."""
        ...
