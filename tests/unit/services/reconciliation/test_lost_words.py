"""Words that a document lost, all or some of them: found by counting, and written again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.config import KeywordStore
from lorebase.core.ids import new_id
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.documents import UpdateDocument
from lorebase.schemas.jobs import JobKind
from lorebase.schemas.reconciliation import DriftKind, DriftReport
from lorebase.schemas.search import KeywordPosting, PartitionAddress
from tests.factories import Tenant, add_tenant, make_settings
from tests.fakes.chunk_index import FakeChunkIndex
from tests.fakes.faults import Faults
from tests.fakes.memory.state import StoredPostings
from tests.fakes.world import World

BODY = "Words about lighthouses, harbours and storms. " * 60


def found(report: DriftReport) -> dict[DriftKind, int]:
    return {count.kind: count.found for count in report.counts}


def words(world: World, document_id: UUID) -> tuple[KeywordPosting, ...]:
    held = world.database.state.postings.get((document_id, FIRST_ANALYSER))
    return held.postings if held is not None else ()


def put(world: World, tenant: Tenant, document_id: UUID, postings: Sequence[KeywordPosting]) -> None:
    """Changes the words behind everybody's back."""
    row = StoredPostings(tenant.workspace.id, tenant.knowledge_base.id, tuple(postings))
    world.database.state.postings[document_id, FIRST_ANALYSER] = row


async def ready(world: World, tenant: Tenant, body: str = BODY, **given: object) -> UUID:
    accepted = await world.upsert(tenant, body, **given)
    await world.run_all()
    return accepted.document.id


async def is_mended(world: World, tenant: Tenant, report: DriftReport) -> bool:
    """Whether what the report's jobs do leaves nothing to find."""
    assert {world.job(job_id).kind for job_id in report.jobs} == {JobKind.SYNC_METADATA}
    await world.run_all()
    return (await world.reconcile(tenant, repair=False)).found == 0


@pytest.mark.parametrize("lost", ["one word", "a passage", "all"])
async def test_lost_words_are_found_and_come_back_without_parsing_and_without_the_provider(
    world: World, tenant: Tenant, lost: str
) -> None:
    document_id, other = await ready(world, tenant), await ready(world, tenant, BODY + "Other. ")
    before = words(world, document_id)
    passage = before[0].chunk_id
    kept = {
        "one word": before[1:],
        "a passage": [one for one in before if one.chunk_id != passage],
        "all": [],
    }[lost]
    assert len(kept) < len(before)
    put(world, tenant, document_id, kept)
    untouched, calls, parsed = words(world, other), len(world.embedder.calls), world.parser.calls
    report = await world.reconcile(tenant)
    assert found(report) == {DriftKind.WRONG_COUNTS: 1}
    assert [one.document_id for one in report.examples] == [document_id]
    assert await is_mended(world, tenant, report)
    assert words(world, document_id) == before
    assert words(world, other) == untouched
    assert (len(world.embedder.calls), world.parser.calls) == (calls, parsed)


async def test_words_too_many_are_found_and_removed(world: World, tenant: Tenant) -> None:
    document_id = await ready(world, tenant)
    before = words(world, document_id)
    stray = KeywordPosting(term=5, chunk_id=new_id(), weight=1.0)
    put(world, tenant, document_id, [*before, stray])
    report = await world.reconcile(tenant)
    assert found(report) == {DriftKind.WRONG_COUNTS: 1}
    assert await is_mended(world, tenant, report)
    assert words(world, document_id) == before


async def test_only_looking_changes_no_word(world: World, tenant: Tenant) -> None:
    document_id = await ready(world, tenant)
    left = words(world, document_id)[1:]
    put(world, tenant, document_id, left)
    report = await world.reconcile(tenant, repair=False)
    assert (found(report), report.jobs) == ({DriftKind.WRONG_COUNTS: 1}, ())
    assert words(world, document_id) == left


