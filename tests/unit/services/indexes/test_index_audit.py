"""Counting many documents with few looks at the vector store, and still missing no passage that is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.errors import ErrorCode, JobCancelled, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.jobs import Job, JobStatus
from lorebase.schemas.reconciliation import DriftKind
from lorebase.schemas.search import PartitionAddress
from lorebase.services.indexes.index_audit import IndexAudit
from lorebase.services.indexes.index_writer import IndexTarget, targets_of
from lorebase.services.jobs.job_control import JobControl
from tests.factories import add_tenant, make_settings
from tests.fakes.chunk_index import FakeChunkIndex
from tests.fakes.world import World
from tests.unit.services.library_of_indexes import BODY, Library

SHORT = "Short."
GROUP = 32


class CountingIndex(FakeChunkIndex):
    """Notes of how many documents each look asked."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[int] = []

    async def count(
        self, address: PartitionAddress, document_id: UUID, *, generation: int | None = None
    ) -> int:
        self.looks.append(1)
        return await super().count(address, document_id, generation=generation)

    async def count_each(
        self, address: PartitionAddress, document_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[int, int]]:
        self.looks.append(len(document_ids))
        return await super().count_each(address, document_ids)


async def shelf(documents: int, body: str = SHORT) -> tuple[Library, CountingIndex]:
    """A library whose documents can be found, and its index; nothing was looked at yet."""
    index = CountingIndex()
    world = World(make_settings(embedding_batch_size=64, reindex_share=1.0), store=index)
    world.index = index
    library = Library(world, await add_tenant(world.database))
    for number in range(documents):
        await library.add(str(number), body)
    await world.run_all()
    index.looks.clear()
    return library, index


async def active_target(library: Library) -> IndexTarget:
    async with library.world.units.for_workspace(library.tenant.workspace.id) as uow:
        return (await targets_of(uow, library.base_id))[0]


def control_of(library: Library, job: Job) -> JobControl:
    world = library.world
    return JobControl(job, units=world.units, events=world.events, settings=world.settings, clock=world.clock)


def audit_of(library: Library, index: FakeChunkIndex) -> IndexAudit:
    return IndexAudit(units=library.world.units, index=index, settings=library.world.settings)


async def audit(library: Library, index: FakeChunkIndex) -> bool:
    """Whether the active index is sound; what is not is struck off."""
    job = await library.reindex()
    target = await active_target(library)
    return await audit_of(library, index).is_sound(target, control_of(library, job))


async def recorded(library: Library, target: IndexTarget) -> dict[UUID, int]:
    """Passages on record of each document."""
    async with library.world.units.for_workspace(library.tenant.workspace.id) as uow:
        held = await uow.indexes.held_documents(target.index.id, None, 1000)
    return {one.document_id: one.chunk_count for one in held}


async def test_a_reindex_counts_a_whole_group_with_one_look() -> None:
    library, index = await shelf(40)
    job = await library.reindex()
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.SUCCEEDED
    assert index.looks == [GROUP, 40 - GROUP, 40]
    await library.check()


async def test_documents_are_counted_by_the_page_and_passages_too_many_are_no_fault() -> None:
    library, index = await shelf(230)
    target = await active_target(library)
    [rows] = index.partitions.values()
    extra = next(iter(rows.values())).model_copy(update={"chunk_id": new_id(), "ordinal": 1})
    rows[extra.chunk_id] = extra
    before = await recorded(library, target)
    assert await audit(library, index)
    assert index.looks == [200, 30]
    assert await recorded(library, target) == before


@given(st.data())
async def test_exactly_the_documents_that_lack_a_passage_are_struck_off(data: st.DataObject) -> None:
    """Too many passages of one document never stand in for those that another lacks."""
    library, index = await shelf(6, BODY)
    target = await active_target(library)
    before = await recorded(library, target)
    [rows] = index.partitions.values()
    lost = data.draw(st.sets(st.sampled_from(sorted(rows)), max_size=6))
    lacking = {rows[chunk_id].document_id for chunk_id in lost}
    kept = [row for chunk_id, row in sorted(rows.items()) if chunk_id not in lost]
    for row in data.draw(st.lists(st.sampled_from(kept), max_size=len(lost) + 1)):
        generation = data.draw(st.sampled_from([row.generation, row.generation + 1]))
        if row.document_id in lacking:
            generation = row.generation + 1
        extra = row.model_copy(update={"chunk_id": new_id(), "generation": generation, "ordinal": 99})
        rows[extra.chunk_id] = extra
    for chunk_id in lost:
        del rows[chunk_id]
    assert await audit(library, index) is not bool(lacking)
    kept_on_record = {one: count for one, count in before.items() if one not in lacking}
    assert await recorded(library, target) == kept_on_record


async def test_a_job_that_is_asked_to_stop_counts_no_further() -> None:
    library, index = await shelf(3)
    target = await active_target(library)
    index.partitions.clear()
    before = await recorded(library, target)
    control = control_of(library, await library.reindex())
    control.cancel_requested = True
    with pytest.raises(JobCancelled):
        await audit_of(library, index).is_sound(target, control)
    assert await recorded(library, target) == before


async def test_an_outage_during_the_count_strikes_nothing_off() -> None:
    library, index = await shelf(3)
    target = await active_target(library)
    before = await recorded(library, target)
    index.down = True
    with pytest.raises(Unavailable) as refused:
        await audit(library, index)
    assert refused.value.code is ErrorCode.VECTOR_STORE_UNAVAILABLE
    assert await recorded(library, target) == before


async def test_reconciliation_counts_all_suspects_of_a_batch_with_one_look_a_collection() -> None:
    library, index = await shelf(30)
    index.partitions.clear()
    report = await library.world.reconcile(library.tenant, repair=False)
    assert [(count.kind, count.found) for count in report.counts] == [(DriftKind.MISSING_VECTORS, 30)]
    assert index.looks == [30, 30]
