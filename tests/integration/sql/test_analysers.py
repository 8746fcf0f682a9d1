"""Versions of the keyword analyser in PostgreSQL: registered, named by indexes, counted apart, removed."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.repositories.database import create_owner_engine
from lorebase.repositories.sql.analysers import SqlAnalyserRegistry
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.search import KeywordQuery
from tests.contracts.keyword_library import postings
from tests.integration.database import DatabaseUrls
from tests.integration.sql.factories import (
    Live,
    Tenant,
    add_index,
    add_live,
    embedding_model,
    knowledge_base,
    register,
)

Units = SqlUnitOfWorkFactory


@pytest.fixture
async def registry(database: DatabaseUrls) -> AsyncIterator[SqlAnalyserRegistry]:
    engine = create_owner_engine(database.owner)
    yield SqlAnalyserRegistry(engine)
    await engine.dispose()


@pytest.fixture
async def second(registry: SqlAnalyserRegistry) -> int:
    await registry.register(2)
    return 2


async def states(registry: SqlAnalyserRegistry) -> dict[int, str]:
    return {
        known.version: "default" if known.is_default else "deprecated" if known.deprecated_at else "added"
        for known in await registry.all()
    }


async def add_worded(uow: UnitOfWork, tenant: Tenant, versions: dict[int, list[int]]) -> Live:
    """A document of one passage with these words by version."""
    live = await add_live(uow, tenant, texts=("a",))
    for version, words in versions.items():
        found = postings(live.chunks[0], words)
        await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, version, found)
    return live


async def score(units: Units, tenant: Tenant, term: int, version: int) -> float:
    query = KeywordQuery(
        terms=(term,), analyser_version=version, limit=9, knowledge_base_ids=(tenant.knowledge_base_id,)
    )
    async with units.for_workspace(tenant.workspace_id) as uow:
        return max([hit.score for hit in await uow.keywords.search(query, 5000)], default=0.0)


async def test_a_version_is_added_chosen_deprecated_and_removed(registry: SqlAnalyserRegistry) -> None:
    assert await states(registry) == {1: "default"}
    await registry.register(7)
    await registry.register(7)
    assert await states(registry) == {1: "default", 7: "added"}
    await registry.choose(7)
    assert await states(registry) == {1: "added", 7: "default"}
    await registry.deprecate(7)
    assert await states(registry) == {1: "default", 7: "deprecated"}
    with pytest.raises(NotFound):
        await registry.choose(7)
    await registry.register(7)
    assert await states(registry) == {1: "added", 7: "default"}
    async with registry.removal(7):
        pass
    assert await states(registry) == {1: "default"}


async def test_an_unknown_version_is_not_found(registry: SqlAnalyserRegistry) -> None:
    for change in (registry.choose, registry.deprecate):
        with pytest.raises(NotFound):
            await change(9)
    with pytest.raises(NotFound):
        async with registry.removal(9):
            raise AssertionError("the block begins")


async def test_a_version_stays_when_what_follows_its_removal_fails(
    registry: SqlAnalyserRegistry, second: int
) -> None:
    with pytest.raises(RuntimeError):
        async with registry.removal(second):
            raise RuntimeError
    assert second in await states(registry)


async def test_a_version_that_an_index_of_any_workspace_names_is_not_removed(
    registry: SqlAnalyserRegistry, units: Units, tenant: Tenant
) -> None:
    with pytest.raises(Conflict) as raised:
        async with registry.removal(1):
            raise AssertionError("the block begins")
    assert raised.value.code is ErrorCode.WRONG_STATE
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert 1 in {known.version for known in await uow.analysers.all()}


async def test_indexes_of_one_model_differ_by_their_analyser(
    units: Units, tenant: Tenant, second: int
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        added = await add_index(uow, tenant, tenant.model.id, second)
        assert (added.analyser_version, added.model) == (second, tenant.model)
        kept = await uow.embeddings.indexes_of(tenant.knowledge_base_id)
        assert [index.analyser_version for index in kept] == [1, second]
        places = await uow.reconciliation.indexes()
        assert sorted(place.analyser_version for place in places) == [1, second]
        with pytest.raises(Conflict):
            await add_index(uow, tenant, tenant.model.id, second)


async def test_a_knowledge_base_begins_with_the_version_it_is_given(
    units: Units, tenant: Tenant, second: int
) -> None:
    base = knowledge_base(tenant.workspace_id)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.knowledge_bases.add(base, tenant.model.id, second)
        [index] = await uow.embeddings.get_indexes([base.active_index_id])
    assert index.analyser_version == second


async def test_a_retired_index_owns_what_no_other_index_shares(
    units: Units, tenant: Tenant, second: int, database: DatabaseUrls
) -> None:
    shorter = await register(database, embedding_model(dimensions=2))
    async with units.for_workspace(tenant.workspace_id) as uow:
        words = await add_index(uow, tenant, tenant.model.id, second)
        both = await add_index(uow, tenant, shorter.id, second)
        await uow.indexes.retire(words.id)
        shared = await uow.indexes.retired(words.id, change=True)
        assert shared is not None
        assert (shared.collection, shared.analyser_version) == (None, None)
        await uow.indexes.retire(both.id)
        vectors = await uow.indexes.retired(both.id, change=True)
        assert vectors is not None
        assert (vectors.collection, vectors.analyser_version) == (shorter.collection, None)
        await uow.indexes.remove(words.id)
        last = await uow.indexes.retired(both.id, change=True)
        assert last is not None
        assert (last.collection, last.analyser_version) == (shorter.collection, second)
        assert await uow.indexes.retired(words.id, change=True) is None


async def test_an_index_is_not_added_while_what_it_would_share_is_being_removed(
    units: Units, tenant: Tenant, second: int, database: DatabaseUrls
) -> None:
    shorter = await register(database, embedding_model(dimensions=2))
    async with units.for_workspace(tenant.workspace_id) as uow:
        words = await add_index(uow, tenant, tenant.model.id, second)
        await uow.indexes.retire(words.id)
        with pytest.raises(Conflict) as raised:
            await add_index(uow, tenant, shorter.id, second)
        assert raised.value.code is ErrorCode.WRONG_STATE
        # The first version is in use: nothing of it is being removed.
        assert (await add_index(uow, tenant, shorter.id, 1)).analyser_version == 1
        await uow.indexes.remove(words.id)
        assert (await add_index(uow, tenant, shorter.id, second)).analyser_version == second


async def test_words_of_one_version_are_removed_in_batches_and_others_stay(
    units: Units, tenant: Tenant, neighbour: Tenant
) -> None:
    async with units.for_workspace(neighbour.workspace_id) as uow:
        theirs = await add_worded(uow, neighbour, {1: [5], 2: [5]})
        await uow.commit()
    other = knowledge_base(tenant.workspace_id)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.knowledge_bases.add(other, tenant.model.id)
        beside = await add_worded(uow, Tenant(tenant.workspace_id, other, tenant.model), {2: [5]})
        mine = [(await add_worded(uow, tenant, {1: [5, 6], 2: [5]})).document.id for _ in range(5)]
        await uow.commit()
    after: UUID | None = None
    seen: list[UUID] = []
    while True:
        async with units.for_workspace(tenant.workspace_id) as uow:
            after = await uow.keywords.remove_version(tenant.knowledge_base_id, 2, after, 2)
            await uow.commit()
        if after is None:
            break
        seen.append(after)
    assert seen == [sorted(mine)[1], sorted(mine)[3], sorted(mine)[4]]
    everything = [*mine, beside.document.id, theirs.document.id]
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.keywords.count(everything, 2) == {beside.document.id: 1}
        assert await uow.keywords.count(everything, 1) == dict.fromkeys(mine, 2)
    async with units.for_workspace(neighbour.workspace_id) as uow:
        assert await uow.keywords.count(everything, 2) == {theirs.document.id: 1}


async def test_rarity_counts_the_passages_of_the_same_version_only(
    units: Units, tenant: Tenant, second: int
) -> None:
    other = knowledge_base(tenant.workspace_id)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.knowledge_bases.add(other, tenant.model.id, second)
        await add_worded(uow, tenant, {1: [5]})
        await uow.commit()
    alone = await score(units, tenant, 5, 1)
    beside = Tenant(tenant.workspace_id, other, tenant.model)
    async with units.for_workspace(tenant.workspace_id) as uow:
        for _ in range(3):
            await add_worded(uow, beside, {second: [5]})
        await uow.commit()
    assert await score(units, tenant, 5, 1) == alone > 0
    assert await score(units, beside, 5, 1) == 0
    weight = postings((await _passage(units, beside)).chunks[0], [5])[0].weight
    assert await score(units, beside, 5, second) == pytest.approx(weight * math.log(5 / 4.5), rel=1e-5)


async def _passage(units: Units, tenant: Tenant) -> Live:
    """One more document, so that there are four that hold the word."""
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_worded(uow, tenant, {2: [5]})
        await uow.commit()
    return live


async def test_passages_that_two_indexes_share_count_once(units: Units, tenant: Tenant, second: int) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_worded(uow, tenant, {1: [5], second: [5]})
        index = await add_index(uow, tenant, tenant.model.id, second)
        before = await uow.keywords.statistics(second, [5], 5000)
        await uow.embeddings.commit_document(index.id, live.document.id, 1, 1, 1)
        found = [await uow.keywords.statistics(version, [5], 5000) for version in (1, second)]
    assert (before.passages, before.frequencies) == (0, {5: 1})
    assert [(one.passages, one.frequencies) for one in found] == [(1, {5: 1})] * 2


@pytest.mark.parametrize("recorded", [0, 2, None])
async def test_the_number_of_words_on_record_is_told_and_none_where_it_was_never_counted(
    units: Units, tenant: Tenant, recorded: int | None
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_worded(uow, tenant, {1: [5, 6], 2: [5]})
        await uow.embeddings.commit_document(tenant.index_id, live.document.id, 1, 1, recorded)
        [stored] = await uow.reconciliation.documents([live.document.id])
    assert stored.held[tenant.index_id].posting_count == recorded
