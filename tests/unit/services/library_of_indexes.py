"""A knowledge base with documents, a second model, and what must hold of its indexes at rest."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from lorebase.core.ids import new_id
from lorebase.schemas.analysers import RegisteredAnalyser
from lorebase.schemas.documents import Document
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel, ReindexKnowledgeBase
from lorebase.schemas.jobs import Job
from lorebase.schemas.reindex_gates import ReindexGate
from lorebase.schemas.search import ChunkVector, SearchMode, SearchRequest, SearchResult
from lorebase.services.keywords.analysers import analyser_of
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, make_model
from tests.fakes.clock import START
from tests.fakes.world import World

BODY = "Words about lighthouses and the sea. " * 30


class Library:
    """One knowledge base of a world, and another model to move it to."""

    def __init__(self, world: World, tenant: Tenant) -> None:
        self.world = world
        self.tenant = tenant
        self.base_id = tenant.knowledge_base.id
        self.shorter = self.register(name="test-model", dimensions=8)

    def register(self, **given: object) -> EmbeddingModel:
        """Another model with a collection of its own."""
        model = make_model(collection=f"chunks_{new_id().hex}", **given)
        self.world.database.state.models[model.id] = model
        return model

    async def fill(self, count: int) -> list[UUID]:
        """Documents that can be found."""
        added = [await self.add(str(number)) for number in range(count)]
        await self.world.run_all()
        return added

    async def add(self, name: str, body: str = BODY) -> UUID:
        """A document, or its next version; its job waits."""
        given = {"external_id": name, "title": f"Document {name}"}
        return (await self.world.upsert(self.tenant, f"{name}. {body}", **given)).document.id

    async def reindex(
        self,
        *,
        activate: bool = True,
        model: EmbeddingModel | None = None,
        analyser: str | None = None,
        gate: ReindexGate | None = None,
    ) -> Job:
        """The job of a reindex that was asked for: of another model, unless only an analyser is named."""
        wanted = model or (self.shorter if analyser is None else None)
        command = ReindexKnowledgeBase(
            id=self.base_id,
            embedding_model_id=wanted.id if wanted else None,
            analyser=analyser,
            activate_on_success=activate,
            gate=gate,
        )
        return (await self.world.indexes.reindex(self.tenant.principal, command)).job

    @property
    def active_id(self) -> UUID:
        """The index that searches use."""
        return self.world.database.state.knowledge_bases[self.base_id].active_index_id

    async def indexes(self) -> list[EmbeddingIndex]:
        """All that are kept, the active one first."""
        async with self.world.units.for_workspace(self.tenant.workspace.id) as uow:
            return await uow.embeddings.indexes_of(self.base_id)

    def rows(self, index: EmbeddingIndex) -> list[ChunkVector]:
        """What the vector store holds of the knowledge base in the index's collection."""
        found: list[ChunkVector] = []
        for (collection, _), rows in self.world.index.partitions.items():
            if collection == index.model.collection:
                found += [row for row in rows.values() if row.knowledge_base_id == self.base_id]
        return found

    def add_analyser(self, version: int = 2) -> None:
        """What `lorebase keywords add` does."""
        known = RegisteredAnalyser(version=version, is_default=False, deprecated_at=None, created_at=START)
        self.world.database.state.analysers[version] = known

    def versions_with_words(self) -> set[int]:
        """Analyser versions that any postings are of."""
        return {version for (_, version), row in self.world.database.state.postings.items() if row.postings}

    def check_words(self, index: EmbeddingIndex, live: Mapping[UUID, Document]) -> None:
        """The words of each live passage are those of the index's analyser, and there are no others."""
        state = self.world.database.state
        held = {
            document_id: row.postings
            for (document_id, version), row in state.postings.items()
            if version == index.analyser_version and row.knowledge_base_id == self.base_id
        }
        assert held.keys() == live.keys()
        for document in live.values():
            assert document.current_version_id is not None
            chunks = state.chunks[document.current_version_id]
            analyser = analyser_of(index.analyser_version)
            assert list(held[document.id]) == analyser.postings(chunks, document.title, document.language)

    async def check(self) -> None:
        """Every complete index holds each live passage once, as its document says, and nothing else."""
        state = self.world.database.state
        live = {
            document.id: document
            for document in state.documents.values()
            if document.live_generation is not None and document.knowledge_base_id == self.base_id
        }
        passages = {
            (document.id, document.live_generation, chunk.ordinal, document.title, document.tags)
            for document in live.values()
            if document.current_version_id is not None
            for chunk in state.chunks[document.current_version_id]
        }
        for index in await self.indexes():
            if not index.is_complete:
                continue
            rows = self.rows(index)
            found = [(row.document_id, row.generation, row.ordinal, row.title, row.tags) for row in rows]
            assert sorted(found) == sorted(passages), index.model.dimensions
            assert {len(row.vector) for row in rows} <= {index.model.dimensions}
            assert (index.document_count, index.chunk_count) == (len(live), len(passages))
            self.check_words(index, live)

    async def search(self, query: str, *base_ids: UUID, mode: SearchMode = SearchMode.VECTOR) -> SearchResult:
        """A search as anybody makes it."""
        world = self.world
        service = SearchService(
            units=world.units,
            embedder=world.embedder,
            index=world.index,
            settings=world.settings,
            clock=world.clock,
        )
        request = SearchRequest(
            knowledge_base_ids=base_ids or (self.base_id,), query=query, mode=mode, limit=100
        )
        return await service.search(self.tenant.principal, request)
