"""Milvus lost wholly, and filled again from PostgreSQL without a call to the embedding provider."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lorebase.core.config import KeywordStore
from lorebase.embedded.child import Child
from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.milvus.collection import MilvusCollections
from lorebase.repositories.milvus.keywords import MilvusKeywordIndex
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.jobs import JobLane
from lorebase.schemas.reconciliation import DriftKind, DriftReport
from lorebase.schemas.search import KeywordQuery, SearchMode, SearchRequest
from lorebase.services.indexes.keyword_places import keyword_address
from lorebase.services.keywords.keyword_search import PostingsIndex
from lorebase.services.keywords.keywords import KeywordAnalyser
from lorebase.services.reindexing.index_rebuild import IndexRebuild
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, make_settings
from tests.fakes.world import World
from tests.integration.embedded_parts import milvus_owner_part, start_part
from tests.integration.services.conftest import LEASE_SECONDS

TIMEOUT_SECONDS = 20.0
SUBJECTS = ("lighthouses", "orchards", "glaciers", "violins", "harbours")


class OwnMilvus:
    """An owner on a directory that a test may take away."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.part = milvus_owner_part(base)
        self.child: Child = start_part(self.part)

    def lose_everything(self) -> None:
        self.child.stop()
        shutil.rmtree(self.base / "milvus")
        self.child = start_part(self.part)


@pytest.fixture
def milvus() -> Iterator[OwnMilvus]:
    base = Path(tempfile.mkdtemp(prefix="mr-", dir="/tmp"))
    owner = OwnMilvus(base)
    yield owner
    owner.child.stop()
    shutil.rmtree(base)


@pytest.fixture
async def store(milvus: OwnMilvus) -> AsyncIterator[MilvusChunkIndex]:
    index = MilvusChunkIndex(milvus.part.address, None, TIMEOUT_SECONDS)
    yield index
    await index.close()


@pytest.fixture
async def world(units: SqlUnitOfWorkFactory, store: MilvusChunkIndex) -> World:
    """Over a real PostgreSQL and a real Milvus Lite."""
    return World(make_settings(job_lease_seconds=LEASE_SECONDS), units, store)


@dataclass
class Library:
    """A workspace with a document on each subject."""

    world: World
    tenant: Tenant
    collections: MilvusCollections
    milvus_uri: str
    told: list[tuple[int, int]] = field(default_factory=list)

    async def rebuilt(self) -> DriftReport:
        """A rebuild with a worker at work; what disagrees in the end."""
        rebuild = IndexRebuild(
            units=self.world.units,
            reconciler=self.world.reconciler(),
            collections=self.collections,
            settings=self.world.settings,
        )
        worker = asyncio.create_task(self.work())
        try:
            [report] = await rebuild.run(lambda done, total: self.told.append((done, total)))
        finally:
            worker.cancel()
            await asyncio.wait({worker})
        return report

    async def work(self) -> None:
        runner = self.world.runner()
        while True:
            await runner.run_due(JobLane.DOCUMENTS)
            await asyncio.sleep(0.05)

    async def found(self, subject: str) -> str | None:
        """The title of the first hit of the vector leg."""
        world = self.world
        search = SearchService(
            units=world.units,
            embedder=world.embedder,
            index=world.store,
            settings=world.settings,
            clock=world.clock,
        )
        request = SearchRequest(
            knowledge_base_ids=(self.tenant.knowledge_base.id,),
            query=subject,
            mode=SearchMode.VECTOR,
            limit=1,
        )
        result = await search.search(self.tenant.principal, request)
        ids = [hit.document_id for hit in result.hits]
        return next((one.title for one in await world.documents.get_many(self.tenant.principal, ids)), None)

    async def words_agree(self, query: str) -> None:
        """Both indexes of words find the same passages with the same scores."""
        base, workspace = self.tenant.knowledge_base, self.tenant.workspace
        asked = KeywordQuery(
            terms=KeywordAnalyser().query_terms(query),
            analyser_version=FIRST_ANALYSER,
            limit=50,
            knowledge_base_ids=(base.id,),
        )
        address = keyword_address(workspace, FIRST_ANALYSER)
        sparse = MilvusKeywordIndex(self.world.units, self.milvus_uri, None, TIMEOUT_SECONDS)
        found = [
            {hit.chunk_id: hit.score for hit in await index.search(address, asked, 5000)}
            for index in (PostingsIndex(self.world.units), sparse)
        ]
        await sparse.close()
        assert found[0]
        assert found[1] == pytest.approx(found[0], rel=1e-5)


