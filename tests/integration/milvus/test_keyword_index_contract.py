"""Sparse vectors in Milvus, with the counts of a real PostgreSQL, keep the contract that postings keep."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from lorebase.core.errors import Conflict, ErrorCode, Transient
from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.milvus.collection import MilvusCollections
from lorebase.repositories.milvus.keywords import MilvusKeywordIndex
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.analysers import analyser_name
from lorebase.schemas.filters import DocumentFilter, SearchFilter, StringFilter
from lorebase.schemas.search import KeywordQuery
from tests.contracts.keyword_index_contract import KeywordIndexContract
from tests.contracts.keyword_library import VERSION, Library
from tests.integration.database import (  # noqa: F401
    DatabaseUrls,
    database,
    database_settings,
    engine,
    migrated_template,
    module_database,
    units,
)
from tests.integration.embedded_parts import EmbeddedSession
from tests.integration.milvus.conftest import TIMEOUT_SECONDS, embedding_model
from tests.integration.sql.conftest import neighbour, tenant  # noqa: F401
from tests.integration.sql.factories import Tenant, register_analyser


@pytest.fixture(scope="module")
def keyword_collections(embedded_session: EmbeddedSession) -> Iterator[str]:
    """How two collections of weights are called but for their version; tests share them as workspaces do."""
    beginning = f"keywords_{secrets.token_hex(6)}"
    names = [f"{beginning}_{analyser_name(version)}" for version in (VERSION, VERSION + 1)]
    made = MilvusCollections(embedded_session.milvus_uri, None, TIMEOUT_SECONDS)
    for name in names:
        assert asyncio.run(made.create_keywords(name))
    yield beginning
    for name in names:
        asyncio.run(made.drop(name))


@pytest.fixture
async def library(
    units: SqlUnitOfWorkFactory,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
    index: MilvusChunkIndex,
    milvus_uri: str,
    keyword_collections: str,
) -> AsyncIterator[Library]:
    await register_analyser(database, VERSION + 1)
    keywords = MilvusKeywordIndex(units, milvus_uri, None, TIMEOUT_SECONDS)
    yield Library(units, keywords, index, keyword_collections)
    await keywords.close()


class TestMilvusKeywordIndex(KeywordIndexContract):
    async def test_a_filter_leaves_only_what_matches_it(self, library: Library, tenant: Tenant) -> None:  # noqa: F811
        one = await library.add(tenant, [5], title='100% \\ "quoted"')
        await library.add(tenant, [5], title="Other")
        wanted = SearchFilter(document=DocumentFilter(title=StringFilter(eq=one.document.title)))
        assert await library.found(tenant, 5, filter=wanted) == [one.chunks[0].id]

    async def test_rows_are_counted_and_removed_like_vectors(self, library: Library, tenant: Tenant) -> None:  # noqa: F811
        assert library.rows is not None
        home = await library.home(tenant)
        one, other = await library.add(tenant, [5], []), await library.add(tenant, [5])
        assert await library.rows.count(home, one.document.id, generation=1) == 2
        seen = [row async for page in library.rows.identities(home) for row in page]
        assert {row.document_id for row in seen} == {one.document.id, other.document.id}
        assert {row.chunk_id for row in seen} == {part.id for part in (*one.chunks, *other.chunks)}
        await library.rows.delete(home, one.document.id)
        assert await library.rows.count(home, one.document.id) == 0
        assert await library.rows.count_all(home, tenant.knowledge_base_id) == 1
        assert await library.found(tenant, 5) == [other.chunks[0].id]

    async def test_a_collection_that_exists_is_checked(
        self, collections: MilvusCollections, collection: str, keyword_collections: str
    ) -> None:
        keyword_collection = f"{keyword_collections}_{analyser_name(VERSION)}"
        assert not await collections.create_keywords(keyword_collection)
        with pytest.raises(Conflict, match="vector"):
            await collections.create_keywords(collection)
        with pytest.raises(Conflict, match="vector"):
            await collections.create(embedding_model(keyword_collection))

    async def test_a_store_that_is_silent_costs_no_more_than_the_time_given(
        self,
        units: SqlUnitOfWorkFactory,  # noqa: F811
        library: Library,
        tenant: Tenant,  # noqa: F811
    ) -> None:
        await library.add(tenant, [5])
        heard = asyncio.Event()

        async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.set()
            await _reader.read()
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        silent = MilvusKeywordIndex(units, f"http://127.0.0.1:{port}", None, TIMEOUT_SECONDS)
        query = KeywordQuery(
            terms=(5,), analyser_version=VERSION, limit=1, knowledge_base_ids=(tenant.knowledge_base_id,)
        )
        with pytest.raises(Transient) as raised:
            await silent.search(await library.home(tenant), query, 500)
        assert raised.value.code is ErrorCode.OVERLOADED
        assert heard.is_set()
        await silent.close()
        server.close()
