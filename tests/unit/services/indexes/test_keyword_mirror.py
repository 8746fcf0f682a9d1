"""The weights of terms beside the vectors: written, changed, removed, compared and mended with them."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest

from lorebase.core.config import KeywordStore
from lorebase.core.ids import new_id
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.documents import UpdateDocument, UpsertedDocument
from lorebase.schemas.filters import DocumentFilter, IntFilter, SearchFilter, StringFilter
from lorebase.schemas.jobs import JobLane
from lorebase.schemas.reconciliation import DriftKind, DriftReport
from lorebase.schemas.search import ChunkWeights, PartitionAddress, SearchMode, SearchRequest, SearchResult
from lorebase.services.indexes.keyword_places import keyword_collection
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, add_tenant, make_settings
from tests.fakes.faults import Crash, Faults
from tests.fakes.keyword_index import FakeKeywordIndex
from tests.fakes.world import World

KEYWORDS = keyword_collection(FIRST_ANALYSER)
BODY = "Words about lighthouses. " * 60
WORDLESS = "… — ! ? " * 60


@pytest.fixture
def world() -> World:
    return World(make_settings(keyword_index=KeywordStore.MILVUS))


@pytest.fixture
async def tenant(world: World) -> Tenant:
    return await add_tenant(world.database)


async def ready(world: World, tenant: Tenant, body: str = BODY, **given: object) -> UpsertedDocument:
    accepted = await world.upsert(tenant, body, **given)
    await world.run_all()
    return accepted


def kept(world: World) -> dict[UUID, ChunkWeights]:
    """All rows of weights."""
    return {
        row.chunk_id: row
        for (collection, _), rows in world.index.partitions.items()
        if collection == KEYWORDS
        for row in rows.values()
        if isinstance(row, ChunkWeights)
    }


def posted(world: World) -> dict[UUID, dict[int, float]]:
    """The postings in the database, by passage."""
    found: dict[UUID, dict[int, float]] = {}
    for row in world.database.state.postings.values():
        for posting in row.postings:
            found.setdefault(posting.chunk_id, {})[posting.term] = posting.weight
    return found


def agree(world: World) -> bool:
    """Whether both stores say the same of every passage."""
    return {chunk_id: row.weights for chunk_id, row in kept(world).items() if row.weights} == posted(world)


def counts(report: DriftReport) -> dict[DriftKind, int]:
    return {count.kind: count.found for count in report.counts}


async def test_every_passage_has_a_row_with_the_weights_that_postgresql_has(
    world: World, tenant: Tenant
) -> None:
    accepted = await ready(world, tenant)
    rows = kept(world)
    assert agree(world)
    assert rows.keys() == {row.chunk_id for row in world.vectors(accepted.document.id)}
    assert {(row.workspace_id, row.embedding_version) for row in rows.values()} == {
        (tenant.workspace.id, "kw1")
    }


async def test_postgresql_alone_keeps_the_words_unless_a_setting_says_otherwise() -> None:
    world = World()
    tenant = await add_tenant(world.database)
    await ready(world, tenant)
    assert posted(world)
    assert not any(collection == KEYWORDS for collection, _ in world.index.partitions)
    assert (await world.reconcile(tenant)).found == 0


async def test_a_passage_without_words_has_a_row_without_weights(world: World, tenant: Tenant) -> None:
    await ready(world, tenant, WORDLESS, title="?!")
    assert kept(world)
    assert all(row.weights == {} for row in kept(world).values())
    assert (await world.reconcile(tenant)).found == 0


async def test_new_content_and_a_new_title_bring_their_words(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant, external_id="x", title="Old")
    await ready(world, tenant, "Other words about orchards. " * 40, external_id="x")
    assert agree(world)
    assert {row.generation for row in kept(world).values()} == {2}
    before = {chunk_id: row.weights for chunk_id, row in kept(world).items()}
    await world.documents.update(tenant.principal, UpdateDocument(id=accepted.document.id, title="Glaciers"))
    await world.run_all()
    assert agree(world)
    assert kept(world).keys() == before.keys()
    assert all(kept(world)[chunk_id].weights != weights for chunk_id, weights in before.items())
    assert {row.title for row in kept(world).values()} == {"Glaciers"}


async def test_deleting_a_document_or_a_knowledge_base_leaves_no_row(world: World, tenant: Tenant) -> None:
    accepted, other = await ready(world, tenant), await ready(world, tenant, "Orchards. " * 30)
    await world.documents.delete(tenant.principal, accepted.document.id)
    await world.run_all()
    assert {row.document_id for row in kept(world).values()} == {other.document.id}
    await world.bases.delete(tenant.principal, tenant.knowledge_base.id)
    await world.run_all()
    assert kept(world) == {}


@pytest.mark.parametrize("step", range(2, 60, 3))
async def test_an_ingestion_that_dies_anywhere_ends_with_both_stores_agreeing(
    world: World, tenant: Tenant, step: int
) -> None:
    await world.upsert(tenant, BODY)
    faults = Faults()
    faults.crash_at(step)
    with suppress(Crash, BaseExceptionGroup):
        await world.runner(faults).run_due(JobLane.DOCUMENTS)
    world.clock.advance(world.settings.job_lease_seconds + 1)
    await world.run_all()
    assert kept(world)
    assert agree(world)
    assert (await world.reconcile(tenant, repair=False)).found == 0


async def test_rows_that_are_lost_come_back_without_the_model(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    [partition] = [rows for (name, _), rows in world.index.partitions.items() if name == KEYWORDS]
    lost = len(partition) - 1
    for chunk_id in list(partition)[1:]:
        del partition[chunk_id]
    calls, parsed = len(world.embedder.calls), world.parser.calls
    report = await world.reconcile(tenant)
    assert counts(report) == {DriftKind.MISSING_VECTORS: 1}
    [example] = report.examples
    assert (example.document_id, example.collection, example.vectors) == (
        accepted.document.id,
        KEYWORDS,
        lost,
    )
    await world.run_all()
    assert agree(world)
    assert (len(world.embedder.calls), world.parser.calls) == (calls, parsed)
    assert (await world.reconcile(tenant, repair=False)).found == 0


async def test_rows_of_nothing_are_removed(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    row = next(iter(kept(world).values()))
    place = PartitionAddress(
        collection=KEYWORDS,
        partition=tenant.workspace.partition,
        workspace_id=tenant.workspace.id,
    )
    strays = [
        row.model_copy(update={"chunk_id": new_id(), "document_id": new_id()}),
        row.model_copy(update={"chunk_id": new_id(), "generation": 7}),
    ]
    await world.index.upsert(place, strays)
    report = await world.reconcile(tenant)
    assert counts(report) == {DriftKind.ORPHANS_OF_UNKNOWN: 1, DriftKind.ORPHANS_OF_UNFINISHED: 1}
    assert agree(world)
    assert {one.document_id for one in kept(world).values()} == {accepted.document.id}


async def test_an_installation_that_kept_words_in_postgresql_is_filled_by_reconciliation() -> None:
    world = World()
    tenant = await add_tenant(world.database)
    await ready(world, tenant)
    await ready(world, tenant, "Orchards. " * 30)
    world.settings = make_settings(keyword_index=KeywordStore.BOTH)
    calls = len(world.embedder.calls)
    assert counts(await world.reconcile(tenant)) == {DriftKind.MISSING_VECTORS: 2}
    await world.run_all()
    assert agree(world)
    assert len(world.embedder.calls) == calls
    assert (await world.reconcile(tenant, repair=False)).found == 0


def searches(world: World, keywords: FakeKeywordIndex | None = None) -> SearchService:
    return SearchService(
        units=world.units,
        embedder=world.embedder,
        index=world.index,
        settings=world.settings,
        clock=world.clock,
        keywords=keywords,
    )


def asking(tenant: Tenant, query: str, **given: object) -> SearchRequest:
    values = {"knowledge_base_ids": (tenant.knowledge_base.id,), "query": query, **given}
    return SearchRequest.model_validate(values)


def ranked(result: SearchResult) -> list[tuple[UUID, float | None]]:
    return [(hit.chunk_id, hit.scores.keyword) for hit in result.hits]


@pytest.mark.parametrize("mode", [SearchMode.HYBRID, SearchMode.KEYWORD])
async def test_a_search_finds_the_same_by_either_index(
    world: World, tenant: Tenant, mode: SearchMode
) -> None:
    for title in ("Lighthouses", "Orchards", "Glaciers"):
        await ready(world, tenant, f"{title} and harbours. " * 30, title=title)
    sparse = FakeKeywordIndex(world.units, world.index)
    request = asking(tenant, "glaciers harbours", mode=mode)
    by_postings = ranked(await searches(world).search(tenant.principal, request))
    by_vectors = ranked(await searches(world, sparse).search(tenant.principal, request))
    assert [chunk_id for chunk_id, _ in by_vectors] == [chunk_id for chunk_id, _ in by_postings]
    assert [score for _, score in by_vectors] == pytest.approx([score for _, score in by_postings])
    assert len(sparse.asked) == 1


async def test_the_index_of_words_is_told_the_place_and_the_filter(world: World, tenant: Tenant) -> None:
    await ready(world, tenant, title="Lighthouses")
    sparse = FakeKeywordIndex(world.units, world.index)
    wanted = SearchFilter(
        or_=(
            SearchFilter(document=DocumentFilter(title=StringFilter(eq="Lighthouses"))),
            SearchFilter(chunk_tokens=IntFilter(gt=0)),
        )
    )
    request = asking(tenant, "lighthouses", mode=SearchMode.KEYWORD, filter=wanted)
    assert (await searches(world, sparse).search(tenant.principal, request)).hits
    [(address, query), *_] = sparse.asked
    assert (address.collection, address.partition) == (KEYWORDS, tenant.workspace.partition)
    assert (address.workspace_id, query.filter) == (tenant.workspace.id, wanted)


async def test_rows_of_a_generation_that_is_not_live_are_never_shown(world: World, tenant: Tenant) -> None:
    accepted = await ready(world, tenant)
    sparse = FakeKeywordIndex(world.units, world.index)
    row = next(iter(kept(world).values()))
    stray = row.model_copy(update={"chunk_id": new_id(), "generation": 2})
    [partition] = [rows for (name, _), rows in world.index.partitions.items() if name == KEYWORDS]
    partition[stray.chunk_id] = stray
    request = asking(tenant, "lighthouses", mode=SearchMode.KEYWORD, limit=50)
    found = await searches(world, sparse).search(tenant.principal, request)
    assert {hit.document_id for hit in found.hits} == {accepted.document.id}
    assert stray.chunk_id not in {hit.chunk_id for hit in found.hits}
