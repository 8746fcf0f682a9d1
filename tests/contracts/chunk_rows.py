"""Documents, passages and their rows, consistent with each other, for tests of filters and indexes."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from pydantic import JsonValue

from lorebase.schemas.documents import Chunk, Document, DocumentStatus
from lorebase.schemas.search import ChunkVector, PartitionAddress
from lorebase.services.embeddings.embedding_text import heading_path

DIMENSIONS = 8
MOMENT = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)

# Texts that break expressions, patterns or encodings when anything is pasted or escaped wrongly.
HOSTILE = (
    '" or workspace_id != "',
    "'; drop",
    "back\\slash",
    "100%",
    "a_b",
    "Straße",
    "STRASSE",
    "İstanbul",
    "Ωmega ς",
    "漢字とカナ",
    "emoji 👩‍👩‍👧 flag 🇩🇪",
    "line separator \u2028 here",
    "{v0} {braces}",
    "plain",
    "Plain words",
    "]",
    "\\",
    "%",
    "_",
    "--",
)


@dataclass(frozen=True)
class Passage:
    """A passage with the document it belongs to and the row that stands for it."""

    chunk: Chunk
    document: Document
    row: ChunkVector


def address(collection: str, workspace_id: UUID, partition: str | None = None) -> PartitionAddress:
    """The place of a tenant, in a partition of its own unless one is named."""
    return PartitionAddress(
        collection=collection, partition=partition or f"p_{workspace_id.hex}", workspace_id=workspace_id
    )


def unit_vector(angle: float) -> tuple[float, ...]:
    """A vector at an angle in the first plane, so that cosines are known."""
    return (math.cos(angle), math.sin(angle), *([0.0] * (DIMENSIONS - 2)))


def document(workspace_id: UUID, **changes: object) -> Document:
    """A searchable document."""
    facts: dict[str, object] = {
        "id": uuid4(),
        "workspace_id": workspace_id,
        "knowledge_base_id": uuid4(),
        "external_id": None,
        "title": "A title",
        "language": "en",
        "tags": (),
        "metadata": {},
        "media_type": "text/plain",
        "status": DocumentStatus.READY,
        "generation": 1,
        "live_generation": 1,
        "current_version_id": uuid4(),
        "version": 1,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }
    return Document.model_validate({**facts, **changes})


def passage(
    source: Document,
    *,
    ordinal: int = 0,
    angle: float = 0.0,
    page: int | None = None,
    section: tuple[str, ...] = (),
    tokens: int = 10,
    text: str = "text",
) -> Passage:
    """A passage of the document's generation."""
    chunk = Chunk(
        id=uuid4(),
        workspace_id=source.workspace_id,
        document_id=source.id,
        version_id=source.current_version_id or uuid4(),
        ordinal=ordinal,
        start_offset=0,
        end_offset=len(text),
        page=page,
        section=section,
        token_count=tokens,
        text=text,
    )
    return Passage(chunk, source, row_of(chunk, source, unit_vector(angle)))


def row_of(chunk: Chunk, source: Document, vector: tuple[float, ...]) -> ChunkVector:
    """The row that ingestion would write."""
    return ChunkVector(
        chunk_id=chunk.id,
        workspace_id=chunk.workspace_id,
        knowledge_base_id=source.knowledge_base_id,
        document_id=chunk.document_id,
        version_id=chunk.version_id,
        generation=source.generation,
        ordinal=chunk.ordinal,
        embedding_version="test-1",
        source="file.txt",
        context=heading_path(chunk.section),
        title=source.title,
        media_type=source.media_type,
        language=source.language,
        tags=source.tags,
        metadata=source.metadata,
        page=chunk.page,
        token_count=chunk.token_count,
        created_at=source.created_at,
        vector=vector,
    )


def varied_passages(workspace_id: UUID, count: int, seed: int = 7) -> list[Passage]:
    """Passages that differ in everything that filters name; the same ones for the same seed."""
    dice = random.Random(seed)
    knowledge_base_id = uuid4()
    return [_varied(workspace_id, knowledge_base_id, dice, number) for number in range(count)]


def _varied(workspace_id: UUID, knowledge_base_id: UUID, dice: random.Random, number: int) -> Passage:
    source = document(
        workspace_id,
        id=UUID(int=number + 1),
        knowledge_base_id=knowledge_base_id,
        title=dice.choice([*HOSTILE, "", "two\nlines"]),
        language=dice.choice([None, "en", "de", "pt-BR"]),
        media_type=dice.choice(["text/plain", "text/Markdown", "application/pdf"]),
        tags=tuple(dice.sample(HOSTILE, dice.choice([0, 0, 1, 3]))),
        metadata=_varied_metadata(dice),
        created_at=MOMENT + timedelta(milliseconds=dice.choice([-2, -1, 0, 1, 86_400_000])),
        updated_at=MOMENT + timedelta(days=dice.choice([0, 1])),
        status=dice.choice([DocumentStatus.READY, DocumentStatus.PROCESSING]),
    )
    return passage(
        source,
        page=dice.choice([None, 0, 1, 2, 30]),
        section=dice.choice([(), ("Intro",), ("Intro", "Straße % _"), (dice.choice(HOSTILE),)]),
        tokens=dice.choice([1, 10, 200]),
        angle=number / 100,
    )


def _varied_metadata(dice: random.Random) -> dict[str, JsonValue]:
    values: Sequence[JsonValue] = (
        *(None, True, False, 0, -1, 2.5, 10, 2**53 + 1, []),
        *("2026-03-01", "2026-03-01T12:00:00Z", "x", ["x", "plain"], *HOSTILE),
    )
    metadata: dict[str, JsonValue] = {}
    if dice.random() < 0.7:
        metadata["value"] = dice.choice(values)
    if dice.random() < 0.7:
        metadata["author"] = {"team": dice.choice(values)}
    return metadata
