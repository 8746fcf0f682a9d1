"""Another version of the keyword analyser for a knowledge base, while documents come, change and go."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorebase.core.errors import BadInput, Conflict, ErrorCode, Permanent
from lorebase.schemas.embeddings import ReindexKnowledgeBase
from lorebase.schemas.events import JobProgressedEvent
from lorebase.schemas.jobs import JobStatus
from lorebase.schemas.knowledge_bases import CreateKnowledgeBase
from lorebase.schemas.search import SearchMode
from lorebase.services.keywords.analysers import analyser_of
from tests.factories import Tenant, add_tenant
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World
from tests.unit.services.library_of_analysers import (
    CHANGES,
    found,
    offering_kw2,
    rows_by_collection,
    versions,
)
from tests.unit.services.library_of_indexes import Library

THAI = "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"


@pytest.fixture
def library(world: World, tenant: Tenant) -> Library:
    return offering_kw2(world, tenant)


async def test_words_are_made_beside_those_in_use_and_switched_to(library: Library) -> None:
    await library.add("thai", THAI)
    await library.world.run_all()
    before, embedded = await rows_by_collection(library), len(library.world.embedder.calls)
    assert await found(library, "เมืองหลวง") == set()
    job = await library.reindex(analyser="kw2")
    assert await versions(library) == [1, 2]
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert library.active_id == job.subject_id
    assert await versions(library) == [2, 1]
    assert await found(library, "เมืองหลวง") == {"thai"}
    new, old = await library.indexes()
    assert (new.model, new.chunk_count, new.is_complete) == (old.model, old.chunk_count, True)
    # The vectors are those of the old index: nothing was embedded or written again.
    assert (await rows_by_collection(library), len(library.world.embedder.calls)) == (before, embedded)
    await library.check()


async def test_the_way_back_is_one_update_and_both_versions_follow_every_change(library: Library) -> None:
    await library.fill(3)
    old = library.active_id
    job = await library.reindex(analyser="kw2")
    await library.world.run_all()
    principal = library.tenant.principal
    for index_id in (old, job.subject_id, old):
        await library.world.indexes.activate(principal, index_id)
        for change in CHANGES:
            await change(library)
        await library.world.run_all()
        assert library.active_id == index_id
        await library.check()
        assert "new" in await found(library, "lighthouses")


async def test_model_and_analyser_can_change_together(library: Library) -> None:
    await library.fill(2)
    job = await library.reindex(model=library.shorter, analyser="kw2")
    await library.world.run_all()
    assert library.active_id == job.subject_id
    new, old = await library.indexes()
    assert (new.model.dimensions, new.analyser_version) == (8, 2)
    assert (old.model.dimensions, old.analyser_version) == (16, 1)
    await library.check()


async def test_progress_is_told_in_passages(library: Library) -> None:
    await library.fill(4)
    job = await library.reindex(analyser="kw2")
    await library.world.run_all()
    total = (await library.indexes())[0].chunk_count
    told = [event.progress for event in library.world.events_of(job) if isinstance(event, JobProgressedEvent)]
    assert told != []
    assert {progress.total for progress in told} == {total}


@pytest.mark.parametrize("step", range(1, 40, 3))
async def test_a_backfill_killed_anywhere_is_finished_by_the_next_worker(library: Library, step: int) -> None:
    await library.fill(3)
    job = await library.reindex(analyser="kw2")
    faults = Faults()
    faults.crash_at(step)
    with contextlib.suppress(Crash):
        await library.world.runner(faults).run(job.id)
    library.world.clock.advance(library.world.settings.job_lease_seconds + 1)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert library.active_id == job.subject_id
    await library.check()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("step", range(2, 24, 4))
async def test_a_change_in_the_middle_of_a_backfill_is_right_in_both_versions(
    library: Library, step: int, change: Callable[[Library], Awaitable[None]]
) -> None:
    await library.fill(3)
    job = await library.reindex(analyser="kw2")
    faults = Faults()
    faults.at(step, lambda: change(library))
    await library.world.runner(faults).run(job.id)
    # A step may be one of the heartbeat, which ends with its job and leaves the change to the next worker.
    library.world.clock.advance(library.world.settings.job_lease_seconds + 1)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert await versions(library) == [2, 1]
    await library.check()


@pytest.mark.parametrize("step", range(2, 30, 4))
async def test_a_document_whose_ingestion_began_before_has_the_words_of_the_new_version(
    library: Library, step: int
) -> None:
    """The whole backfill happens while the document is being written with the old version only."""
    await library.fill(1)
    document_id = await library.add("slow")
    (job,) = library.world.jobs_about(document_id)
    faults = Faults()

    async def reindex() -> None:
        await library.world.runner().run((await library.reindex(analyser="kw2")).id)

    faults.at(step, reindex)
    await library.world.runner(faults).run(job.id)
    library.world.clock.advance(library.world.settings.job_lease_seconds + 1)
    await library.world.run_all()
    assert "slow" in await found(library, "slow lighthouses")
    await library.check()


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from(CHANGES)), min_size=1, max_size=3),
    st.none() | st.integers(1, 40),
)
async def test_whatever_happens_during_a_backfill_both_versions_hold_the_same(
    changes: list[tuple[int, Callable[[Library], Awaitable[None]]]], crash: int | None
) -> None:
    world = World()
    library = offering_kw2(world, await add_tenant(world.database))
    await library.fill(3)
    job = await library.reindex(analyser="kw2")
    faults = Faults()
    done: set[str] = set()

    async def once(change: Callable[[Library], Awaitable[None]]) -> None:
        if change.__name__ not in done:
            done.add(change.__name__)
            await change(library)

    for step, change in changes:
        faults.at(step, lambda change=change: once(change))  # type: ignore[misc]
    if crash is not None:
        faults.crash_at(crash)
    with contextlib.suppress(Crash):
        await world.runner(faults).run(job.id)
    world.clock.advance(world.settings.job_lease_seconds + 1)
    await world.run_all()
    assert world.job(job.id).status is JobStatus.SUCCEEDED
    await library.check()


async def test_one_search_takes_each_knowledge_base_with_its_own_version(library: Library) -> None:
    world, principal = library.world, library.tenant.principal
    await library.add("here", THAI)
    other = await world.bases.create(principal, CreateKnowledgeBase(name="Other"))
    beside = Library(world, replace(library.tenant, knowledge_base=other))
    await beside.add("there", f"{THAI} and a lighthouse")
    await world.run_all()
    await library.reindex(analyser="kw2")
    await world.run_all()
    both = (library.base_id, other.id)
    # kw1 takes a run of Thai for one word: only the other knowledge base finds a part of it.
    assert await found(library, "เมืองหลวง", *both) == {"here"}
    assert await found(library, f"{THAI} lighthouse", *both) == {"here", "there"}
    hits = (await library.search(f"{THAI} lighthouse", *both, mode=SearchMode.KEYWORD)).hits
    assert [hit.score for hit in hits] == [1.0, 1.0]
    assert all(hit.highlights for hit in hits)
    await beside.reindex(analyser="kw2")
    await world.run_all()
    assert await found(library, "เมืองหลวง", *both) == {"here", "there"}


async def test_rarity_is_counted_over_the_passages_of_the_same_version(library: Library) -> None:
    await library.fill(2)
    async with library.world.units.for_workspace(library.tenant.workspace.id) as uow:
        before = await uow.keywords.statistics(1, [], 1000)
        unknown = await uow.keywords.statistics(2, [], 1000)
    await library.reindex(analyser="kw2")
    await library.world.run_all()
    async with library.world.units.for_workspace(library.tenant.workspace.id) as uow:
        after = await uow.keywords.statistics(1, [], 1000)
        both = await uow.keywords.statistics(2, [], 1000)
    assert before.passages > 0 == unknown.passages
    assert after.passages == both.passages == before.passages


async def test_a_new_knowledge_base_has_the_default_version(library: Library) -> None:
    known = library.world.database.state.analysers
    known[1], known[2] = (
        known[1].model_copy(update={"is_default": False}),
        known[2].model_copy(update={"is_default": True}),
    )
    made = await library.world.bases.create(library.tenant.principal, CreateKnowledgeBase(name="New"))
    assert library.world.database.state.indexes[made.active_index_id].analyser_version == 2


@pytest.mark.parametrize("name", ["kw3", "kw0", "", "KW2", "2"])
async def test_an_analyser_that_was_not_added_is_refused(library: Library, name: str) -> None:
    with pytest.raises(BadInput) as raised:
        await library.reindex(analyser=name)
    assert raised.value.field == ["analyser"]
    assert await versions(library) == [1]
    assert library.world.database.state.jobs == {}


async def test_a_deprecated_analyser_is_refused_but_stays_where_it_is_in_use(library: Library) -> None:
    await library.fill(1)
    known = library.world.database.state.analysers
    known[1] = known[1].model_copy(update={"deprecated_at": library.world.clock.now()})
    with pytest.raises(BadInput):
        await library.reindex(model=library.shorter, analyser="kw1")
    await library.reindex(model=library.shorter)
    await library.world.run_all()
    assert await versions(library) == [1, 1]
    await library.check()


async def test_a_reindex_that_names_nothing_is_refused(library: Library) -> None:
    command = ReindexKnowledgeBase(id=library.base_id)
    with pytest.raises(BadInput):
        await library.world.indexes.reindex(library.tenant.principal, command)
    assert len(await library.indexes()) == 1


async def test_an_index_of_the_same_kind_is_refused(library: Library) -> None:
    with pytest.raises(Conflict) as raised:
        await library.reindex(analyser="kw1")
    assert (raised.value.code, raised.value.field) == (ErrorCode.WRONG_STATE, ["analyser"])
    assert len(await library.indexes()) == 1


def test_a_version_that_the_release_does_not_know_stops_the_work() -> None:
    with pytest.raises(Permanent, match="kw9"):
        analyser_of(9)


async def test_a_document_without_words_is_no_disagreement(library: Library) -> None:
    await library.world.upsert(library.tenant, "… — ! ? " * 60, external_id="wordless", title="?!")
    await library.world.run_all()
    await library.reindex(analyser="kw2")
    await library.world.run_all()
    assert await versions(library) == [2, 1]
    assert (await library.world.reconcile(library.tenant)).found == 0
