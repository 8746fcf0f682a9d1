"""No search mixes the vectors of one model with the query of another."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.schemas.knowledge_bases import CreateKnowledgeBase
from lorebase.schemas.search import SearchMode
from lorebase.services.knowledge_bases.knowledge_bases import KnowledgeBaseService
from tests.factories import Tenant, add_tenant
from tests.fakes.faults import Faults
from tests.fakes.world import World
from tests.unit.services.library_of_indexes import Library


@pytest.fixture
def library(world: World, tenant: Tenant) -> Library:
    return Library(world, tenant)


async def other_base(library: Library) -> Library:
    """A second knowledge base, of the shorter model from the start."""
    world = library.world
    service = KnowledgeBaseService(
        units=world.units,
        queue=world.queue,
        events=world.events,
        clock=world.clock,
        settings=world.settings,
    )
    command = CreateKnowledgeBase(name="Other", embedding_model_id=library.shorter.id, chunk_max_tokens=64)
    made = await service.create(library.tenant.principal, command)
    other = Library(world, library.tenant)
    other.base_id = made.id
    return other


async def add_to(library: Library, name: str, body: str) -> None:
    given = {"knowledge_base_id": library.base_id, "external_id": name, "title": name}
    await library.world.upsert(library.tenant, body, **given)
    await library.world.run_all()


def queries_fit_their_vectors(library: Library) -> bool:
    """Whether every search so far asked a collection with a vector of that collection's length."""
    lengths = {
        collection: {len(row.vector) for row in rows.values()}
        for (collection, _), rows in library.world.index.partitions.items()
    }
    return all({len(query.vector)} == lengths[collection] for collection, query in library.world.index.asked)


async def test_each_model_embeds_the_query_once_and_searches_its_own_collection(library: Library) -> None:
    other = await other_base(library)
    await add_to(library, "one", "Lighthouses stand on rocks.")
    await add_to(other, "two", "Lighthouses shine at night.")
    library.world.embedder.calls.clear()
    found = await library.search("lighthouses", library.base_id, other.base_id)
    assert len(found.hits) == 2
    assert len(library.world.embedder.calls) == 2
    assert sorted(len(query.vector) for _, query in library.world.index.asked) == [8, 16]
    assert queries_fit_their_vectors(library)


async def test_passages_of_two_models_are_ordered_by_rank_and_not_by_similarity(library: Library) -> None:
    other = await other_base(library)
    for number in range(3):
        await add_to(library, f"near {number}", "lighthouses " * (3 - number) + "rocks " * number)
        await add_to(other, f"far {number}", "harbours " + "lighthouses " * (3 - number) + "rocks " * 9)
    found = await library.search("lighthouses", library.base_id, other.base_id)
    ranks = {library.base_id: 0, other.base_id: 0}
    documents = library.world.database.state.documents
    order = [documents[hit.document_id].knowledge_base_id for hit in found.hits]
    for base_id in order[:4]:
        ranks[base_id] += 1
    assert ranks == {library.base_id: 2, other.base_id: 2}


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 8), st.integers(1, 60), st.sampled_from(SearchMode))
async def test_a_switch_at_any_moment_of_a_search_or_reindex_loses_no_hit(
    searches: int, step: int, mode: SearchMode
) -> None:
    world = World()
    library = Library(world, await add_tenant(world.database))
    ids = set(await library.fill(3))
    job = await library.reindex()
    faults = Faults()
    seen: list[set[object]] = []

    async def search() -> None:
        found = await library.search("lighthouses and the sea", mode=mode)
        seen.append({hit.document_id for hit in found.hits})

    for number in range(searches):
        faults.at(step + number, search)
    await world.runner(faults).run(job.id)
    await search()
    assert all(found == ids for found in seen)
    assert queries_fit_their_vectors(library)
