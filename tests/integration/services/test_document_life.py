"""The life of documents and their jobs, over a real PostgreSQL: fewer examples of the same machine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.config import Settings
from lorebase.models.chunks import chunks, keyword_postings
from lorebase.models.documents import deletion_receipts, document_versions, version_texts
from lorebase.models.embeddings import index_documents
from lorebase.models.jobs import jobs
from lorebase.repositories.database import create_engine, create_owner_engine
from lorebase.repositories.sql.document_rows import DOCUMENT_COLUMNS, document_of
from lorebase.repositories.sql.job_rows import JOB_COLUMNS, job_of
from lorebase.repositories.sql.receipt_rows import RECEIPT_COLUMNS, receipt_of
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.documents import DeletionReceipt, Document
from lorebase.schemas.jobs import Job
from tests.contracts.document_life import DocumentLife
from tests.factories import make_model, make_settings
from tests.fakes.world import World
from tests.integration.database import DatabaseUrls, empty
from tests.integration.services.conftest import make_tenant
from tests.integration.sql.factories import register

_LATER = text(
    "UPDATE jobs SET run_at = run_at - CAST(:by AS interval), "
    "lease_expires_at = lease_expires_at - CAST(:by AS interval)"
)


class SqlLedger:
    """Reads the tables as their owner. Its clock moves by moving what is due into the past."""

    def __init__(self, owner: AsyncEngine) -> None:
        self._owner = owner

    async def _rows(self, statement: Any) -> list[Row[Any]]:
        async with self._owner.connect() as connection:
            return list((await connection.execute(statement)).all())

    async def documents(self) -> dict[UUID, Document]:
        return {row.id: document_of(row) for row in await self._rows(select(*DOCUMENT_COLUMNS))}

    async def jobs(self) -> dict[UUID, Job]:
        rows = await self._rows(select(*JOB_COLUMNS).order_by(jobs.c.created_at, jobs.c.id))
        return {row.id: job_of(row) for row in rows}

    async def text(self, version_id: UUID) -> str:
        [row] = await self._rows(select(version_texts.c.text).where(version_texts.c.version_id == version_id))
        return str(row.text)

    async def receipt(self, document_id: UUID) -> DeletionReceipt:
        wanted = select(*RECEIPT_COLUMNS).where(deletion_receipts.c.document_id == document_id)
        [row] = await self._rows(wanted)
        return receipt_of(row)

    async def blob_keys(self) -> set[str]:
        return {row.blob_key for row in await self._rows(select(document_versions.c.blob_key))}

    async def traces(self, document_id: UUID) -> int:
        total = 0
        for table in (document_versions, chunks, keyword_postings, index_documents):
            counted = select(func.count()).select_from(table).where(table.c.document_id == document_id)
            [row] = await self._rows(counted)
            total += int(row[0])
        return total

    async def pass_time(self, seconds: float) -> None:
        async with self._owner.begin() as connection:
            await connection.execute(_LATER, {"by": timedelta(seconds=seconds)})


@pytest.mark.timeout(300)
def test_document_life_over_postgresql(module_database: DatabaseUrls) -> None:
    class DocumentLifeInPostgres(DocumentLife):
        async def open(self) -> None:
            await empty(module_database)
            self.engine = create_engine(module_database.login, Settings())
            self.owner = create_owner_engine(module_database.owner)
            units = SqlUnitOfWorkFactory(self.engine, Settings())
            self.world = World(make_settings(job_attempts_maximum=1000), units)
            self.tenant = await make_tenant(self.world, await register(module_database, make_model()))
            self.ledger = SqlLedger(self.owner)

        async def close(self) -> None:
            await self.engine.dispose()
            await self.owner.dispose()

    run_state_machine_as_test(
        DocumentLifeInPostgres,
        settings=settings(
            max_examples=5,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
