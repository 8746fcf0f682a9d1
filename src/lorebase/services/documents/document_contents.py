"""Versions of documents, their passages, their text and their bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

from lorebase.core.errors import NotFound
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.documents import Chunk, DocumentVersion
from lorebase.schemas.pagination import Page, PageRequest, Position
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import require, require_any


class ContentService:
    """Reads what documents hold; nothing of deleted ones. Who may ask may read the evidence of answers."""

    def __init__(self, *, units: UnitOfWorkFactory, blobs: BlobStore) -> None:
        self._units = units
        self._blobs = blobs

    async def versions(self, principal: Principal, ids: Sequence[UUID]) -> list[DocumentVersion]:
        """Those that exist, in any order."""
        require_any(principal, ApiScope.READ, ApiScope.ASK)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.versions.get_many(ids)

    async def version_page(
        self, principal: Principal, document_id: UUID, page: PageRequest
    ) -> Page[DocumentVersion]:
        """Versions of a document, newest first."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.versions.page(document_id, page)

    async def first_version_pages(
        self, principal: Principal, document_ids: Sequence[UUID], limit: int
    ) -> dict[UUID, Page[DocumentVersion]]:
        """The first page of each of many documents at once, as `version_page` would give it."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            found = await uow.versions.newest(document_ids, limit + 1)
        return {
            document_id: _first_page([v for v in found if v.document_id == document_id], limit)
            for document_id in document_ids
        }

    async def count_versions(self, principal: Principal, document_id: UUID) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.versions.count(document_id)

    async def chunks(self, principal: Principal, ids: Sequence[UUID]) -> list[Chunk]:
        """Passages that exist, in any order."""
        require_any(principal, ApiScope.READ, ApiScope.ASK)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.chunks.get_many(ids)

    async def chunk_page(self, principal: Principal, version_id: UUID, page: PageRequest) -> Page[Chunk]:
        """Passages of a version in reading order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.chunks.page(version_id, page)

    async def count_chunks(self, principal: Principal, version_id: UUID) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.chunks.count(version_id)

    async def neighbours(
        self, principal: Principal, places: Sequence[tuple[UUID, int]], radius: int
    ) -> Mapping[tuple[UUID, int], list[Chunk]]:
        """For each (version, ordinal) the passages at most `radius` away, without it, in reading order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.chunks.neighbours(places, radius)

    async def texts(self, principal: Principal, ranges: Sequence[tuple[UUID, int, int]]) -> list[str | None]:
        """Slices [start, end) of the extracted text of versions, in code points, in the order asked."""
        require_any(principal, ApiScope.READ, ApiScope.ASK)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.versions.texts(ranges)

    async def download(
        self, workspace_id: UUID, version_id: UUID
    ) -> tuple[DocumentVersion, AsyncIterator[bytes]]:
        """The source of a version, byte for byte. The caller has checked the signed link; NotFound."""
        async with self._units.for_workspace(workspace_id) as uow:
            found = await uow.versions.get_many([version_id])
        if not found:
            raise NotFound("There is no such object.")
        return found[0], self._blobs.read(found[0].blob_key)


def _first_page(newest: Sequence[DocumentVersion], limit: int) -> Page[DocumentVersion]:
    kept = tuple(newest[:limit])
    positions = tuple(Position(sort_value=str(version.number), id=version.id) for version in kept)
    return Page(items=kept, positions=positions, has_next=len(newest) > limit, has_previous=False)
