"""Everything wired together on fakes: one database, an API process, and as many workers as a test wants."""

from __future__ import annotations

from uuid import UUID

from lorebase.core.config import Settings
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.documents import Chunk, Document, UpsertDocument, UpsertedDocument
from lorebase.schemas.events import StreamEvent, StreamKind, StreamName
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobSubjectType
from lorebase.schemas.reconciliation import DriftReport
from lorebase.schemas.search import ChunkVector
from lorebase.services.deletion.deletion import DeletionHandler
from lorebase.services.documents.documents import DocumentService
from lorebase.services.embeddings.embeddings import CachedEmbedder
from lorebase.services.evaluations.evaluation_measurement import EvaluationMeasurement
from lorebase.services.indexes.index_removal import IndexRemovalHandler
from lorebase.services.ingestion.ingestion import IngestionHandler
from lorebase.services.ingestion.metadata_sync import MetadataSyncHandler
from lorebase.services.jobs.handlers_by_subject import HandlersBySubject
from lorebase.services.jobs.job_control import JobHandler
from lorebase.services.jobs.job_events import JobEvents
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.jobs.job_runner import JobRunner
from lorebase.services.jobs.jobs import JobService
from lorebase.services.knowledge_bases.knowledge_bases import KnowledgeBaseService
from lorebase.services.reconciliation.reconciliation import Reconciler
from lorebase.services.reindexing.indexes import IndexService
from lorebase.services.reindexing.reindexing import ReindexHandler
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, make_settings
from tests.fakes.blob_store import FakeBlobStore
from tests.fakes.chunk_index import FakeChunkIndex
from tests.fakes.clock import FakeClock
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.event_stream import FakeEventStream
from tests.fakes.faults import Faults
from tests.fakes.faulty import FaultyBlobs, FaultyEmbedder, FaultyIndex, FaultyUnits
from tests.fakes.job_queue import FakeJobQueue
from tests.fakes.parser import FakeParser
from tests.fakes.tokenizer import FakeTokenizer
from tests.fakes.unit_of_work import FakeUnits, MemoryDatabase


