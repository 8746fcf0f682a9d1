"""The life of documents and their jobs, over fakes: many examples."""

from __future__ import annotations

from uuid import UUID

from hypothesis import HealthCheck, settings

from lorebase.schemas.documents import DeletionReceipt, Document
from lorebase.schemas.jobs import Job
from tests.contracts.document_life import DocumentLife
from tests.factories import add_tenant, make_settings
from tests.fakes.world import World


class MemoryLedger:
    """Reads the tables in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def documents(self) -> dict[UUID, Document]:
        return dict(self._world.database.state.documents)

    async def jobs(self) -> dict[UUID, Job]:
        return dict(self._world.database.state.jobs)

    async def text(self, version_id: UUID) -> str:
        return self._world.database.state.texts[version_id]

    async def receipt(self, document_id: UUID) -> DeletionReceipt:
        receipts = self._world.database.state.receipts.values()
        [found] = [receipt for receipt in receipts if receipt.document_id == document_id]
        return found

    async def blob_keys(self) -> set[str]:
        return {version.blob_key for version in self._world.database.state.versions.values()}

    async def traces(self, document_id: UUID) -> int:
        state = self._world.database.state
        rows = [version.document_id for version in state.versions.values()]
        rows += [chunk.document_id for chunks in state.chunks.values() for chunk in chunks]
        rows += [key[0] for key in state.postings] + [key[1] for key in state.index_documents]
        return rows.count(document_id)

    async def pass_time(self, seconds: float) -> None:
        self._world.clock.advance(seconds)


class DocumentLifeInMemory(DocumentLife):
    async def open(self) -> None:
        self.world = World(make_settings(job_attempts_maximum=1000))
        self.tenant = await add_tenant(self.world.database)
        self.ledger = MemoryLedger(self.world)


DocumentLifeInMemory.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestDocumentLife = DocumentLifeInMemory.TestCase
