"""Words of one version of the analyser that are removed, or go missing, while those of another stay whole."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

import pytest

from lorebase.core.config import KeywordStore
from lorebase.core.errors import Conflict, ErrorCode
from lorebase.schemas.documents import UpdateDocument
from lorebase.schemas.jobs import JobKind, JobLane, JobStatus
from lorebase.schemas.reconciliation import DriftKind
from lorebase.services.indexes.keyword_places import keyword_collection
from tests.factories import Tenant, add_tenant, make_settings
from tests.fakes.faults import Crash, Faults
from tests.fakes.memory.state import StoredPostings
from tests.fakes.world import World
from tests.unit.services.library_of_analysers import (
    CHANGES,
    found,
    offering_kw2,
    retire,
    rows_by_collection,
    versions,
)
from tests.unit.services.library_of_indexes import Library


@pytest.fixture
def library(world: World, tenant: Tenant) -> Library:
    return offering_kw2(world, tenant)


async def test_a_retired_index_takes_its_words_along_and_leaves_the_vectors_that_others_use(
    library: Library,
) -> None:
    await library.fill(2)
    old, before = library.active_id, await rows_by_collection(library)
    await library.reindex(analyser="kw2")
    await library.world.run_all()
    assert library.versions_with_words() == {1, 2}
    await retire(library, old)
    assert library.versions_with_words() == {2}
    assert await rows_by_collection(library) == before
    assert old not in library.world.database.state.indexes
    await library.check()
    assert await found(library, "lighthouses") == {"0", "1"}


async def test_of_two_retired_indexes_the_last_one_takes_along_what_both_used(library: Library) -> None:
    await library.fill(2)
    first = library.active_id
    both = await library.reindex(analyser="kw2")
    await library.world.run_all()
    last = await library.reindex(model=library.shorter)
    await library.world.run_all()
    assert [(index.model.dimensions, index.analyser_version) for index in await library.indexes()] == [
        (8, 2),
        (16, 2),
        (16, 1),
    ]
    for index_id in (first, both.subject_id):
        await library.world.indexes.delete(library.tenant.principal, index_id)
    library.world.clock.advance(library.world.settings.request_timeout_seconds)
    await library.world.run_all()
    assert library.world.database.state.indexes.keys() == {last.subject_id}
    assert await rows_by_collection(library) == {
        library.shorter.collection: (await library.indexes())[0].chunk_count
    }
    assert library.versions_with_words() == {2}
    await library.check()


async def test_what_is_being_removed_cannot_be_built_again_until_it_is_gone(library: Library) -> None:
    await library.fill(1)
    old = library.active_id
    await library.reindex(analyser="kw2")
    await library.world.run_all()
    await library.world.indexes.delete(library.tenant.principal, old)
    with pytest.raises(Conflict) as raised:
        await library.reindex(model=library.shorter, analyser="kw1")
    assert raised.value.code is ErrorCode.WRONG_STATE
    assert await versions(library) == [2]
    library.world.clock.advance(library.world.settings.request_timeout_seconds)
    await library.world.run_all()
    await library.reindex(analyser="kw1")
    await library.world.run_all()
    assert await versions(library) == [1, 2]
    await library.check()


@pytest.mark.parametrize("step", range(1, 16, 2))
async def test_a_removal_killed_anywhere_is_finished_by_the_next_worker(library: Library, step: int) -> None:
    await library.fill(2)
    old = library.active_id
    await library.reindex(analyser="kw2")
    await library.world.run_all()
    deleted = await library.world.indexes.delete(library.tenant.principal, old)
    library.world.clock.advance(library.world.settings.request_timeout_seconds)
    faults = Faults()
    faults.crash_at(step)
    with contextlib.suppress(Crash):
        await library.world.runner(faults).run(deleted.job.id)
    library.world.clock.advance(library.world.settings.job_lease_seconds + 1)
    await library.world.run_all()
    assert library.world.job(deleted.job.id).status is JobStatus.SUCCEEDED
    assert library.versions_with_words() == {2}
    await library.check()


@pytest.mark.parametrize("step", range(2, 26, 3))
async def test_an_upload_during_the_removal_leaves_nothing_of_the_retired_version(
    library: Library, step: int
) -> None:
    await library.fill(2)
    built = await library.reindex(analyser="kw2", activate=False)
    await library.world.run_all()
    document_id = await library.add("0", "Other words. " * 30)
    (job,) = [job for job in library.world.jobs_about(document_id) if not job.is_terminal]

    async def give_up() -> None:
        if built.subject_id in library.world.database.state.indexes:
            await library.world.indexes.delete(library.tenant.principal, built.subject_id)
            await library.world.runner().run_due(JobLane.INDEXES)

    faults = Faults()
    faults.at(step, give_up)
    await library.world.runner(faults).run(job.id)
    await give_up()
    await library.world.run_all()
    assert library.versions_with_words() == {1}
    assert await versions(library) == [1]
    await library.check()


@pytest.mark.parametrize("removal_step", range(3, 12, 2))
@pytest.mark.parametrize("writer_step", [4, 7, 10, 13, 16])
@pytest.mark.parametrize("kind", [JobKind.SYNC_METADATA, JobKind.INGEST])
async def test_a_writer_that_knew_the_retired_index_brings_none_of_its_words_back(
    library: Library, kind: JobKind, writer_step: int, removal_step: int
) -> None:
    """The writer stops, the index is retired, its removal stops, the writer ends, then the removal."""
    ids = await library.fill(2)
    built = await library.reindex(analyser="kw2", activate=False)
    await library.world.run_all()
    if kind is JobKind.INGEST:
        await library.add("1", "Other words. " * 30)
    else:
        change = UpdateDocument(id=ids[1], title="Another name")
        await library.world.documents.update(library.tenant.principal, change)
    (job,) = [job for job in library.world.jobs_about(ids[1]) if not job.is_terminal]
    stopped, goes_on = asyncio.Event(), asyncio.Event()

    async def stop() -> None:
        stopped.set()
        await goes_on.wait()

    faults = Faults()
    faults.at(writer_step, stop)
    writer = asyncio.create_task(library.world.runner(faults).run(job.id))
    ended = asyncio.create_task(stopped.wait())
    await asyncio.wait([writer, ended], return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()

    async def let_the_writer_end() -> None:
        goes_on.set()
        await writer

    deleted = await library.world.indexes.delete(library.tenant.principal, built.subject_id)
    meanwhile = Faults()
    meanwhile.at(removal_step, let_the_writer_end)
    await library.world.runner(meanwhile).run(deleted.job.id)
    await let_the_writer_end()
    library.world.clock.advance(library.world.settings.job_lease_seconds + 60)
    await library.world.run_all()
    assert library.versions_with_words() == {1}
    await library.check()


@pytest.mark.parametrize("step", range(2, 14))
async def test_two_removals_at_once_leave_nothing_that_both_had(library: Library, step: int) -> None:
    await library.fill(1)
    first = library.active_id
    second = (await library.reindex(analyser="kw2")).subject_id
    await library.world.run_all()
    last = await library.reindex(model=library.shorter)
    await library.world.run_all()
    principal = library.tenant.principal
    jobs = [(await library.world.indexes.delete(principal, index_id)).job for index_id in (first, second)]
    library.world.clock.advance(library.world.settings.request_timeout_seconds)
    faults = Faults()

    async def run_the_other() -> None:
        await library.world.runner().run(jobs[1].id)

    faults.at(step, run_the_other)
    await library.world.runner(faults).run(jobs[0].id)
    await library.world.run_all()
    assert [library.world.job(job.id).status for job in jobs] == [JobStatus.SUCCEEDED] * 2
    assert library.world.database.state.indexes.keys() == {last.subject_id}
    assert (await rows_by_collection(library)).keys() == {library.shorter.collection}
    assert library.versions_with_words() == {2}


async def test_shared_vectors_that_miss_are_written_again_before_the_switch(library: Library) -> None:
    ids = await library.fill(3)
    [index] = await library.indexes()
    for (collection, _), rows in library.world.index.partitions.items():
        if collection == index.model.collection:
            for chunk_id in [row.chunk_id for row in rows.values() if row.document_id == ids[1]]:
                del rows[chunk_id]
    job = await library.reindex(analyser="kw2")
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    await library.check()


async def test_shared_words_that_go_missing_are_written_again_before_the_switch(library: Library) -> None:
    ids = await library.fill(3)
    job = await library.reindex(model=library.shorter)
    faults = Faults()
    lost: list[UUID] = []

    async def lose() -> None:
        committed = (job.subject_id, ids[0]) in library.world.database.state.index_documents
        if committed and not lost:
            lost.append(ids[0])
            del library.world.database.state.postings[ids[0], 1]

    for step in range(1, 400):
        faults.at(step, lose)
    await library.world.runner(faults).run(job.id)
    await library.world.run_all()
    assert lost == [ids[0]]
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    await library.check()


async def test_a_cancelled_backfill_leaves_no_words(library: Library) -> None:
    await library.fill(2)
    job = await library.reindex(analyser="kw2")
    await library.world.jobs.cancel(library.tenant.principal, job.id)
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.CANCELLED
    assert await versions(library) == [1]
    assert library.versions_with_words() == {1}
    await library.check()


@pytest.mark.parametrize("version", [1, 2])
async def test_lost_words_of_either_version_are_found_and_written_again(
    library: Library, version: int
) -> None:
    ids = await library.fill(2)
    await library.reindex(analyser="kw2")
    await library.world.run_all()
    assert (await library.world.reconcile(library.tenant)).found == 0
    del library.world.database.state.postings[ids[0], version]
    report = await library.world.reconcile(library.tenant)
    assert {count.kind for count in report.counts if count.found} == {DriftKind.WRONG_COUNTS}
    await library.world.run_all()
    await library.check()
    assert (await library.world.reconcile(library.tenant)).found == 0


async def test_what_a_release_without_versions_wrote_meanwhile_is_found_and_mended(library: Library) -> None:
    [document_id] = await library.fill(1)
    job = await library.reindex(analyser="kw2")
    await library.world.run_all()
    state = library.world.database.state
    del state.postings[document_id, 2]
    async with library.world.units.for_workspace(library.tenant.workspace.id) as uow:
        held = state.index_documents[job.subject_id, document_id]
        await uow.embeddings.commit_document(job.subject_id, document_id, held.generation, held.chunk_count)
        await uow.commit()
    assert (await library.world.reconcile(library.tenant)).found == 1
    await library.world.run_all()
    await library.check()


async def test_words_lost_while_it_builds_are_counted_and_written_again(library: Library) -> None:
    ids = await library.fill(3)
    job = await library.reindex(analyser="kw2")
    state = library.world.database.state
    lost: list[int] = []

    async def lose() -> None:
        row = state.postings.get((ids[0], 2))
        if row is not None and not lost:
            lost.append(len(row.postings))
            short = StoredPostings(row.workspace_id, row.knowledge_base_id, row.postings[1:])
            library.world.database.state.postings[ids[0], 2] = short

    faults = Faults()
    for step in range(1, 400):
        faults.at(step, lose)
    await library.world.runner(faults).run(job.id)
    await library.world.run_all()
    assert lost[0] > 1
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    await library.check()


async def test_nothing_of_a_deleted_document_or_knowledge_base_remains_in_any_version(
    library: Library,
) -> None:
    ids = await library.fill(2)
    await library.reindex(analyser="kw2")
    await library.world.run_all()
    await library.world.documents.delete(library.tenant.principal, ids[0])
    await library.world.run_all()
    assert {key for key in library.world.database.state.postings if key[0] == ids[0]} == set()
    await library.check()
    await library.world.bases.delete(library.tenant.principal, library.base_id)
    await library.world.run_all()
    assert library.world.database.state.postings == {}


class TestWithWordsInMilvus:
    """The same where the vector store keeps the weights of terms too: one collection a version."""

    @pytest.fixture
    async def library(self) -> Library:
        world = World(make_settings(keyword_index=KeywordStore.BOTH))
        return offering_kw2(world, await add_tenant(world.database))

    async def test_weights_are_built_beside_each_other_kept_and_removed(self, library: Library) -> None:
        first, second = keyword_collection(1), keyword_collection(2)
        await library.fill(3)
        old = library.active_id
        await library.reindex(analyser="kw2")
        await library.world.run_all()
        rows = await rows_by_collection(library)
        assert rows[first] == rows[second] == (await library.indexes())[0].chunk_count
        for change in CHANGES:
            await change(library)
        rows = await rows_by_collection(library)
        assert rows[first] == rows[second] == (await library.indexes())[0].chunk_count
        assert (await library.world.reconcile(library.tenant)).found == 0
        await retire(library, old)
        rows = await rows_by_collection(library)
        assert (rows[first], rows[second]) == (0, (await library.indexes())[0].chunk_count)
        assert (await library.world.reconcile(library.tenant)).found == 0
        await library.check()

    @pytest.mark.parametrize("version", [1, 2])
    async def test_lost_weights_of_either_version_are_found_and_written_again(
        self, library: Library, version: int
    ) -> None:
        ids = await library.fill(2)
        await library.reindex(analyser="kw2")
        await library.world.run_all()
        whole = await rows_by_collection(library)
        for (name, _), rows in library.world.index.partitions.items():
            if name == keyword_collection(version):
                for chunk_id in [row.chunk_id for row in rows.values() if row.document_id == ids[0]]:
                    del rows[chunk_id]
        report = await library.world.reconcile(library.tenant)
        assert {count.kind for count in report.counts if count.found} == {DriftKind.MISSING_VECTORS}
        await library.world.run_all()
        assert await rows_by_collection(library) == whole

    async def test_nothing_of_a_deleted_document_remains_in_any_collection(self, library: Library) -> None:
        ids = await library.fill(1)
        await library.reindex(analyser="kw2")
        await library.world.run_all()
        await library.world.documents.delete(library.tenant.principal, ids[0])
        await library.world.run_all()
        assert await rows_by_collection(library) == {}
