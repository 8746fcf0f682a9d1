"""The fake keyword indexes keep the contract, so that services may be tested against them."""

from __future__ import annotations

import pytest

from lorebase.core.errors import Transient
from lorebase.schemas.search import KeywordQuery
from lorebase.services.keywords.keyword_search import PostingsIndex
from tests.contracts.keyword_index_contract import KeywordIndexContract
from tests.contracts.keyword_library import Library
from tests.factories import add_tenant
from tests.fakes.chunk_index import FakeChunkIndex
from tests.fakes.keyword_index import FakeKeywordIndex
from tests.fakes.unit_of_work import FakeUnits, MemoryDatabase
from tests.integration.sql.factories import Tenant


class _OnFakes(KeywordIndexContract):
    @pytest.fixture
    def database(self) -> MemoryDatabase:
        return MemoryDatabase()

    @pytest.fixture
    async def tenant(self, database: MemoryDatabase) -> Tenant:
        return await self._tenant(database, "Ours")

    @pytest.fixture
    async def neighbour(self, database: MemoryDatabase, tenant: Tenant) -> Tenant:
        return await self._tenant(database, "Theirs")

    async def _tenant(self, database: MemoryDatabase, name: str) -> Tenant:
        made = await add_tenant(database, name=name)
        shared = made.workspace.model_copy(update={"partition": "partition_1"})
        database.state.workspaces[shared.id] = shared
        return Tenant(shared.id, made.knowledge_base, made.model)


class TestPostingsInMemory(_OnFakes):
    @pytest.fixture
    def library(self, database: MemoryDatabase) -> Library:
        units = FakeUnits(database)
        return Library(units, PostingsIndex(units))


class TestFakeKeywordIndex(_OnFakes):
    @pytest.fixture
    def library(self, database: MemoryDatabase) -> Library:
        units, store = FakeUnits(database), FakeChunkIndex()
        return Library(units, FakeKeywordIndex(units, store), store, "keywords")

    async def test_no_time_is_transient(self, library: Library, tenant: Tenant) -> None:
        query = KeywordQuery(
            terms=(5,), analyser_version=1, limit=1, knowledge_base_ids=(tenant.knowledge_base_id,)
        )
        with pytest.raises(Transient):
            await library.index.search(await library.home(tenant), query, 0)
