"""What a fault run reads of PostgreSQL at its end: rows that break a promise are found, others are not."""

from __future__ import annotations

import pytest

from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from tests.faults.stores import Rows
from tests.integration.database import DatabaseUrls, run_statements
from tests.integration.sql.factories import Live, Tenant, add_live, job

Units = SqlUnitOfWorkFactory


@pytest.fixture
def rows(database: DatabaseUrls) -> Rows:
    return Rows({"dsn": database.owner.replace("postgresql+asyncpg", "postgresql")})


async def live_document(units: Units, tenant: Tenant) -> Live:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("one", "two"))
        await uow.commit()
    return live


async def test_a_store_where_all_is_well_has_its_passages_and_nothing_else(
    units: Units, tenant: Tenant, rows: Rows
) -> None:
    live = await live_document(units, tenant)
    assert await rows.live_chunks() == {chunk.id.hex for chunk in live.chunks}
    assert (await rows.open_jobs(), await rows.unfinished(), await rows.leftovers()) == ([], [], [])


async def test_a_job_that_has_not_ended_is_unfinished(units: Units, tenant: Tenant, rows: Rows) -> None:
    live = await live_document(units, tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        added = await uow.jobs.add(job(live.document.id))
        await uow.commit()
    told = [f"{added.kind} {added.id} is QUEUED"]
    assert (await rows.open_jobs(), await rows.unfinished()) == (told, told)


async def test_rows_of_a_deleted_document_are_leftovers_and_its_receipt_is_unfinished(
    units: Units, tenant: Tenant, rows: Rows, database: DatabaseUrls
) -> None:
    live, kept = await live_document(units, tenant), await live_document(units, tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.mark_deleting(live.document.id)
        receipt = await uow.documents.add_receipt(new_id(), live.document.id, 2)
        await uow.commit()
    # As a deletion would leave it that forgot everything but the mark.
    await run_statements(
        database.owner, f"UPDATE documents SET status = 'DELETED' WHERE id = '{live.document.id}'"
    )
    found = await rows.leftovers()
    assert {f"chunk {chunk.id}" for chunk in live.chunks} <= set(found)
    assert f"version {live.version.id}" in found
    assert not any(str(kept.version.id) in one or str(kept.document.id) in one for one in found)
    assert await rows.unfinished() == [f"receipt {receipt.id} is open"]
    assert await rows.live_chunks() == {chunk.id.hex for chunk in kept.chunks}
