"""Building an embedding index beside the live one, from stored passages, while people search and write."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import LeaseLost
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.jobs import Job, JobError, JobStage
from lorebase.services.embeddings.embeddings import CachedEmbedder
from lorebase.services.evaluations.evaluation_measurement import EvaluationMeasurement, hold_job
from lorebase.services.indexes.index_audit import IndexAudit
from lorebase.services.indexes.index_content import IndexContent, not_whole
from lorebase.services.indexes.index_writer import IndexTarget, IndexWriter, targets_of
from lorebase.services.indexes.keyword_mirror import KeywordMirror
from lorebase.services.indexes.keyword_places import versions_of
from lorebase.services.indexes.keyword_words import Words, commit_content, words_of
from lorebase.services.indexes.live_contents import live_content, locked_if_live, says_the_same
from lorebase.services.indexes.stale_vectors import StaleVectors
from lorebase.services.jobs.index_jobs import activates, gate_of, give_up_index
from lorebase.services.jobs.job_control import JobControl
from lorebase.services.reindexing.index_gate import IndexGate
from lorebase.services.reindexing.reindex_progress import ReindexProgress

_GROUP_DOCUMENTS = 32


@dataclass(slots=True)
class _Build:
    """One run of a reindex. `again` are documents that changed while they were written.

    A synchronisation may have recorded its newer rows, which ours then overwrote: so they are written again
    whatever is on record.

    `shares_words` and `shares_vectors`: a complete index has the same, and every writer keeps them, so that
    they are not written once more, until a count shows otherwise.
    """

    job: Job
    control: JobControl
    target: IndexTarget
    progress: ReindexProgress
    again: set[UUID] = field(default_factory=set)
    shares_words: bool = False
    shares_vectors: bool = False

    @property
    def index_id(self) -> UUID:
        return self.target.index.id

    @property
    def knowledge_base_id(self) -> UUID:
        return self.target.index.knowledge_base_id

    async def tell(self, stage: JobStage) -> None:
        await self.control.progress(stage, self.progress.completed, self.progress.total)


class ReindexHandler:
    """Handles REINDEX jobs.

    Whoever makes a document live writes to the new index as well, so that only documents that were live
    before it was added are missing. They are written in groups; what a group has committed is not done again
    after a crash. Searches use the old index until the last transaction.
    """

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        cached_embedder: CachedEmbedder,
        index: ChunkIndex,
        measurement: EvaluationMeasurement,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._units = units
        self._gate = IndexGate(units=units, measurement=measurement, clock=clock)
        self._index = index
        self._writer = IndexWriter(cached_embedder=cached_embedder, index=index, settings=settings)
        self._mirror = KeywordMirror(index=index, settings=settings)
        self._audit = IndexAudit(units=units, index=index, settings=settings)
        self._stale = StaleVectors(units=units, index=index, settings=settings)
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, control: JobControl) -> Job:
        """Fills the index and counts it, until nothing is missing; then comes the gate, then the switch."""
        build = await self._begin(job, control)
        await self._index.ensure_partition(build.target.address)
        while True:
            await self._fill(build)
            await build.tell(JobStage.INDEX)
            if await self._audit.is_sound(build.target, control):
                ended = await self._finish(build)
                if ended is not None:
                    return ended
            else:
                build.shares_words = build.shares_vectors = False

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """Nothing to set: what was built stays, a later attempt or a retry goes on from there."""

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """What was built is retired, and a job removes it."""
        await give_up_index(uow, job)

    async def _begin(self, job: Job, control: JobControl) -> _Build:
        async with self._units.for_workspace(job.workspace_id) as uow:
            index = await uow.indexes.get(job.subject_id)
            targets = await targets_of(uow, index.knowledge_base_id)
        target = next(target for target in targets if target.index.id == index.id)
        progress = ReindexProgress(index.id, index.progress)
        progress.note(index.chunk_count, targets[0].index.chunk_count)
        build = _Build(job, control, target, progress)
        complete = [one for one in targets if one.index.is_complete and one.index.id != index.id]
        build.shares_vectors = any(one.address == target.address for one in complete)
        build.shares_words = index.analyser_version in versions_of(complete)
        return build

    async def _fill(self, build: _Build) -> None:
        while True:
            started = self._clock.monotonic()
            await build.tell(JobStage.EMBED)
            group = await self._next_group(build)
            if not group:
                return
            words = await self._write(build, group)
            if not await self._commit(build, group, words, await self._whole(build, group)):
                raise not_whole()
            await self._pause(self._clock.monotonic() - started)

    async def _next_group(self, build: _Build) -> list[IndexContent]:
        """Documents that are missing, as many as fill one call to the model."""
        group: list[IndexContent] = []
        passages = 0
        async with self._units.for_workspace(build.job.workspace_id) as uow:
            knowledge_base = await uow.knowledge_bases.get(build.knowledge_base_id)
            missing = await uow.indexes.missing_documents(build.index_id, _GROUP_DOCUMENTS)
            for document_id in dict.fromkeys([*build.again, *missing]):
                content = await live_content(uow, knowledge_base, document_id)
                build.again.discard(document_id)
                if content is not None:
                    group.append(content)
                    passages += len(content.chunks)
                if passages >= self._settings.embedding_batch_size:
                    break
            if not group:
                await build.progress.read(uow, build.knowledge_base_id)
        return group

    async def _write(self, build: _Build, group: Sequence[IndexContent]) -> dict[UUID, Words]:
        """Writes vectors and words that are not shared; the words by document, for the commit to write."""
        if not build.shares_vectors:
            await self._writer.write_together(group, build.target, build.control)
        words: dict[UUID, Words] = {}
        for content in () if build.shares_words else group:
            build.control.check()
            made = await words_of(content, versions_of([build.target]))
            await self._mirror.write(content, made, [build.target], build.control)
            words[content.document.id] = made
        return words

    async def _whole(self, build: _Build, group: Sequence[IndexContent]) -> set[UUID]:
        """Documents whose passages are all there. Others are being replaced by somebody, or written again.

        What is shared is counted in the end.
        """
        whole = {content.document.id for content in group}
        if not build.shares_vectors:
            whole &= await self._writer.whole(group, build.target)
        if not build.shares_words:
            whole &= await self._mirror.whole(group, build.target)
        return whole

    async def _commit(
        self,
        build: _Build,
        group: Sequence[IndexContent],
        words: Mapping[UUID, Words],
        whole: Collection[UUID],
    ) -> bool:
        """Records what is whole; one that has changed meanwhile stays missing. Whether it got on."""
        overtaken: list[UUID] = []
        committed = False
        job = build.job
        async with self._units.for_workspace(job.workspace_id) as uow:
            knowledge_base = await uow.knowledge_bases.get(build.knowledge_base_id)
            # In order, so that two transactions over the same documents never wait for each other.
            for content in sorted(group, key=lambda content: content.document.id):
                now = await locked_if_live(uow, content)
                if now is None:
                    overtaken.append(content.document.id)
                elif not says_the_same(now, knowledge_base, content):
                    await uow.indexes.forget_document(build.index_id, now.id, content.version.generation)
                    build.again.add(now.id)
                elif now.id in whole:
                    await self._commit_document(uow, build, content, words.get(now.id))
                    committed = True
            await hold_job(uow, job)
            await build.progress.read(uow, build.knowledge_base_id)
            await uow.indexes.note_progress(build.index_id, build.progress.share)
            await uow.commit()
        for document_id in overtaken:
            await self._stale.remove(job.workspace_id, build.knowledge_base_id, document_id)
        return committed or bool(build.again or overtaken)

    async def _commit_document(
        self, uow: UnitOfWork, build: _Build, content: IndexContent, words: Words | None
    ) -> None:
        if words is not None:
            await commit_content(uow, content, words, [build.target])
            return
        document_id, generation = content.document.id, content.version.generation
        shared = await uow.keywords.count([document_id], build.target.index.analyser_version)
        await uow.embeddings.commit_document(
            build.index_id, document_id, generation, len(content.chunks), shared.get(document_id, 0)
        )

    async def _pause(self, worked: float) -> None:
        """Leaves the models and the stores to others for a part of the time."""
        share = self._settings.reindex_share
        await asyncio.sleep(worked * (1 - share) / share)

    async def _finish(self, build: _Build) -> Job | None:
        """Ends the job, with the switch when that was asked; None when documents are missing after all.

        With a gate the index is complete first, so that a later attempt has nothing to build.
        """
        job, gate = build.job, gate_of(build.job)
        async with self._units.for_workspace(job.workspace_id) as uow:
            index = await uow.indexes.get(build.index_id, change=True)
            if await uow.indexes.missing_documents(build.index_id, 1):
                return None
            await uow.indexes.complete(build.index_id)
            build.progress.end(index.chunk_count)
            if gate is None:
                ended = await _switched(uow, job, build.progress)
            else:
                await hold_job(uow, job)
            await uow.commit()
        if gate is None:
            return ended
        await build.tell(JobStage.INDEX)
        return await self._gate.decide(job, build.control, gate)


async def _switched(uow: UnitOfWork, job: Job, progress: ReindexProgress) -> Job:
    if activates(job):
        await uow.indexes.activate(job.subject_id)
    ended = await uow.jobs.succeed(job.id, job.fence, progress.at(JobStage.INDEX))
    if ended is None:
        raise LeaseLost("Another worker has the job.")
    return ended
