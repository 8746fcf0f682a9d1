"""Versions, their text and their passages in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.schemas.documents import Chunk, Document, DocumentVersion
from lorebase.schemas.filters import SearchFilter
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.services.filters.filter_evaluation import matches_chunk
from tests.fakes.memory.documents import TOMBSTONES, is_there
from tests.fakes.memory.paging import keyset_page, number_value
from tests.fakes.memory.state import CAP, State, StoredBlob, in_any_order


class MemoryVersions:
    """See ports/documents.py."""

    def __init__(self, state: State, workspace_id: UUID) -> None:
        self._state = state
        self._workspace_id = workspace_id

    async def add(self, version: DocumentVersion) -> None:
        taken = version.id in self._state.versions or version.blob_key in self._state.blobs
        if taken or version.workspace_id != self._workspace_id:
            raise AssertionError("unique key or row-level security violated")
        self._state.versions[version.id] = version
        self._state.blobs[version.blob_key] = StoredBlob(
            self._workspace_id, version.document_id, version.blob_key
        )

    async def get_many(self, ids: Sequence[UUID]) -> list[DocumentVersion]:
        there = {version.id: version for version in self._all() if is_there(self._state, version.document_id)}
        return [there[version_id] for version_id in in_any_order(ids) if version_id in there]

    async def latest(self, document_id: UUID) -> DocumentVersion | None:
        return max(self._of(document_id), key=lambda version: version.number, default=None)

    async def by_generation(self, document_id: UUID, generation: int) -> DocumentVersion | None:
        for version in self._of(document_id):
            if version.generation == generation:
                return version
        return None

    async def page(self, document_id: UUID, page: PageRequest) -> Page[DocumentVersion]:
        found = self._of(document_id) if is_there(self._state, document_id) else []
        return keyset_page(found, lambda v: (number_value(v.number), v.id), page, descending=True)

    async def newest(self, document_ids: Sequence[UUID], limit: int) -> list[DocumentVersion]:
        found = []
        for document_id in set(document_ids):
            if is_there(self._state, document_id):
                found += sorted(self._of(document_id), key=lambda v: v.number, reverse=True)[:limit]
        return found

    async def count(self, document_id: UUID) -> int:
        return min(CAP, len(self._of(document_id))) if is_there(self._state, document_id) else 0

    async def set_text(self, version_id: UUID, text: str) -> None:
        self._state.texts[version_id] = text

    async def texts(self, ranges: Sequence[tuple[UUID, int, int]]) -> list[str | None]:
        mine = {version.id for version in self._all()}
        return [
            self._state.texts[version_id][max(start, 0) : max(end, 0)]
            if version_id in mine and version_id in self._state.texts
            else None
            for version_id, start, end in ranges
        ]

    async def blob_keys(self, document_id: UUID) -> list[str]:
        return sorted(key for key, blob in self._state.blobs.items() if blob.document_id == document_id)

    async def remove_all(self, document_id: UUID) -> None:
        document = self._state.documents.get(document_id)
        if document is not None and document.status not in TOMBSTONES:
            return
        for version in self._of(document_id):
            del self._state.versions[version.id]
            self._state.texts.pop(version.id, None)
            self._state.chunks.pop(version.id, None)
            self._state.generations.pop(version.id, None)

    def _all(self) -> list[DocumentVersion]:
        return [v for v in self._state.versions.values() if v.workspace_id == self._workspace_id]

    def _of(self, document_id: UUID) -> list[DocumentVersion]:
        return [version for version in self._all() if version.document_id == document_id]


class MemoryChunks:
    """See ports/documents.py."""

    def __init__(self, state: State, workspace_id: UUID) -> None:
        self._state = state
        self._workspace_id = workspace_id

    async def replace(
        self, document_id: UUID, version_id: UUID, generation: int, chunks: Sequence[Chunk]
    ) -> None:
        if any(chunk.workspace_id != self._workspace_id for chunk in chunks):
            raise AssertionError("row-level security: a row of another workspace")
        self._state.chunks[version_id] = tuple(chunks)
        self._state.generations[version_id] = generation

    async def get_many(self, ids: Sequence[UUID]) -> list[Chunk]:
        wanted = set(ids)
        return [
            chunk for chunk in self._all() if chunk.id in wanted and is_there(self._state, chunk.document_id)
        ]

    async def page(self, version_id: UUID, page: PageRequest) -> Page[Chunk]:
        return keyset_page(await self.of_version(version_id), lambda c: (number_value(c.ordinal), c.id), page)

    async def count(self, version_id: UUID) -> int:
        return min(CAP, len(await self.of_version(version_id)))

    async def of_version(self, version_id: UUID) -> list[Chunk]:
        mine = [chunk for chunk in self._all() if chunk.version_id == version_id]
        return sorted(mine, key=lambda chunk: chunk.ordinal)

    async def neighbours(
        self, places: Sequence[tuple[UUID, int]], radius: int
    ) -> Mapping[tuple[UUID, int], list[Chunk]]:
        return {
            (version_id, ordinal): [
                chunk
                for chunk in await self.of_version(version_id)
                if 0 < abs(chunk.ordinal - ordinal) <= radius
            ]
            for version_id, ordinal in places
        }

    async def check(
        self, ids: Sequence[UUID], index_ids: Sequence[UUID], condition: SearchFilter | None
    ) -> dict[UUID, Chunk]:
        wanted = set(ids)
        return {
            chunk.id: chunk
            for chunk in self._all()
            if chunk.id in wanted and self._may_show(chunk, index_ids, condition)
        }

    def _may_show(self, chunk: Chunk, index_ids: Sequence[UUID], condition: SearchFilter | None) -> bool:
        document: Document | None = self._state.documents.get(chunk.document_id)
        if document is None or not is_there(self._state, document.id):
            return False
        live = document.live_generation
        held = [self._state.index_documents.get((index_id, document.id)) for index_id in index_ids]
        return (
            live is not None
            and self._state.generations.get(chunk.version_id) == live
            and any(row is not None and row.generation == live for row in held)
            and (condition is None or matches_chunk(condition, chunk, document))
        )

    def _all(self) -> list[Chunk]:
        return [
            chunk
            for chunks in self._state.chunks.values()
            for chunk in chunks
            if chunk.workspace_id == self._workspace_id
        ]
