"""Building an index beside the live one while documents come, change and go."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.schemas.events import JobProgressedEvent
from lorebase.schemas.jobs import JobLane, JobStatus
from tests.factories import Tenant, add_tenant, make_settings
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World
from tests.unit.services.library_changes import CHANGES, Change
from tests.unit.services.library_of_indexes import Library


@pytest.fixture
def library(world: World, tenant: Tenant) -> Library:
    return Library(world, tenant)


async def test_a_reindex_ends_with_a_switch_to_an_index_that_holds_everything(library: Library) -> None:
    await library.fill(7)
    before = library.active_id
    job = await library.reindex()
    assert library.active_id == before
    await library.world.run_all()
    ended = library.world.job(job.id)
    assert ended.status is JobStatus.SUCCEEDED
    assert library.active_id == job.subject_id != before
    new, old = await library.indexes()
    assert (new.model.dimensions, old.model.dimensions) == (8, 16)
    assert (new.progress, new.is_complete, new.activated_at is not None) == (1.0, True, True)
    assert new.chunk_count == old.chunk_count
    await library.check()


async def test_a_reindex_without_a_switch_waits_to_be_activated(library: Library) -> None:
    await library.fill(2)
    before = library.active_id
    job = await library.reindex(activate=False)
    await library.world.run_all()
    assert library.active_id == before
    (built,) = [index for index in await library.indexes() if index.id == job.subject_id]
    assert (built.is_complete, built.activated_at) == (True, None)


async def test_an_empty_knowledge_base_is_reindexed_at_once(library: Library) -> None:
    job = await library.reindex()
    await library.world.run_all()
    assert library.active_id == job.subject_id
    await library.check()


async def test_nothing_is_parsed_and_what_was_embedded_before_is_not_paid_again(library: Library) -> None:
    await library.fill(5)
    parsed = library.world.parser.calls
    first = await library.reindex()
    await library.world.run_all()
    assert library.world.parser.calls == parsed
    texts = [text for _, given in library.world.embedder.calls for text in given]
    await library.world.indexes.activate(library.tenant.principal, (await library.indexes())[1].id)
    await library.world.indexes.delete(library.tenant.principal, first.subject_id)
    library.world.clock.advance(library.world.settings.request_timeout_seconds)
    await library.world.run_all()
    again = await library.reindex()
    await library.world.run_all()
    assert library.active_id == again.subject_id
    assert [text for _, given in library.world.embedder.calls for text in given] == texts
    await library.check()


async def test_small_documents_share_calls_to_the_model(library: Library) -> None:
    for number in range(8):
        await library.add(str(number), "Short.")
    await library.world.run_all()
    calls = len(library.world.embedder.calls)
    await library.reindex()
    await library.world.run_all()
    made = library.world.embedder.calls[calls:]
    assert [len(texts) for _, texts in made] == [library.world.settings.embedding_batch_size] * 2


async def test_progress_is_told_in_passages_and_stands_on_the_index(library: Library) -> None:
    await library.fill(6)
    job = await library.reindex()
    await library.world.run_all()
    total = (await library.indexes())[0].chunk_count
    told = [event.progress for event in library.world.events_of(job) if isinstance(event, JobProgressedEvent)]
    assert told != []
    assert {progress.total for progress in told} == {total}
    assert [progress.completed for progress in told] == sorted(progress.completed for progress in told)


@pytest.mark.parametrize("step", range(1, 60, 2))
async def test_a_reindex_killed_anywhere_is_finished_by_the_next_worker(library: Library, step: int) -> None:
    await library.fill(4)
    job = await library.reindex()
    faults = Faults()
    faults.crash_at(step)
    try:
        await library.world.runner(faults).run(job.id)
    except Crash:
        assert library.world.job(job.id).status is not JobStatus.FAILED
    library.world.clock.advance(library.world.settings.job_lease_seconds + 1)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert library.active_id == job.subject_id
    await library.check()


async def test_what_a_killed_worker_had_committed_is_not_embedded_again(library: Library) -> None:
    await library.fill(12)
    job = await library.reindex()
    faults = Faults()
    faults.crash_at(40)
    with pytest.raises(Crash):
        await library.world.runner(faults).run(job.id)
    held = {one.id: one for one in await library.indexes()}[job.subject_id]
    assert 0 < held.document_count < 12
    calls = len(library.world.embedder.calls)
    library.world.clock.advance(library.world.settings.job_lease_seconds + 1)
    await library.world.run_all()
    embedded = sum(len(texts) for _, texts in library.world.embedder.calls[calls:])
    total = (await library.indexes())[0].chunk_count
    assert embedded <= total - held.chunk_count
    await library.check()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("step", range(2, 40, 2))
async def test_a_change_in_the_middle_of_a_reindex_is_right_in_both_indexes(
    library: Library, step: int, change: Change
) -> None:
    await library.fill(4)
    job = await library.reindex()
    faults = Faults()
    faults.at(step, lambda: change(library))
    await library.world.runner(faults).run(job.id)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert len(await library.indexes()) == 2
    await library.check()


@pytest.mark.parametrize("step", range(2, 40, 2))
async def test_a_document_whose_ingestion_began_before_the_reindex_is_in_the_new_index(
    library: Library, step: int
) -> None:
    """The whole reindex happens while the document is being written to the old index only."""
    await library.fill(2)
    document_id = await library.add("slow")
    (job,) = library.world.jobs_about(document_id)
    faults = Faults()

    async def reindex() -> None:
        begun = await library.reindex()
        await library.world.runner().run(begun.id)

    faults.at(step, reindex)
    await library.world.runner(faults).run(job.id)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    found = (await library.search("slow lighthouses")).hits
    assert document_id in {hit.document_id for hit in found}
    await library.check()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 90), st.sampled_from(CHANGES)), min_size=1, max_size=4),
    st.none() | st.integers(1, 90),
)
async def test_whatever_happens_during_a_reindex_both_indexes_hold_the_same(
    changes: list[tuple[int, Change]], crash: int | None
) -> None:
    world = World()
    library = Library(world, await add_tenant(world.database))
    await library.fill(5)
    job = await library.reindex()
    faults = Faults()
    done: set[str] = set()

    async def once(change: Change) -> None:
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
    if crash is None:
        await library.check()
    assert {index.chunk_count for index in await library.indexes()} == {
        (await library.indexes())[0].chunk_count
    }


async def test_vectors_that_are_lost_while_it_builds_are_counted_and_written_again(library: Library) -> None:
    ids = await library.fill(4)
    job = await library.reindex()
    faults = Faults()
    lost: list[int] = []

    async def lose() -> None:
        for (collection, _), rows in library.world.index.partitions.items():
            if collection == library.shorter.collection and not lost:
                gone = [row.chunk_id for row in rows.values() if row.document_id == ids[0]]
                lost.extend([len(gone)] if gone else [])
                for chunk_id in gone:
                    del rows[chunk_id]

    for step in range(30, 400):
        faults.at(step, lose)
    await library.world.runner(faults).run(job.id)
    assert sum(lost) > 0
    # Lost before they were counted, they cost an attempt; afterwards they are found by the last count.
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    await library.check()


async def test_an_outage_of_the_model_burns_no_attempt_and_the_reindex_goes_on_after_it(
    library: Library,
) -> None:
    await library.fill(3)
    job = await library.reindex()
    library.world.embedder.failure = Unavailable("away", code=ErrorCode.MODEL_UNAVAILABLE)
    await library.world.runner().run(job.id)
    waiting = library.world.job(job.id)
    assert (waiting.status, waiting.attempt) == (JobStatus.QUEUED, 0)
    library.world.embedder.failure = None
    library.world.clock.advance(120)
    await library.world.run_all()
    assert library.active_id == job.subject_id
    await library.check()


async def test_a_cancelled_reindex_removes_what_it_built(library: Library) -> None:
    await library.fill(6)
    before = library.active_id
    job = await library.reindex()
    faults = Faults()
    runner = library.world.runner(faults)

    async def cancel() -> None:
        await library.world.jobs.cancel(library.tenant.principal, job.id)
        await runner.notice_cancel(job.id)
        await asyncio.sleep(0.01)

    faults.at(20, cancel)
    await runner.run(job.id)
    assert library.world.job(job.id).status is JobStatus.CANCELLED
    assert [index.id for index in await library.indexes()] == [before]
    await library.world.run_all()
    assert job.subject_id not in library.world.database.state.indexes
    assert not any(key[0] == job.subject_id for key in library.world.database.state.index_documents)
    assert await held_in(library, library.shorter.collection) == 0
    assert library.active_id == before
    await library.check()


async def held_in(library: Library, collection: str) -> int:
    partitions = library.world.index.partitions.items()
    return sum(len(rows) for (name, _), rows in partitions if name == collection)


async def test_a_reindex_cancelled_before_it_began_leaves_nothing(library: Library) -> None:
    await library.fill(1)
    job = await library.reindex()
    await library.world.jobs.cancel(library.tenant.principal, job.id)
    assert len(await library.indexes()) == 1
    await library.world.run_all()
    assert len(library.world.database.state.indexes) == 1
    await library.reindex()
    await library.world.run_all()
    assert len(await library.indexes()) == 2


async def test_another_lane_keeps_a_long_reindex_from_holding_documents_up() -> None:
    world = World(make_settings(worker_job_concurrency=1))
    library = Library(world, await add_tenant(world.database))
    await library.fill(2)
    job = await library.reindex()
    assert job.lane is JobLane.INDEXES
    faults = Faults()
    runner = world.runner(faults)

    async def ingest_beside() -> None:
        added = await library.add("beside")
        assert await runner.run_due(JobLane.DOCUMENTS) == 1
        assert world.document(added).live_generation == 1
        assert world.job(job.id).status is JobStatus.RUNNING

    faults.at(12, ingest_beside)
    assert await runner.run_due(JobLane.INDEXES) == 1
    await library.check()