@pytest.fixture
async def library(world: World, tenant: Tenant, milvus: OwnMilvus) -> Library:
    collections = MilvusCollections(milvus.part.address, None, TIMEOUT_SECONDS)
    await collections.create(tenant.model)
    for subject in SUBJECTS:
        await world.upsert(tenant, f"{subject} " * 80, title=subject, external_id=subject)
    await world.run_all()
    return Library(world, tenant, collections, milvus.part.address)


async def test_a_lost_vector_store_is_filled_again_without_the_provider(
    library: Library, milvus: OwnMilvus
) -> None:
    world = library.world
    assert [await library.found(subject) for subject in SUBJECTS] == list(SUBJECTS)
    milvus.lose_everything()
    calls, parsed = len(world.embedder.calls), world.parser.calls
    report = await library.rebuilt()
    assert (report.found, report.documents) == (0, len(SUBJECTS))
    assert report.vectors > len(SUBJECTS)
    assert (len(world.embedder.calls), world.parser.calls) == (calls, parsed)
    assert library.told[-1] == (len(SUBJECTS), len(SUBJECTS))
    assert [await library.found(subject) for subject in SUBJECTS] == list(SUBJECTS)


async def test_a_rebuild_that_was_broken_off_goes_on_with_the_rest(
    library: Library, milvus: OwnMilvus
) -> None:
    world, tenant = library.world, library.tenant
    milvus.lose_everything()
    await library.collections.create(tenant.model)
    first = await world.reconcile(tenant)
    assert [(count.kind, count.found) for count in first.counts] == [
        (DriftKind.MISSING_VECTORS, len(SUBJECTS))
    ]
    for job_id in first.jobs[:2]:
        await world.runner().run(job_id)
    for job_id in first.jobs[2:]:
        await world.jobs.cancel(tenant.principal, job_id)
    assert (await library.rebuilt()).found == 0
    assert library.told[-1] == (len(SUBJECTS) - 2, len(SUBJECTS) - 2)
    assert [await library.found(subject) for subject in SUBJECTS] == list(SUBJECTS)


async def test_words_move_to_a_real_store_beside_postgresql_and_come_back_when_it_is_lost(
    library: Library, milvus: OwnMilvus
) -> None:
    world = library.world
    calls = len(world.embedder.calls)
    world.settings = world.settings.model_copy(update={"keyword_index": KeywordStore.BOTH})
    assert (await library.rebuilt()).found == 0
    for subject in SUBJECTS:
        await library.words_agree(f"{subject} and harbours")
    milvus.lose_everything()
    assert (await library.rebuilt()).found == 0
    await library.words_agree("violins glaciers")
    assert len(world.embedder.calls) == calls


async def test_orphans_in_a_real_store_are_found_and_removed(library: Library) -> None:
    world, tenant = library.world, library.tenant
    await world.upsert(tenant, "lighthouses anew " * 80, title="lighthouses", external_id="lighthouses")
    await world.run_all()
    assert (await world.reconcile(tenant)).found == 0
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        [stored, *_] = await uow.reconciliation.documents_after(None, 1)
        await uow.documents.mark_deleting(stored.id)
        await uow.documents.mark_deleted(stored.id)
        await uow.commit()
    report = await world.reconcile(tenant)
    kinds = {count.kind: (count.found, count.repaired) for count in report.counts}
    assert kinds[DriftKind.ORPHANS_OF_DELETED] == (1, 1)
    again = await world.reconcile(tenant)
    assert DriftKind.ORPHANS_OF_DELETED not in {count.kind for count in again.counts}
