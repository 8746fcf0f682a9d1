"""Turns passages with vectors into rows of a collection."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from lorebase.repositories.milvus import columns as c
from lorebase.repositories.milvus.sparse import sparse_vector
from lorebase.schemas.metadata import as_milliseconds, as_number, as_texts, leaves, milliseconds
from lorebase.schemas.search import ChunkRow, ChunkVector, ChunkWeights

Cell = str | int | float | bool | list[str] | list[float] | dict[str, JsonValue] | dict[int, float]

# Beyond it neighbouring whole numbers share one double, and comparisons are no longer exact.
_EXACT_NUMBER = 2**53


def row(chunk: ChunkVector | ChunkWeights) -> dict[str, Cell]:
    """The row of a passage. What does not fit is cut and the row marked inexact: every filter finds it."""
    texts = _texts(chunk)
    metadata, metadata_exact = metadata_cell(chunk.metadata)
    cut = {name: cut_to_bytes(text, c.TEXT_BYTES[name]) for name, text in texts.items()}
    tags = [cut_to_bytes(tag, c.TAG_BYTES) for tag in chunk.tags[: c.TAGS_CAPACITY]]
    filterable = all(cut[name] == text for name, text in texts.items() if name != c.SOURCE)
    return {
        **_identifiers(chunk),
        **cut,
        c.GENERATION: chunk.generation,
        c.ORDINAL: chunk.ordinal,
        c.TOKEN_COUNT: chunk.token_count,
        c.PAGE: c.NO_PAGE if chunk.page is None else chunk.page,
        c.CREATED_AT: milliseconds(chunk.created_at),
        c.TAGS: tags,
        c.METADATA: metadata,
        c.INEXACT: not (filterable and metadata_exact and tuple(tags) == chunk.tags),
        c.VECTOR: _vector(chunk),
    }


def vector_bytes(chunk: ChunkVector | ChunkWeights) -> int:
    """About how much of a message the row's vector takes."""
    return 4 * len(chunk.vector) if isinstance(chunk, ChunkVector) else 8 * len(chunk.weights)


def _vector(chunk: ChunkVector | ChunkWeights) -> Cell:
    return list(chunk.vector) if isinstance(chunk, ChunkVector) else sparse_vector(chunk.weights)


def _identifiers(chunk: ChunkRow) -> dict[str, Cell]:
    return {
        c.CHUNK_ID: chunk.chunk_id.hex,
        c.WORKSPACE_ID: chunk.workspace_id.hex,
        c.KNOWLEDGE_BASE_ID: chunk.knowledge_base_id.hex,
        c.DOCUMENT_ID: chunk.document_id.hex,
        c.VERSION_ID: chunk.version_id.hex,
    }


def _texts(chunk: ChunkRow) -> dict[str, str]:
    language = chunk.language or c.NO_TEXT
    return {
        c.EMBEDDING_VERSION: chunk.embedding_version,
        c.SOURCE: chunk.source,
        c.TITLE: chunk.title,
        c.TITLE_FOLDED: chunk.title.casefold(),
        c.CONTEXT: chunk.context,
        c.CONTEXT_FOLDED: chunk.context.casefold(),
        c.MEDIA_TYPE: chunk.media_type,
        c.MEDIA_TYPE_FOLDED: chunk.media_type.casefold(),
        c.LANGUAGE: language,
        c.LANGUAGE_FOLDED: language.casefold(),
    }


def cut_to_bytes(text: str, limit: int) -> str:
    """The longest beginning of whole characters that UTF-8 writes in `limit` bytes."""
    if len(text) * 4 <= limit:
        return text
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def metadata_cell(metadata: Mapping[str, JsonValue]) -> tuple[dict[str, JsonValue], bool]:
    """Metadata by type and path, and whether filters on it are exact; empty when it is too large to keep."""
    cell: dict[str, JsonValue] = {}
    exact = True
    for path, value in leaves(metadata):
        cell.update(_typed(path, value))
        number = as_number(value)
        exact = exact and (number is None or abs(number) <= _EXACT_NUMBER)
    if len(json.dumps(cell, ensure_ascii=False).encode("utf-8", "replace")) > c.METADATA_BYTES:
        return {}, False
    return cell, exact


def _typed(path: str, value: JsonValue) -> dict[str, JsonValue]:
    number, time, texts = as_number(value), as_milliseconds(value), as_texts(value)
    found: dict[str, JsonValue] = {}
    if isinstance(value, bool):
        found[c.METADATA_TRUTH] = value
    if number is not None:
        found[c.METADATA_NUMBER] = float(number) if abs(number) <= _EXACT_NUMBER else 0.0
    if isinstance(value, str):
        found[c.METADATA_TEXT] = value
        found[c.METADATA_FOLDED] = value.casefold()
    if time is not None:
        found[c.METADATA_TIME] = time
    if texts:
        found[c.METADATA_LIST] = list(texts)
    return {f"{prefix}{path}": typed for prefix, typed in found.items()}