@given(st.data())
async def test_exactly_the_documents_that_lost_a_word_are_found(data: st.DataObject) -> None:
    """Words that one document has too many never stand in for those that another lacks."""
    world = World(make_settings(reconcile_batch_documents=2))
    tenant = await add_tenant(world.database)
    ids = [await ready(world, tenant, f"{BODY} Number {number}. ") for number in range(5)]
    drifted = data.draw(st.dictionaries(st.sampled_from(ids), st.sampled_from([-3, -1, 1, 3])))
    for document_id, change in drifted.items():
        kept = words(world, document_id)
        more = [KeywordPosting(term=n, chunk_id=new_id(), weight=1.0) for n in range(max(0, change))]
        put(world, tenant, document_id, [*kept[: min(0, change) or None], *more])
    report = await world.reconcile(tenant)
    assert {one.document_id for one in report.examples} == drifted.keys()
    assert len(report.jobs) == len(drifted)
    await world.run_all()
    assert (await world.reconcile(tenant, repair=False)).found == 0


async def test_words_that_were_never_counted_are_missed_only_when_there_are_none(
    world: World, tenant: Tenant
) -> None:
    document_id = await ready(world, tenant)
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        [index] = await uow.embeddings.indexes_of(tenant.knowledge_base.id)
        held = world.database.state.index_documents[index.id, document_id]
        await uow.embeddings.commit_document(index.id, document_id, held.generation, held.chunk_count)
        await uow.commit()
    assert (await world.reconcile(tenant, repair=False)).found == 0
    put(world, tenant, document_id, [])
    report = await world.reconcile(tenant)
    assert found(report) == {DriftKind.WRONG_COUNTS: 1}
    assert await is_mended(world, tenant, report)


class SlowIndex(FakeChunkIndex):
    """Something happens while it counts."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    async def count_each(
        self, address: PartitionAddress, document_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[int, int]]:
        self.meanwhile()
        return await super().count_each(address, document_ids)


async def test_words_that_change_between_two_looks_are_no_finding() -> None:
    index = SlowIndex()
    world = World(store=index)
    tenant = await add_tenant(world.database)
    document_id = await ready(world, tenant)
    put(world, tenant, document_id, words(world, document_id)[2:])
    index.meanwhile = lambda: put(world, tenant, document_id, words(world, document_id)[1:])
    assert (await world.reconcile(tenant)).found == 0
    index.meanwhile = lambda: None
    assert found(await world.reconcile(tenant)) == {DriftKind.WRONG_COUNTS: 1}


@pytest.mark.parametrize("step", range(1, 40, 2))
async def test_comparing_at_any_moment_of_a_new_title_finds_nothing(
    world: World, tenant: Tenant, step: int
) -> None:
    document_id = await ready(world, tenant, title="Old")
    before = len(words(world, document_id))
    change = UpdateDocument(id=document_id, title="A title of many more words than before")
    updated = await world.documents.update(tenant.principal, change)
    assert updated.job is not None
    faults, reports = Faults(), []

    async def compare() -> None:
        reports.append(await world.reconcile(tenant))

    faults.at(step, compare)
    await world.runner(faults).run(updated.job.id)
    assert [report.found for report in reports] in ([], [0])
    assert (await world.reconcile(tenant)).found == 0
    assert len(words(world, document_id)) > before


async def test_either_store_of_words_that_lost_some_is_filled_again() -> None:
    world = World(make_settings(keyword_index=KeywordStore.BOTH))
    tenant = await add_tenant(world.database)
    in_postings, in_rows = await ready(world, tenant), await ready(world, tenant, BODY + "Other. ")
    before = {one: words(world, one) for one in (in_postings, in_rows)}
    put(world, tenant, in_postings, before[in_postings][1:])
    [rows] = [rows for (name, _), rows in world.index.partitions.items() if name.startswith("keywords_")]
    doomed = next(chunk_id for chunk_id, row in rows.items() if row.document_id == in_rows)
    lost = rows.pop(doomed)
    report = await world.reconcile(tenant)
    assert {(one.kind, one.document_id) for one in report.examples} == {
        (DriftKind.WRONG_COUNTS, in_postings),
        (DriftKind.MISSING_VECTORS, in_rows),
    }
    assert await is_mended(world, tenant, report)
    assert {one: words(world, one) for one in before} == before
    assert rows[doomed] == lost
