"""The postings in PostgreSQL keep the contract of keyword indexes, and what is theirs alone."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

import pytest
from sqlalchemy import text

from lorebase.core.errors import Transient
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.search import KeywordPosting, KeywordQuery
from lorebase.services.keywords.keyword_search import PostingsIndex
from tests.contracts.keyword_index_contract import KeywordIndexContract
from tests.contracts.keyword_library import VERSION, Corpus, Library, postings
from tests.integration.database import DatabaseUrls, connect
from tests.integration.sql.factories import Live, Tenant, add_live, register_analyser

Units = SqlUnitOfWorkFactory


class TestSqlKeywordPostings(KeywordIndexContract):
    @pytest.fixture
    async def library(self, units: Units, database: DatabaseUrls) -> Library:
        await register_analyser(database, VERSION + 1)
        return Library(units, PostingsIndex(units))


async def search(units: Units, tenant: Tenant, *terms: int) -> list[UUID]:
    query = KeywordQuery(
        terms=terms, analyser_version=VERSION, limit=10, knowledge_base_ids=(tenant.knowledge_base_id,)
    )
    async with units.for_workspace(tenant.workspace_id) as uow:
        return [hit.chunk_id for hit in await uow.keywords.search(query, 5000)]


async def test_a_search_that_takes_too_long_is_transient_and_the_transaction_goes_on(
    units: Units, tenant: Tenant, database: DatabaseUrls
) -> None:
    await Corpus().write(Library(units, PostingsIndex(units)), tenant, 1)
    owner = await connect(database.owner)
    query = KeywordQuery(
        terms=(100,), analyser_version=VERSION, limit=5, knowledge_base_ids=(tenant.knowledge_base_id,)
    )
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE keyword_postings IN ACCESS EXCLUSIVE MODE")
            async with units.for_workspace(tenant.workspace_id) as uow:
                with pytest.raises(Transient) as raised:
                    await uow.keywords.search(query, 50)
                assert raised.value.retryable
                with pytest.raises(Transient):
                    await uow.keywords.statistics(VERSION, (100,), 50)
                assert (await uow.workspaces.get()).id == tenant.workspace_id
                timeout = await uow.database.first(text("SHOW statement_timeout"))
                assert timeout == ("15s",)
        async with units.for_workspace(tenant.workspace_id) as uow:
            assert await uow.keywords.search(query, 5000)
            assert await uow.database.first(text("SHOW statement_timeout")) == ("15s",)
    finally:
        await owner.close()


async def test_writers_of_the_same_words_never_wait_in_a_circle(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        documents = [await add_live(uow, tenant, texts=["x"] * 20) for _ in range(8)]
        await uow.commit()

    async def write(live: Live, seed: int) -> None:
        chance = random.Random(seed)
        words = [chance.sample(range(1000), 50) for _ in live.chunks]
        found = [p for one, its in zip(live.chunks, words, strict=True) for p in postings(one, its)]
        chance.shuffle(found)
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, VERSION, found)
            await uow.commit()

    await asyncio.gather(*(write(live, seed) for seed, live in enumerate(documents * 2)))
    assert len(await search(units, tenant, *range(1000))) == 10


async def test_a_posting_without_its_passage_is_no_hit(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("a",))
        stray = KeywordPosting(term=5, chunk_id=new_id(), weight=1.0)
        await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, VERSION, [stray])
        await uow.commit()
    assert await search(units, tenant, 5) == []
