"""What is written of a document to the vector store, and whether it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from lorebase.core.errors import ErrorCode, Transient
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.schemas.documents import Chunk, Document, DocumentVersion
from lorebase.schemas.knowledge_bases import KnowledgeBase
from lorebase.schemas.search import PartitionAddress


@dataclass(frozen=True, slots=True)
class IndexContent:
    """One generation of a document as it is to be found; `document` carries the title that counts."""

    document: Document
    version: DocumentVersion
    knowledge_base: KnowledgeBase
    chunks: Sequence[Chunk]


async def verify_content(index: ChunkIndex, address: PartitionAddress, content: IndexContent) -> None:
    """Transient unless the place holds exactly the passages of this generation; see `whole_documents`."""
    found = await index.count(address, content.document.id, generation=content.version.generation)
    if not await _is_whole(index, address, content, found):
        raise not_whole()


async def whole_documents(
    index: ChunkIndex, address: PartitionAddress, contents: Sequence[IndexContent]
) -> set[UUID]:
    """The documents of which the place holds exactly the passages of these generations, counted together.

    Passages too many, left by an earlier attempt that cut the text otherwise, are removed: it is whole when
    it is counted again.
    """
    found = await index.count_each(address, [content.document.id for content in contents])
    whole: set[UUID] = set()
    for content in contents:
        held = found.get(content.document.id, {}).get(content.version.generation, 0)
        if await _is_whole(index, address, content, held):
            whole.add(content.document.id)
    return whole


async def _is_whole(index: ChunkIndex, address: PartitionAddress, content: IndexContent, found: int) -> bool:
    generation, expected = content.version.generation, len(content.chunks)
    if found > expected:
        await index.delete(
            address,
            content.document.id,
            above_generation=generation - 1,
            below_generation=generation + 1,
            from_ordinal=expected,
        )
    return found == expected


def not_whole() -> Transient:
    """The error of a write that the store confirmed and did not do."""
    message = "The vector store does not hold what was written."
    return Transient(message, code=ErrorCode.VECTOR_STORE_UNAVAILABLE)


async def remove_rows(
    index: ChunkIndex,
    places: Sequence[PartitionAddress],
    document_id: UUID,
    *,
    below_generation: int | None = None,
) -> None:
    """Removes the document's rows from every place: all, or those of generations below one."""
    for address in places:
        await index.ensure_partition(address)
        await index.delete(address, document_id, below_generation=below_generation)


async def remaining_rows(index: ChunkIndex, places: Sequence[PartitionAddress], document_id: UUID) -> int:
    """How many rows of the document there are in all places."""
    return sum([await index.count(address, document_id) for address in places])
