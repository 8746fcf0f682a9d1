"""Writing a document's passages to every index that is kept, and checking that they are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.documents import Chunk
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel
from lorebase.schemas.jobs import JobStage
from lorebase.schemas.search import ChunkVector, PartitionAddress
from lorebase.services.embeddings.embedding_text import embedding_text
from lorebase.services.embeddings.embeddings import CachedEmbedder, Vector
from lorebase.services.indexes.chunk_rows import row_of
from lorebase.services.indexes.index_content import IndexContent, verify_content, whole_documents
from lorebase.services.jobs.job_control import JobControl


@dataclass(frozen=True, slots=True)
class IndexTarget:
    """An index of the knowledge base and the place of its vectors."""

    index: EmbeddingIndex
    address: PartitionAddress


async def targets_of(uow: UnitOfWork, knowledge_base_id: UUID) -> list[IndexTarget]:
    """Every index kept for the knowledge base, the active one first."""
    workspace = await uow.workspaces.get()
    return [
        IndexTarget(
            index,
            PartitionAddress(
                collection=index.model.collection,
                partition=workspace.partition,
                workspace_id=workspace.id,
            ),
        )
        for index in await uow.embeddings.indexes_of(knowledge_base_id)
    ]


def distinct_places(targets: Sequence[IndexTarget]) -> list[PartitionAddress]:
    """Where their vectors are, each place once: indexes of one model share theirs."""
    return list(dict.fromkeys(target.address for target in targets))


class IndexWriter:
    """Embeds and upserts in batches. The same content gives the same rows under the same keys."""

    def __init__(self, *, cached_embedder: CachedEmbedder, index: ChunkIndex, settings: Settings) -> None:
        self._embedder = cached_embedder
        self._index = index
        self._batch_size = settings.embedding_batch_size

    async def write(self, content: IndexContent, targets: Sequence[IndexTarget], control: JobControl) -> None:
        """Writes all passages to the place of every target, noting progress by passage."""
        places = {target.address: target for target in targets}
        total = len(content.chunks) * len(places)
        done = 0
        for target in places.values():
            await self._index.ensure_partition(target.address)
            for start in range(0, len(content.chunks), self._batch_size):
                await control.progress(JobStage.EMBED, done, total)
                batch = content.chunks[start : start + self._batch_size]
                await self._write_batch([(content, chunk) for chunk in batch], target, control)
                done += len(batch)
        await control.progress(JobStage.INDEX, 0, len(places))

    async def write_together(
        self, contents: Sequence[IndexContent], target: IndexTarget, control: JobControl
    ) -> None:
        """Writes several documents to one target; small ones share a call to the model."""
        passages = [(content, chunk) for content in contents for chunk in content.chunks]
        for start in range(0, len(passages), self._batch_size):
            await self._write_batch(passages[start : start + self._batch_size], target, control)

    async def _write_batch(
        self, batch: Sequence[tuple[IndexContent, Chunk]], target: IndexTarget, control: JobControl
    ) -> None:
        model = target.index.model
        texts = [
            embedding_text(content.document.title, chunk.section, chunk.text) for content, chunk in batch
        ]
        vectors = await self._embedder.embed_cached(target.address.workspace_id, model, texts)
        rows = [
            _row(content, chunk, model, vector)
            for (content, chunk), vector in zip(batch, vectors, strict=True)
        ]
        control.check()
        await self._index.upsert(target.address, rows)

    async def verify(self, content: IndexContent, targets: Sequence[IndexTarget]) -> None:
        """Transient unless every target holds exactly the passages of this generation; see verify_content."""
        for address in distinct_places(targets):
            await verify_content(self._index, address, content)

    async def whole(self, contents: Sequence[IndexContent], target: IndexTarget) -> set[UUID]:
        """The documents of which the target holds exactly these passages; see whole_documents."""
        return await whole_documents(self._index, target.address, contents)


def _row(content: IndexContent, chunk: Chunk, model: EmbeddingModel, vector: Vector) -> ChunkVector:
    fields = row_of(content, chunk, f"{model.name}@{model.version}")
    return ChunkVector(**dict(fields), vector=vector)
