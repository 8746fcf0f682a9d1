"""Evaluations in PostgreSQL."""

from __future__ import annotations

import pytest

from lorebase.core.errors import NotFound
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from tests.contracts.evaluations_contract import EvaluationsContract, Place, a_case, add_run, add_set
from tests.integration.database import DatabaseUrls, run_statements
from tests.integration.sql.factories import Tenant, add_live


def place_of(tenant: Tenant) -> Place:
    return Place(tenant.workspace_id, tenant.knowledge_base_id, tenant.index_id)


class TestSqlEvaluations(EvaluationsContract):
    @pytest.fixture
    def place(self, tenant: Tenant) -> Place:
        return place_of(tenant)


async def test_a_run_measures_an_index_of_its_own_knowledge_base_only(
    units: SqlUnitOfWorkFactory, tenant: Tenant, neighbour: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        made = await add_set(uow, place_of(tenant))
        with pytest.raises(NotFound):
            await add_run(uow, made, neighbour.index_id)


async def test_a_set_goes_with_its_knowledge_base_and_takes_its_runs_along(
    units: SqlUnitOfWorkFactory, database: DatabaseUrls, tenant: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        made = await add_set(uow, place_of(tenant))
        await uow.evaluations.add_cases(made.id, [a_case(1)])
        run = await add_run(uow, made, tenant.index_id)
        await uow.commit()
    await run_statements(database.owner, f"DELETE FROM evaluation_sets WHERE id = '{made.id}'")
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.evaluations.get_runs([run.id]) == []
        assert await uow.evaluations.cases_after(made.id, 0, 10) == []


async def test_documents_are_named_by_the_callers_own_keys(
    units: SqlUnitOfWorkFactory, tenant: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, external_id="a/ä")
        gone = await add_live(uow, tenant, external_id="gone")
        await uow.documents.mark_deleting(gone.document.id)
        found = await uow.documents.ids_by_external_id(
            tenant.knowledge_base_id, ["a/ä", "gone", "never", "x' OR true --"]
        )
        assert found == {"a/ä": live.document.id}
        assert await uow.documents.ids_by_external_id(new_id(), ["a/ä"]) == {}
        assert await uow.documents.ids_by_external_id(tenant.knowledge_base_id, []) == {}
