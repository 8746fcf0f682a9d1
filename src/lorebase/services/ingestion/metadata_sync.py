"""Bringing what indexes mirror of documents up to date: title, tags, declared metadata, language."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import LeaseLost, NotFound
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.documents import Document, DocumentOrder, DocumentOrderField
from lorebase.schemas.jobs import Job, JobError, JobSubjectType
from lorebase.schemas.knowledge_bases import OrderDirection
from lorebase.schemas.pagination import PageRequest, Position
from lorebase.services.embeddings.embeddings import CachedEmbedder
from lorebase.services.indexes.index_content import IndexContent
from lorebase.services.indexes.index_writer import IndexTarget, IndexWriter, targets_of
from lorebase.services.indexes.indexed_fields import indexed_fields
from lorebase.services.indexes.keyword_mirror import KeywordMirror
from lorebase.services.indexes.keyword_places import versions_of
from lorebase.services.indexes.keyword_words import Words, commit_content, words_of
from lorebase.services.indexes.stale_vectors import StaleVectors
from lorebase.services.jobs.job_control import JobControl

_PAGE = 100
_BY_AGE = DocumentOrder(field=DocumentOrderField.CREATED_AT, direction=OrderDirection.ASC)


class _Settled(Enum):
    KEPT = auto()
    CHANGED = auto()
    OVERTAKEN = auto()


class MetadataSyncHandler:
    """Handles SYNC_METADATA jobs, about one document or all of a knowledge base.

    Whole rows are written again. Text that is embedded as before costs nothing, its vectors are kept; a new
    title is part of what is embedded, so it costs one embedding of the document. Vectors that were lost come
    back the same way, which is how reconciliation mends.
    """

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        cached_embedder: CachedEmbedder,
        index: ChunkIndex,
        settings: Settings,
    ) -> None:
        self._units = units
        self._writer = IndexWriter(cached_embedder=cached_embedder, index=index, settings=settings)
        self._mirror = KeywordMirror(index=index, settings=settings)
        self._stale = StaleVectors(units=units, index=index, settings=settings)

    async def run(self, job: Job, control: JobControl) -> Job:
        """Writes until the rows say what the document says; a deleted document needs nothing any more."""
        if job.subject_type is JobSubjectType.KNOWLEDGE_BASE:
            await self._sync_all(job, control)
        else:
            async with self._stale.removed_when_cancelled(job, control):
                await self._sync(job, job.subject_id, control)
        async with self._units.for_workspace(job.workspace_id) as uow:
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the job.")
            await uow.commit()
        return ended

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """Nothing to set: the document is searchable as before, PostgreSQL keeps wrong hits out."""

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """Nothing to set: the document is searchable as before, PostgreSQL keeps wrong hits out."""

    async def _sync_all(self, job: Job, control: JobControl) -> None:
        after: Position | None = None
        done = 0
        while True:
            async with self._units.for_workspace(job.workspace_id) as uow:
                request = PageRequest(limit=_PAGE, after=after)
                page = await uow.documents.page(job.subject_id, request, _BY_AGE, None)
            for document in page.items:
                await self._sync(job, document.id, control)
                done += 1
            if not page.has_next:
                return
            after = page.positions[-1]

    async def _sync(self, job: Job, document_id: UUID, control: JobControl) -> None:
        while True:
            control.check()
            read = await self._read(job, document_id)
            if read is None:
                return
            content, targets = read
            await self._writer.write(content, targets, control)
            words = await words_of(content, versions_of(targets))
            await self._mirror.write(content, words, targets, control)
            match await self._settle(job, content, targets, words):
                case _Settled.KEPT:
                    await self._writer.verify(content, targets)
                    await self._mirror.verify(content, words.keys(), targets)
                    return
                case _Settled.OVERTAKEN:
                    return

    async def _read(self, job: Job, document_id: UUID) -> tuple[IndexContent, list[IndexTarget]] | None:
        """The searchable generation as it should be mirrored; None when there is none."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            document = await _document(uow, document_id)
            if document is None or document.live_generation is None:
                return None
            version = await uow.versions.by_generation(document.id, document.live_generation)
            if version is None:
                return None
            knowledge_base = await uow.knowledge_bases.get(document.knowledge_base_id)
            chunks = await uow.chunks.of_version(version.id)
            targets = await targets_of(uow, knowledge_base.id)
        return IndexContent(document, version, knowledge_base, chunks), targets

    async def _settle(
        self,
        job: Job,
        content: IndexContent,
        targets: Sequence[IndexTarget],
        words: Words,
    ) -> _Settled:
        """Whether what was written still is what the document says; then records and postings follow."""
        before = content.document
        async with self._units.for_workspace(job.workspace_id) as uow:
            kept = await _still_kept(uow, before.knowledge_base_id, targets)
            now = await _document(uow, before.id, lock=True)
            if now is not None and now.live_generation == before.live_generation:
                if not await uow.jobs.start(job.id, job.fence):
                    raise LeaseLost("Another worker has the job.")
                knowledge_base = await uow.knowledge_bases.get(now.knowledge_base_id)
                if indexed_fields(now, knowledge_base) != indexed_fields(before, content.knowledge_base):
                    return _Settled.CHANGED
                await commit_content(uow, content, words, kept)
                await uow.commit()
                return _Settled.KEPT
        await self._stale.remove(job.workspace_id, before.knowledge_base_id, before.id)
        return _Settled.OVERTAKEN


async def _still_kept(
    uow: UnitOfWork, knowledge_base_id: UUID, targets: Sequence[IndexTarget]
) -> list[IndexTarget]:
    """Those not given up since, held so: their words are being removed and may not come back."""
    await uow.indexes.hold(knowledge_base_id)
    kept = {index.id for index in await uow.embeddings.indexes_of(knowledge_base_id)}
    return [target for target in targets if target.index.id in kept]


async def _document(uow: UnitOfWork, document_id: UUID, *, lock: bool = False) -> Document | None:
    try:
        return await uow.documents.get(document_id, lock=lock)
    except NotFound:
        return None
