"""The evaluations in memory keep the contract, so that services may be tested against them."""

from __future__ import annotations

import pytest

from tests.contracts.evaluations_contract import EvaluationsContract, Place
from tests.factories import add_tenant
from tests.fakes.unit_of_work import FakeUnits, MemoryDatabase


class TestFakeEvaluations(EvaluationsContract):
    @pytest.fixture
    def database(self) -> MemoryDatabase:
        return MemoryDatabase()

    @pytest.fixture
    def units(self, database: MemoryDatabase) -> FakeUnits:
        return FakeUnits(database)

    @pytest.fixture
    async def place(self, database: MemoryDatabase) -> Place:
        tenant = await add_tenant(database)
        base = tenant.knowledge_base
        return Place(tenant.workspace.id, base.id, base.active_index_id)
