"""Writing the weights of terms to the vector store, where a setting wants them besides PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.schemas.analysers import analyser_name
from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import ChunkWeights, KeywordPosting, PartitionAddress
from lorebase.services.indexes.chunk_rows import row_of
from lorebase.services.indexes.index_content import IndexContent, verify_content, whole_documents
from lorebase.services.indexes.index_writer import IndexTarget
from lorebase.services.indexes.keyword_places import keyword_collection
from lorebase.services.indexes.keyword_words import Words
from lorebase.services.jobs.job_control import JobControl

_BATCH = 500


class KeywordMirror:
    """Every passage has a row, those without words too: counting rows then says whether any misses."""

    def __init__(self, *, index: ChunkIndex, settings: Settings) -> None:
        self._index = index
        self._wanted = settings.keywords_in_milvus

    async def write(
        self, content: IndexContent, words: Words, targets: Sequence[IndexTarget], control: JobControl
    ) -> None:
        """Writes the passages' weights beside their vectors; the same content gives the same rows."""
        if not self._wanted:
            return
        for version, postings in words.items():
            await self._write(content, version, postings, _beside(targets, version), control)

    async def _write(
        self,
        content: IndexContent,
        version: int,
        postings: Sequence[KeywordPosting],
        address: PartitionAddress,
        control: JobControl,
    ) -> None:
        weights: defaultdict[UUID, dict[int, float]] = defaultdict(dict)
        for posting in postings:
            weights[posting.chunk_id][posting.term] = posting.weight
        await self._index.ensure_partition(address)
        for start in range(0, len(content.chunks), _BATCH):
            control.check()
            batch = content.chunks[start : start + _BATCH]
            rows = [_row(content, chunk, version, weights.get(chunk.id, {})) for chunk in batch]
            await self._index.upsert(address, rows)

    async def verify(
        self, content: IndexContent, versions: Collection[int], targets: Sequence[IndexTarget]
    ) -> None:
        """Transient unless exactly the passages of this generation are there; see verify_content."""
        for version in versions if self._wanted else ():
            await verify_content(self._index, _beside(targets, version), content)

    async def whole(self, contents: Sequence[IndexContent], target: IndexTarget) -> set[UUID]:
        """The documents of which the target's version has exactly these passages; see whole_documents."""
        if not self._wanted:
            return {content.document.id for content in contents}
        address = _beside([target], target.index.analyser_version)
        return await whole_documents(self._index, address, contents)


def _beside(targets: Sequence[IndexTarget], version: int) -> PartitionAddress:
    # A knowledge base has an active index at any time, and a workspace one partition in all collections.
    return targets[0].address.model_copy(update={"collection": keyword_collection(version)})


def _row(content: IndexContent, chunk: Chunk, version: int, weights: dict[int, float]) -> ChunkWeights:
    return ChunkWeights(**dict(row_of(content, chunk, analyser_name(version))), weights=weights)
