"""Bulk writing of passages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import text

from lorebase.repositories.sql.connection import Parameters, SqlConnection
from lorebase.repositories.sql.search_keys import fold
from lorebase.schemas.documents import Chunk

_BATCH = 2000
_SEPARATOR = " > "

# PostgreSQL refuses COPY FROM into a table with row-level security, so arrays are unnested instead: one
# statement a batch, no parameter a cell. Headings come as JSON because PostgreSQL has no ragged arrays.
_INSERT = text(
    """
    INSERT INTO chunks (
        workspace_id, id, document_id, version_id, generation, ordinal, start_offset, end_offset, page,
        section, section_path, section_key, token_count, text
    )
    SELECT
        CAST(:workspace_id AS uuid), id, CAST(:document_id AS uuid), CAST(:version_id AS uuid),
        CAST(:generation AS bigint), ordinal, start_offset, end_offset, page,
        ARRAY(SELECT jsonb_array_elements_text(CAST(section AS jsonb))), section_path, section_key,
        token_count, passage
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:ordinals AS int[]), CAST(:starts AS int[]), CAST(:ends AS int[]),
        CAST(:pages AS int[]), CAST(:sections AS text[]), CAST(:paths AS text[]), CAST(:keys AS text[]),
        CAST(:tokens AS int[]), CAST(:passages AS text[])
    ) AS new (
        id, ordinal, start_offset, end_offset, page, section, section_path, section_key, token_count, passage
    )
    """
)


@dataclass(frozen=True, slots=True)
class ChunkSource:
    """What all passages of one writing have in common."""

    workspace_id: UUID
    document_id: UUID
    version_id: UUID
    generation: int


async def insert_chunks(database: SqlConnection, source: ChunkSource, chunks: Sequence[Chunk]) -> None:
    """Inserts passages of one version, some thousands a statement."""
    for arrays in _batches(chunks):
        await database.change(_INSERT, {**asdict(source), **arrays})


def _batches(chunks: Sequence[Chunk]) -> Iterator[Parameters]:
    for start in range(0, len(chunks), _BATCH):
        batch = chunks[start : start + _BATCH]
        paths = [_SEPARATOR.join(chunk.section) for chunk in batch]
        yield {
            "ids": [chunk.id for chunk in batch],
            "ordinals": [chunk.ordinal for chunk in batch],
            "starts": [chunk.start_offset for chunk in batch],
            "ends": [chunk.end_offset for chunk in batch],
            "pages": [chunk.page for chunk in batch],
            "sections": [json.dumps(chunk.section) for chunk in batch],
            "paths": paths,
            "keys": [fold(path) for path in paths],
            "tokens": [chunk.token_count for chunk in batch],
            "passages": [chunk.text for chunk in batch],
        }