class World:
    """The durable parts, and the services of an API process."""

    def __init__(
        self,
        settings: Settings | None = None,
        units: UnitOfWorkFactory | None = None,
        store: ChunkIndex | None = None,
    ) -> None:
        """Over a database and an index in memory, or over others: then nothing reads their rows directly."""
        self.settings = settings or make_settings()
        self.clock = FakeClock()
        self.database = MemoryDatabase(self.clock)
        self.units: UnitOfWorkFactory = units or FakeUnits(self.database)
        self._in_memory = units is None
        self.blobs = FakeBlobStore()
        self.index = FakeChunkIndex()
        self.store: ChunkIndex = store or self.index
        self.embedder = FakeEmbedder()
        self.parser = FakeParser()
        self.queue = FakeJobQueue()
        self.streams = FakeEventStream(self.clock)
        self.events = JobEvents(self.streams)
        self.documents = DocumentService(
            units=self.units,
            blobs=self.blobs,
            queue=self.queue,
            events=self.events,
            clock=self.clock,
            settings=self.settings,
        )
        self.bases = KnowledgeBaseService(
            units=self.units,
            queue=self.queue,
            events=self.events,
            clock=self.clock,
            settings=self.settings,
        )
        self.jobs = JobService(units=self.units, queue=self.queue, events=self.events)
        self.indexes = IndexService(units=self.units, queue=self.queue, events=self.events)

    def handlers(self, faults: Faults | None = None) -> dict[JobKind, JobHandler]:
        """The handlers of a worker process that may die."""
        faults = faults or Faults()
        units = self.units_of(faults)
        blobs, index = FaultyBlobs(self.blobs, faults), FaultyIndex(self.store, faults)
        cached = CachedEmbedder(units=units, embedder=FaultyEmbedder(self.embedder, faults))
        deletion = DeletionHandler(
            units=units,
            blobs=blobs,
            index=index,
            notices=JobNotices(queue=self.queue, events=self.events),
            settings=self.settings,
        )
        return {
            JobKind.INGEST: IngestionHandler(
                units=units,
                blobs=blobs,
                parser=self.parser,
                tokenizer=FakeTokenizer(),
                cached_embedder=cached,
                index=index,
                settings=self.settings,
            ),
            JobKind.DELETE: HandlersBySubject(
                {
                    JobSubjectType.DOCUMENT: deletion,
                    JobSubjectType.KNOWLEDGE_BASE: deletion,
                    JobSubjectType.EMBEDDING_INDEX: IndexRemovalHandler(
                        units=units, index=index, settings=self.settings, clock=self.clock
                    ),
                }
            ),
            JobKind.REINDEX: ReindexHandler(
                units=units,
                cached_embedder=cached,
                index=index,
                measurement=self._measurement(units, index, faults),
                settings=self.settings,
                clock=self.clock,
            ),
            JobKind.SYNC_METADATA: MetadataSyncHandler(
                units=units,
                cached_embedder=cached,
                index=index,
                settings=self.settings,
            ),
        }

    def _measurement(
        self, units: UnitOfWorkFactory, index: ChunkIndex, faults: Faults
    ) -> EvaluationMeasurement:
        search = SearchService(
            units=units,
            embedder=FaultyEmbedder(self.embedder, faults),
            index=index,
            settings=self.settings,
            clock=self.clock,
        )
        return EvaluationMeasurement(units=units, search=search, settings=self.settings)

    def reconciler(self, faults: Faults | None = None) -> Reconciler:
        """The comparison of the stores, in a process that may die."""
        faults = faults or Faults()
        return Reconciler(
            units=self.units_of(faults),
            index=FaultyIndex(self.store, faults),
            blobs=FaultyBlobs(self.blobs, faults),
            notices=JobNotices(queue=self.queue, events=self.events),
            clock=self.clock,
            settings=self.settings,
        )

    async def reconcile(self, tenant: Tenant, *, repair: bool = True) -> DriftReport:
        """Compares the workspace."""
        return await self.reconciler().reconcile(tenant.workspace.id, repair=repair)

    def runner(self, faults: Faults | None = None) -> JobRunner:
        """The runner of a worker process that may die."""
        faults = faults or Faults()
        return JobRunner(
            units=self.units_of(faults),
            handlers=self.handlers(faults),
            events=self.events,
            settings=self.settings,
            clock=self.clock,
        )

    def units_of(self, faults: Faults) -> UnitOfWorkFactory:
        """The units of work of a process that may die."""
        return FakeUnits(self.database, faults) if self._in_memory else FaultyUnits(self.units, faults)

    async def run_all(self) -> int:
        """A healthy worker does all that is due, whatever it takes; returns how many jobs it ran."""
        runner, total = self.runner(), 0
        for lane in (JobLane.DOCUMENTS, JobLane.INDEXES):
            while ran := await runner.run_due(lane):
                total += ran
        return total

    async def upsert(self, tenant: Tenant, body: str, **given: object) -> UpsertedDocument:
        """Stores text and upserts it."""
        upload = await self.documents.store_text(tenant.principal, body, "text/plain")
        fields = {"knowledge_base_id": tenant.knowledge_base.id, "upload": upload, **given}
        return await self.documents.upsert(tenant.principal, UpsertDocument.model_validate(fields))

    def document(self, document_id: UUID) -> Document:
        """The row of a document, tombstones too."""
        return self.database.state.documents[document_id]

    def job(self, job_id: UUID) -> Job:
        """The row of a job."""
        return self.database.state.jobs[job_id]

    def jobs_about(self, subject_id: UUID) -> list[Job]:
        """All jobs of a subject, oldest first."""
        return [job for job in self.database.state.jobs.values() if job.subject_id == subject_id]

    def vectors(self, document_id: UUID) -> list[ChunkVector]:
        """All rows of a document in the index, of every generation."""
        rows = [row for partition in self.index.partitions.values() for row in partition.values()]
        mine = [row for row in rows if isinstance(row, ChunkVector) and row.document_id == document_id]
        return sorted(mine, key=lambda row: (row.generation, row.ordinal))

    def events_of(self, job: Job) -> list[StreamEvent]:
        """What the stream of a job holds."""
        return self.streams.of(StreamName(kind=StreamKind.JOB, workspace_id=job.workspace_id, id=job.id))

    async def searchable(self, tenant: Tenant, document_id: UUID) -> list[Chunk]:
        """Passages of the document that a search could show: found by vectors and passed by the check."""
        ids = [row.chunk_id for row in self.vectors(document_id)]
        async with self.units.for_workspace(tenant.workspace.id) as uow:
            index_ids = [index.id for index in await uow.embeddings.indexes_of(tenant.knowledge_base.id)]
            shown = await uow.chunks.check(ids, index_ids, None)
        return sorted(shown.values(), key=lambda chunk: chunk.ordinal)
