"""Versions of documents, their extracted text and the keys of their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from lorebase.models.documents import blobs, document_versions, documents, version_texts
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.document_removal import remove_versions
from lorebase.repositories.sql.document_rows import IS_THERE
from lorebase.repositories.sql.pagination import NUMBER, Keyset, read_page
from lorebase.repositories.sql.values import build, columns_of, is_one_of
from lorebase.schemas.documents import DocumentVersion
from lorebase.schemas.pagination import Page, PageRequest

_COLUMNS = columns_of(document_versions, DocumentVersion)

_SLICES = text(
    """
    SELECT asked.place, substring(version_texts.text FROM asked.first FOR asked.length) AS slice
    FROM unnest(
        CAST(:places AS int[]), CAST(:versions AS uuid[]), CAST(:firsts AS int[]), CAST(:lengths AS int[])
    ) AS asked(place, version_id, first, length)
    JOIN version_texts ON version_texts.version_id = asked.version_id
    """
)


class SqlVersionRepository:
    """See ports/documents.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def add(self, version: DocumentVersion) -> None:
        """Adds the next version and notes its blob."""
        await self._database.change(
            insert(blobs).values(
                workspace_id=self._workspace_id,
                key=version.blob_key,
                document_id=version.document_id,
                byte_size=version.byte_size,
                created_at=version.created_at,
            )
        )
        await self._database.change(insert(document_versions).values(version.model_dump()))

    async def get_many(self, ids: Sequence[UUID]) -> list[DocumentVersion]:
        """Those that exist (deleted documents' excluded), in any order."""
        return await self._all(_of_documents_there().where(is_one_of(document_versions.c.id, ids)))

    async def latest(self, document_id: UUID) -> DocumentVersion | None:
        """The version with the highest number."""
        newest_first = _of(document_id).order_by(document_versions.c.number.desc())
        found = await self._all(newest_first.limit(1))
        return found[0] if found else None

    async def by_generation(self, document_id: UUID, generation: int) -> DocumentVersion | None:
        """The version that a generation was made of."""
        found = await self._all(_of(document_id).where(document_versions.c.generation == generation))
        return found[0] if found else None

    async def _all(self, statement: Select[Any]) -> list[DocumentVersion]:
        return [_version(row) for row in await self._database.rows(statement)]

    async def page(self, document_id: UUID, page: PageRequest) -> Page[DocumentVersion]:
        """Versions, newest first."""
        keyset = Keyset(document_versions.c.number, document_versions.c.id, NUMBER, descending=True)
        statement = _of_documents_there().where(document_versions.c.document_id == document_id)
        return await read_page(self._database, statement, keyset, page, _version)

    async def newest(self, document_ids: Sequence[UUID], limit: int) -> list[DocumentVersion]:
        """The newest versions, up to `limit` of each document, newest first within each."""
        number = document_versions.c.number
        place = func.row_number().over(partition_by=document_versions.c.document_id, order_by=number.desc())
        asked = is_one_of(document_versions.c.document_id, document_ids)
        ranked = _of_documents_there().add_columns(place.label("place")).where(asked).subquery()
        columns = [ranked.c[column.name] for column in _COLUMNS]
        statement = select(*columns).where(ranked.c.place <= limit).order_by(ranked.c.number.desc())
        return await self._all(statement)

    async def count(self, document_id: UUID) -> int:
        """Their number, capped."""
        return await self._database.count(
            _of_documents_there().where(document_versions.c.document_id == document_id)
        )

    async def set_text(self, version_id: UUID, text: str) -> None:
        """Keeps the extracted text; writing it again replaces it."""
        new = upsert(version_texts).values(workspace_id=self._workspace_id, version_id=version_id, text=text)
        key = [version_texts.c.workspace_id, version_texts.c.version_id]
        await self._database.change(new.on_conflict_do_update(index_elements=key, set_={"text": text}))

    async def texts(self, ranges: Sequence[tuple[UUID, int, int]]) -> list[str | None]:
        """Slices [start, end) in code points, in the order asked; None where a version is not parsed yet."""
        # PostgreSQL counts characters from 1, and characters of UTF-8 are code points.
        asked = {
            "places": list(range(len(ranges))),
            "versions": [version for version, _, _ in ranges],
            "firsts": [max(start, 0) + 1 for _, start, _ in ranges],
            "lengths": [max(end - max(start, 0), 0) for _, start, end in ranges],
        }
        found = {row.place: str(row.slice) for row in await self._database.rows(_SLICES, asked)}
        return [found.get(place) for place in range(len(ranges))]

    async def blob_keys(self, document_id: UUID) -> list[str]:
        """Keys of all the document's blobs, deleted or not."""
        statement = select(blobs.c.key).where(blobs.c.document_id == document_id).order_by(blobs.c.key)
        return [str(row.key) for row in await self._database.rows(statement)]

    async def remove_all(self, document_id: UUID) -> None:
        """Removes versions, texts and chunks of a deleted document; keys of its blobs stay until the end."""
        await remove_versions(self._database, document_id)


def _of(document_id: UUID) -> Select[Any]:
    return select(*_COLUMNS).where(document_versions.c.document_id == document_id)


def _of_documents_there() -> Select[Any]:
    joined = document_versions.join(documents, documents.c.id == document_versions.c.document_id)
    return select(*_COLUMNS).select_from(joined).where(IS_THERE)


def _version(row: Row[Any]) -> DocumentVersion:
    return build(DocumentVersion, row)
