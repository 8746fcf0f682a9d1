"""Ingesting a document version: fetch, parse, cut, embed, index, and make it live in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import LeaseLost, Permanent
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.parser import Parser
from lorebase.ports.tokenizer import Tokenizer
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.documents import Document, DocumentStatus, DocumentVersion
from lorebase.schemas.jobs import Job, JobError, JobKind
from lorebase.schemas.knowledge_bases import KnowledgeBase
from lorebase.schemas.parsing import ChunkingRules, ParsedDocument
from lorebase.schemas.search import KeywordPosting
from lorebase.services.embeddings.embedding_text import HEADER_TOKENS
from lorebase.services.embeddings.embeddings import CachedEmbedder
from lorebase.services.indexes.index_content import IndexContent
from lorebase.services.indexes.index_writer import IndexTarget, IndexWriter, targets_of
from lorebase.services.indexes.indexed_fields import indexed_fields
from lorebase.services.indexes.keyword_mirror import KeywordMirror
from lorebase.services.indexes.keyword_places import versions_of
from lorebase.services.indexes.keyword_words import Words, commit_content, words_of
from lorebase.services.indexes.stale_vectors import StaleVectors
from lorebase.services.ingestion.extraction import PARSER_BROKE, Extractor, title_of
from lorebase.services.jobs.document_jobs import knowledge_base_of, locked_document, new_document_job
from lorebase.services.jobs.job_control import JobControl
from lorebase.services.jobs.job_subjects import UNFINISHED
from lorebase.services.keywords.analysers import analyser_of

# How a language is told does not depend on the version.
_LANGUAGES = analyser_of(FIRST_ANALYSER)
_OPENING_CHARACTERS = 20_000
_MAY_START = UNFINISHED | {DocumentStatus.FAILED}


class _Superseded(Exception):
    """The document was deleted or has newer content: what was made of it may not become live."""


class _IndexesAdded(Exception):
    """Indexes that were added since the document was written: it must be in them before it becomes live."""

    def __init__(self, targets: Sequence[IndexTarget]) -> None:
        super().__init__(len(targets))
        self.targets = targets


@dataclass(frozen=True, slots=True)
class _Task:
    document: Document
    version: DocumentVersion
    knowledge_base: KnowledgeBase
    targets: Sequence[IndexTarget]


@dataclass(frozen=True, slots=True)
class _Outcome:
    task: _Task
    parsed: ParsedDocument
    content: IndexContent


class IngestionHandler:
    """Handles INGEST jobs. Every step may be repeated; search sees nothing until the last transaction."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        blobs: BlobStore,
        parser: Parser,
        tokenizer: Tokenizer,
        cached_embedder: CachedEmbedder,
        index: ChunkIndex,
        settings: Settings,
    ) -> None:
        self._units = units
        self._extractor = Extractor(blobs=blobs, parser=parser, tokenizer=tokenizer, settings=settings)
        self._writer = IndexWriter(cached_embedder=cached_embedder, index=index, settings=settings)
        self._mirror = KeywordMirror(index=index, settings=settings)
        self._stale = StaleVectors(units=units, index=index, settings=settings)
        self._settings = settings

    async def run(self, job: Job, control: JobControl) -> Job:
        """Makes the job's generation live. An overtaken job ends CANCELLED and removes its vectors."""
        try:
            task = await self._begin(job)
            outcome = await self._prepare(task, control)
            ended = await self._publish(job, outcome, control)
        except _Superseded:
            return await self._end_superseded(job)
        if job.generation > 1:
            await self._stale.try_to_remove(job)
        return ended

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """A document waits for its next attempt, or is FAILED; QUARANTINED when its parser kept breaking."""
        status = DocumentStatus.ACCEPTED
        if final:
            status = DocumentStatus.QUARANTINED if error.code in PARSER_BROKE else DocumentStatus.FAILED
            version = await uow.versions.by_generation(job.subject_id, job.generation)
            if version is not None and version.file_name:
                # Nothing was read that could name it, and a list of failures needs names.
                await uow.documents.set_title_if_untitled(job.subject_id, job.generation, version.file_name)
        await uow.documents.set_status(job.subject_id, job.generation, status, expected=UNFINISHED)

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """The document is FAILED unless newer content replaced it; what was live stays live."""
        await uow.documents.set_status(
            job.subject_id, job.generation, DocumentStatus.FAILED, expected=UNFINISHED
        )

    async def _begin(self, job: Job) -> _Task:
        async with self._units.for_workspace(job.workspace_id) as uow:
            document = await _current_document(uow, job)
            if not await uow.jobs.start(job.id, job.fence):
                raise LeaseLost("Another worker has the job.")
            await uow.documents.set_status(
                document.id, job.generation, DocumentStatus.PROCESSING, expected=_MAY_START
            )
            version = await uow.versions.by_generation(document.id, job.generation)
            if version is None:
                raise Permanent("The document's source is missing.")
            knowledge_base = await uow.knowledge_bases.get(document.knowledge_base_id)
            targets = await targets_of(uow, knowledge_base.id)
            await uow.commit()
        return _Task(document, version, knowledge_base, targets)

    async def _prepare(self, task: _Task, control: JobControl) -> _Outcome:
        version = task.version
        parsed = await self._extractor.parse(version, control)
        rules = _rules_with_room(task.knowledge_base.chunking, task.targets)
        chunks = await self._extractor.cut(parsed, rules, version, control)
        title = title_of(task.document, parsed, version.file_name, self._settings.title_max_characters)
        language = task.document.language or parsed.language
        if language is None:
            opening = parsed.text[:_OPENING_CHARACTERS]
            language = await asyncio.to_thread(_LANGUAGES.detect_language, opening)
        document = task.document.model_copy(update={"title": title, "language": language})
        return _Outcome(task, parsed, IndexContent(document, version, task.knowledge_base, chunks))

    async def _publish(self, job: Job, outcome: _Outcome, control: JobControl) -> Job:
        """Writes to every index there is, those added meanwhile too, then makes the document live."""
        written: list[IndexTarget] = []
        words: dict[int, list[KeywordPosting]] = {}
        waiting = outcome.task.targets
        while True:
            fresh = await words_of(outcome.content, set(versions_of(waiting)) - words.keys())
            async with self._stale.removed_when_cancelled(job, control):
                await self._write(outcome.content, fresh, waiting, control)
            words |= fresh
            written += waiting
            try:
                return await self._commit(job, outcome, words, written)
            except _IndexesAdded as added:
                waiting = added.targets

    async def _write(
        self, content: IndexContent, words: Words, targets: Sequence[IndexTarget], control: JobControl
    ) -> None:
        await self._mirror.write(content, words, targets, control)
        await self._mirror.verify(content, words.keys(), targets)
        await self._writer.write(content, targets, control)
        await self._writer.verify(content, targets)

    async def _commit(self, job: Job, outcome: _Outcome, words: Words, written: Sequence[IndexTarget]) -> Job:
        version, content = outcome.task.version, outcome.content
        async with self._units.for_workspace(job.workspace_id) as uow:
            kept = await _kept_targets(uow, knowledge_base_of(job), written)
            current = await _current_document(uow, job)
            await uow.versions.set_text(version.id, outcome.parsed.text)
            await uow.chunks.replace(current.id, version.id, job.generation, content.chunks)
            await commit_content(uow, content, words, kept)
            await self._make_live(uow, job, current, outcome)
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the job.")
            await uow.commit()
        return ended

    async def _make_live(self, uow: UnitOfWork, job: Job, current: Document, outcome: _Outcome) -> None:
        written, version = outcome.content.document, outcome.task.version
        await uow.documents.set_title_if_untitled(current.id, job.generation, written.title)
        language = current.language or written.language
        if not await uow.documents.make_live(current.id, job.generation, version.id, language):
            raise _Superseded
        # What changed while this ran was not mirrored by an update, since there was nothing to mirror it in.
        now = current.model_copy(update={"title": current.title or written.title, "language": language})
        knowledge_base = await uow.knowledge_bases.get(current.knowledge_base_id)
        then = indexed_fields(written, outcome.task.knowledge_base)
        if indexed_fields(now, knowledge_base) != then:
            await uow.jobs.add(new_document_job(JobKind.SYNC_METADATA, now))

    async def _end_superseded(self, job: Job) -> Job:
        await self._stale.remove(job.workspace_id, knowledge_base_of(job), job.subject_id)
        async with self._units.for_workspace(job.workspace_id) as uow:
            ended = await uow.jobs.cancel(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the job.")
            await uow.commit()
        return ended


async def _current_document(uow: UnitOfWork, job: Job) -> Document:
    document = await locked_document(uow, job)
    if document is None or document.generation != job.generation:
        raise _Superseded
    return document


async def _kept_targets(
    uow: UnitOfWork, knowledge_base_id: UUID, written: Sequence[IndexTarget]
) -> list[IndexTarget]:
    """The indexes there are, held so until the transaction ends; one that was given up is left out."""
    await uow.indexes.hold(knowledge_base_id)
    kept = await targets_of(uow, knowledge_base_id)
    known = {target.index.id for target in written}
    added = [target for target in kept if target.index.id not in known]
    if added:
        raise _IndexesAdded(added)
    return kept


def _rules_with_room(rules: ChunkingRules, targets: Sequence[IndexTarget]) -> ChunkingRules:
    """The rules, with room for title and headings within the longest input that every model reads."""
    longest = min((target.index.model.max_input_tokens for target in targets), default=rules.max_tokens)
    most = max(1, min(rules.max_tokens, longest - HEADER_TOKENS))
    return ChunkingRules(max_tokens=most, overlap_tokens=min(rules.overlap_tokens, (most - 1) // 2))
