"""Passages: written in bulk, read in reading order, checked before search shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, delete, exists, select, text

from lorebase.models.chunks import chunks
from lorebase.models.documents import documents
from lorebase.models.embeddings import index_documents
from lorebase.repositories.sql.chunk_writer import ChunkSource, insert_chunks
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.document_rows import IS_THERE, lock_document
from lorebase.repositories.sql.filters import search_condition
from lorebase.repositories.sql.pagination import NUMBER, Keyset, read_page
from lorebase.repositories.sql.values import build, columns_of, is_one_of
from lorebase.schemas.documents import Chunk
from lorebase.schemas.filters import SearchFilter
from lorebase.schemas.pagination import Page, PageRequest

# The port names a parameter like the table.
_TABLE = chunks
_COLUMNS = columns_of(chunks, Chunk)
_NAMES = ", ".join(f"chunks.{column.name}" for column in _COLUMNS)

_NEIGHBOURS = text(
    f"""
    SELECT asked.version_id AS asked_version, asked.ordinal AS asked_ordinal, {_NAMES}
    FROM unnest(CAST(:versions AS uuid[]), CAST(:ordinals AS int[])) AS asked(version_id, ordinal)
    JOIN chunks ON chunks.version_id = asked.version_id
        AND chunks.ordinal BETWEEN asked.ordinal - :radius AND asked.ordinal + :radius
        AND chunks.ordinal <> asked.ordinal
    JOIN documents ON documents.id = chunks.document_id AND {IS_THERE.text}
    ORDER BY chunks.version_id, asked.ordinal, chunks.ordinal
    """
)

# Not the status but the live generation says what search may show: a document whose second version is being
# processed stays findable by its first.
_SHOWABLE = (
    select(*_COLUMNS)
    .select_from(chunks.join(documents, documents.c.id == chunks.c.document_id))
    .where(IS_THERE, chunks.c.generation == documents.c.live_generation)
)


class SqlChunkRepository:
    """See ports/documents.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def replace(
        self, document_id: UUID, version_id: UUID, generation: int, chunks: Sequence[Chunk]
    ) -> None:
        """Writes the passages of a version in bulk, in place of those written for it before."""
        await lock_document(self._database, document_id)
        await self._database.change(delete(_TABLE).where(_TABLE.c.version_id == version_id))
        source = ChunkSource(self._workspace_id, document_id, version_id, generation)
        await insert_chunks(self._database, source, chunks)

    async def get_many(self, ids: Sequence[UUID]) -> list[Chunk]:
        """Those that exist and belong to no deleted document, in any order."""
        return await self._all(_of_documents_there().where(is_one_of(chunks.c.id, ids)))

    async def page(self, version_id: UUID, page: PageRequest) -> Page[Chunk]:
        """Passages of a version in reading order; the sort value of a position is the ordinal."""
        keyset = Keyset(chunks.c.ordinal, chunks.c.id, NUMBER)
        statement = _of_documents_there().where(chunks.c.version_id == version_id)
        return await read_page(self._database, statement, keyset, page, _chunk)

    async def count(self, version_id: UUID) -> int:
        """Their number, capped."""
        return await self._database.count(_of_documents_there().where(chunks.c.version_id == version_id))

    async def of_version(self, version_id: UUID) -> list[Chunk]:
        """All passages of a version in reading order."""
        statement = _of_documents_there().where(chunks.c.version_id == version_id)
        return await self._all(statement.order_by(chunks.c.ordinal))

    async def neighbours(
        self, places: Sequence[tuple[UUID, int]], radius: int
    ) -> Mapping[tuple[UUID, int], list[Chunk]]:
        """For each (version, ordinal) the passages at most `radius` away, without it, in reading order."""
        found: dict[tuple[UUID, int], list[Chunk]] = {place: [] for place in places}
        asked = {
            "versions": [version for version, _ in found],
            "ordinals": [ordinal for _, ordinal in found],
            "radius": radius,
        }
        for row in await self._database.rows(_NEIGHBOURS, asked):
            found[row.asked_version, row.asked_ordinal].append(_chunk(row))
        return found

    async def check(
        self, ids: Sequence[UUID], index_ids: Sequence[UUID], condition: SearchFilter | None
    ) -> dict[UUID, Chunk]:
        """Of candidate hits those that search may show, by chunk id."""
        held = exists().where(
            and_(
                is_one_of(index_documents.c.index_id, index_ids),
                index_documents.c.document_id == chunks.c.document_id,
                index_documents.c.generation == chunks.c.generation,
            )
        )
        statement = _SHOWABLE.where(is_one_of(chunks.c.id, ids), held)
        if condition is not None:
            statement = statement.where(search_condition(condition))
        return {chunk.id: chunk for chunk in await self._all(statement)}

    async def _all(self, statement: Select[Any]) -> list[Chunk]:
        return [_chunk(row) for row in await self._database.rows(statement)]


def _of_documents_there() -> Select[Any]:
    joined = chunks.join(documents, documents.c.id == chunks.c.document_id)
    return select(*_COLUMNS).select_from(joined).where(IS_THERE)


def _chunk(row: Row[Any]) -> Chunk:
    return build(Chunk, row)
