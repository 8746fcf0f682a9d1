"""A vector store that says yes and does not do it: what it holds is counted, and done again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.core.errors import ErrorCode
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.jobs import JobStatus
from lorebase.schemas.search import ChunkVector, PartitionAddress
from tests.factories import add_tenant
from tests.fakes.chunk_index import FakeChunkIndex
from tests.fakes.world import World

BODY = "Words about lighthouses. " * 60


class LyingIndex(FakeChunkIndex):
    """Loses the last row of the next writes and does not do the next removals, as many as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lost_writes = 0
        self.lost_removals = 0

    async def upsert(self, address: PartitionAddress, rows: Sequence[ChunkVector]) -> None:
        lie = self.lost_writes > 0 and len(rows) > 0
        self.lost_writes -= lie
        await super().upsert(address, rows[:-1] if lie else rows)

    async def delete(
        self,
        address: PartitionAddress,
        document_id: UUID,
        *,
        above_generation: int | None = None,
        below_generation: int | None = None,
        from_ordinal: int = 0,
    ) -> None:
        if self.lost_removals > 0:
            self.lost_removals -= 1
            return
        await super().delete(
            address,
            document_id,
            above_generation=above_generation,
            below_generation=below_generation,
            from_ordinal=from_ordinal,
        )


async def test_a_lost_write_is_noticed_before_anything_goes_live() -> None:
    index = LyingIndex()
    world = World(store=index)
    tenant = await add_tenant(world.database)
    index.lost_writes = 1
    accepted = await world.upsert(tenant, BODY)
    assert accepted.job is not None
    await world.runner().run(accepted.job.id)
    job = world.job(accepted.job.id)
    assert job.error is not None
    assert (job.status, job.attempt, job.error.code) == (
        JobStatus.QUEUED,
        1,
        ErrorCode.VECTOR_STORE_UNAVAILABLE,
    )
    assert world.document(accepted.document.id).live_generation is None
    await world.run_all()
    assert world.document(accepted.document.id).status is DocumentStatus.READY
    assert (await world.reconcile(tenant)).found == 0


async def test_a_repair_is_done_again_until_the_store_holds_everything() -> None:
    index = LyingIndex()
    world = World(store=index)
    tenant = await add_tenant(world.database)
    await world.upsert(tenant, BODY)
    await world.run_all()
    index.partitions.clear()
    index.lost_writes = 1
    report = await world.reconcile(tenant)
    await world.runner().run(report.jobs[0])
    assert world.job(report.jobs[0]).status is JobStatus.QUEUED
    await world.run_all()
    assert world.job(report.jobs[0]).status is JobStatus.SUCCEEDED
    assert (await world.reconcile(tenant)).found == 0


async def test_a_receipt_stays_open_until_the_store_holds_nothing() -> None:
    index = LyingIndex()
    world = World(store=index)
    tenant = await add_tenant(world.database)
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    deleted = await world.documents.delete(tenant.principal, accepted.document.id)
    index.lost_removals = 1
    await world.runner().run(deleted.job.id)
    [receipt] = await world.documents.receipts(tenant.principal, [deleted.receipt.id])
    assert (receipt.completed_at, receipt.vectors_remaining > 0) == (None, True)
    assert world.job(deleted.job.id).status is JobStatus.QUEUED
    await world.run_all()
    [receipt] = await world.documents.receipts(tenant.principal, [deleted.receipt.id])
    assert receipt.completed_at is not None
    assert receipt.vectors_remaining == 0


async def test_an_orphan_that_stays_is_not_called_mended() -> None:
    index = LyingIndex()
    world = World(store=index)
    tenant = await add_tenant(world.database)
    accepted = await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    index.lost_removals = 2
    await world.upsert(tenant, BODY + "2", external_id="x")
    await world.run_all()
    report = await world.reconcile(tenant)
    assert (report.found, report.repaired) == (1, 0)
    again = await world.reconcile(tenant)
    assert (again.found, again.repaired) == (1, 1)
    assert accepted.document.id == again.examples[0].document_id
