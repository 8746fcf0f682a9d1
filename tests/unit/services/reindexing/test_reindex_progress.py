"""What a reindex says of how far it is: it never falls, never passes its total, and ends at it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.events import JobProgressedEvent
from lorebase.schemas.jobs import Job, JobProgress, JobStage, JobStatus
from lorebase.schemas.search import PartitionAddress
from lorebase.services.reindexing.reindex_progress import ReindexProgress
from tests.factories import add_tenant, make_settings
from tests.fakes.chunk_index import FakeChunkIndex
from tests.fakes.faults import Crash, Faults
from tests.fakes.world import World
from tests.unit.services.library_changes import CHANGES, Change
from tests.unit.services.library_of_indexes import Library

STEPS = 70
# Too many for one group, so that only the last count asks about all of them.
DOCUMENTS = 4
COUNTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=20)


# Time passes fast here: no lease runs out of it, and no reindex pauses for a share of it.
SETTINGS = make_settings(reindex_share=1.0, job_lease_seconds=600.0)


@pytest.fixture
async def library() -> Library:
    world = World(SETTINGS)
    return Library(world, await add_tenant(world.database))


class Telling(Faults):
    """Lets time pass at each step, so that each progress is told and none is left out as too soon."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def step(self) -> None:
        await super().step()
        self._world.clock.advance(0.26)


def told(library: Library, job: Job) -> list[JobProgress]:
    """All progress that subscribers saw, and last what the ended job says."""
    events = library.world.events_of(job)
    during = [event.progress for event in events if isinstance(event, JobProgressedEvent)]
    return [*during, library.world.job(job.id).progress]


def check_grows(progress: list[JobProgress]) -> None:
    """Nothing falls and nothing passes its total."""
    completed = [one.completed for one in progress]
    assert completed == sorted(completed)
    assert all(one.total is not None and one.completed <= one.total for one in progress)


@given(COUNTS, st.integers(0, 50), st.floats(0, 1))
def test_whatever_is_counted_progress_grows_and_ends_at_its_total(
    counts: list[tuple[int, int]], last: int, before: float
) -> None:
    progress = ReindexProgress(new_id(), before)
    seen, shares = [progress.at(JobStage.EMBED)], [progress.share]
    for held, wanted in counts:
        progress.note(held, wanted)
        seen.append(progress.at(JobStage.EMBED))
        shares.append(progress.share)
        assert seen[-1].completed >= held
        assert (seen[-1].total or 0) >= wanted
    progress.end(last)
    seen.append(progress.at(JobStage.INDEX))
    check_grows(seen)
    assert seen[-1].completed == seen[-1].total
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1


def test_an_index_that_holds_half_is_half_way() -> None:
    progress = ReindexProgress(new_id())
    progress.note(10, 20)
    assert (progress.at(JobStage.EMBED), progress.share) == (
        JobProgress(stage=JobStage.EMBED, completed=10, total=20),
        0.5,
    )


async def test_a_quiet_reindex_tells_each_group_and_ends_at_the_number_of_passages(library: Library) -> None:
    await library.fill(6)
    job = await library.reindex()
    await library.world.runner(Telling(library.world)).run(job.id)
    passages = (await library.indexes())[0].chunk_count
    progress = told(library, job)
    check_grows(progress)
    assert {one.total for one in progress} == {passages}
    assert len({one.completed for one in progress}) > 3
    assert (progress[0].completed, progress[-1].completed) == (0, passages)


async def test_an_empty_knowledge_base_ends_at_nothing_of_nothing(library: Library) -> None:
    job = await library.reindex()
    await library.world.run_all()
    assert library.world.job(job.id).progress == JobProgress(stage=JobStage.INDEX, completed=0, total=0)


async def test_what_dual_writes_did_counts(library: Library) -> None:
    """Every document gets new content once the job has begun, so others write all there is to write."""
    await library.fill(4)
    job = await library.reindex()
    faults = Telling(library.world)

    async def replace_all() -> None:
        for number in range(4):
            await library.add(str(number), f"Quite another text, {number}. " * 40)
        await library.world.run_all()

    faults.at(4, replace_all)
    await library.world.runner(faults).run(job.id)
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    progress = told(library, job)
    check_grows(progress)
    passages = (await library.indexes())[0].chunk_count
    assert progress[-1] == JobProgress(stage=JobStage.INDEX, completed=passages, total=passages)
    await library.check()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("step", range(2, 150, 6))
async def test_progress_grows_to_its_total_whatever_happens_meanwhile(
    library: Library, step: int, change: Change
) -> None:
    await library.fill(5)
    job = await library.reindex()
    faults = Telling(library.world)
    faults.at(step, lambda: change(library))
    await library.world.runner(faults).run(job.id)
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    progress = told(library, job)
    check_grows(progress)
    held = (await library.indexes())[0].chunk_count
    assert progress[-1].completed == progress[-1].total >= held


class BusyIndex(FakeChunkIndex):
    """Somebody else acts once, right after the last count."""

    def __init__(self) -> None:
        super().__init__()
        self.afterwards: Change | None = None
        self.library: Library | None = None

    async def count_each(
        self, address: PartitionAddress, document_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[int, int]]:
        found = await super().count_each(address, document_ids)
        act = self.afterwards
        if act is not None and self.library is not None and len(document_ids) == DOCUMENTS:
            self.afterwards = None
            await act(self.library)
        return found


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_the_end_knows_what_came_after_the_last_progress(change: Change) -> None:
    index = BusyIndex()
    world = World(SETTINGS, store=index)
    index.library = library = Library(world, await add_tenant(world.database))
    await library.fill(DOCUMENTS)
    job = await library.reindex()
    index.afterwards = change
    await world.runner(Telling(world)).run(job.id)
    assert index.afterwards is None
    progress = told(library, job)
    check_grows(progress)
    held = (await library.indexes())[0].chunk_count
    assert progress[-1].completed == progress[-1].total >= held


@pytest.mark.parametrize("step", range(8, STEPS, 8))
async def test_the_share_on_the_index_never_falls_when_another_worker_goes_on(
    library: Library, step: int
) -> None:
    await library.fill(8)
    job = await library.reindex()
    faults = Faults()
    faults.crash_at(step)
    with contextlib.suppress(Crash):
        await library.world.runner(faults).run(job.id)
    assert library.world.job(job.id).status is JobStatus.RUNNING
    before = {index.id: index for index in await library.indexes()}[job.subject_id]
    # Documents that were written are gone again: what the next worker finds is less than was told.
    for number in range(3):
        found = await library.world.documents.by_external_id(
            library.tenant.principal, library.base_id, str(number)
        )
        assert found is not None
        await library.world.documents.delete(library.tenant.principal, found.id)
    library.world.clock.advance(library.world.settings.job_lease_seconds + 1)
    library.world.embedder.failure = Unavailable("away", code=ErrorCode.MODEL_UNAVAILABLE)
    await library.world.run_all()
    between = {index.id: index for index in await library.indexes()}[job.subject_id]
    assert between.progress >= before.progress
    library.world.embedder.failure = None
    library.world.clock.advance(120)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert (await library.indexes())[0].progress == 1.0
    await library.check()
