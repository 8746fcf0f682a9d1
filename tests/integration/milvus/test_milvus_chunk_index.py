"""What is particular to Milvus: outages, event loops, silence, narrow searches, and collections."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from lorebase.core.errors import Conflict, ErrorCode, LorebaseError, Unavailable
from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.milvus.collection import MilvusCollections
from lorebase.repositories.milvus.connection import MilvusConnections
from lorebase.repositories.milvus.errors import translated
from lorebase.repositories.milvus.library import MilvusClient
from lorebase.schemas.filters import DocumentFilter, SearchFilter, StringFilter
from lorebase.schemas.search import PartitionAddress
from tests.contracts.chunk_index_contract import near
from tests.contracts.chunk_rows import DIMENSIONS, address, document, passage
from tests.integration.milvus.conftest import TIMEOUT_SECONDS, embedding_model


def flush(uri: str, collection: str) -> None:
    client = MilvusClient(uri=uri, timeout=TIMEOUT_SECONDS, dedicated=True)
    client.flush(collection, timeout=TIMEOUT_SECONDS)
    client.close()


@pytest.fixture
def home(collection: str) -> PartitionAddress:
    return address(collection, uuid4())


async def test_nobody_at_the_address_is_unavailable(tmp_path: Path) -> None:
    index = MilvusChunkIndex(f"unix:{tmp_path}/nobody.sock", None, 1.0)
    with pytest.raises(Unavailable) as error:
        await index.search(address("c", uuid4()), near(uuid4()))
    assert error.value.code is ErrorCode.VECTOR_STORE_UNAVAILABLE
    with pytest.raises(Unavailable):
        await index.ping()
    await index.close()


async def test_a_collection_that_was_never_made_is_unavailable_and_not_empty(
    index: MilvusChunkIndex,
) -> None:
    nowhere = address("never_made", uuid4())
    with pytest.raises(Unavailable):
        await index.search(nowhere, near(uuid4()))
    with pytest.raises(Unavailable):
        await index.upsert(nowhere, [passage(document(nowhere.workspace_id)).row])


async def test_milvus_that_answers_can_be_pinged(index: MilvusChunkIndex) -> None:
    await index.ping()


def test_one_index_serves_several_event_loops(milvus_uri: str, collections: MilvusCollections) -> None:
    name = f"chunks_{secrets.token_hex(6)}"
    index = MilvusChunkIndex(milvus_uri, None, TIMEOUT_SECONDS)
    source = document(uuid4())
    home = address(name, source.workspace_id)

    async def write() -> None:
        await collections.create(embedding_model(name))
        await index.ensure_partition(home)
        await index.upsert(home, [passage(source).row])
        await index.close()

    async def read() -> int:
        found = await index.count(home, source.id)
        await index.close()
        return found

    asyncio.run(write())
    assert [asyncio.run(read()), asyncio.run(read())] == [1, 1]
    asyncio.run(collections.drop(name))


async def test_many_tasks_may_ask_at_once_before_there_is_a_connection(
    milvus_uri: str, collection: str
) -> None:
    index = MilvusChunkIndex(milvus_uri, None, TIMEOUT_SECONDS)
    places = [address(collection, uuid4()) for _ in range(10)]
    await asyncio.gather(*(index.ensure_partition(place) for place in places))
    counts = await asyncio.gather(*(index.count(place, uuid4()) for place in places))
    assert counts == [0] * 10
    await index.close()


async def test_workers_may_make_the_same_partition_at_once(
    index: MilvusChunkIndex, home: PartitionAddress
) -> None:
    await asyncio.gather(*(index.ensure_partition(home) for _ in range(8)))
    assert await index.count(home, uuid4()) == 0


async def test_a_failed_search_logs_no_filter(
    milvus_uri: str,
    home: PartitionAddress,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    connections = MilvusConnections(milvus_uri, None, TIMEOUT_SECONDS)
    client = (await connections.get()).client
    with caplog.at_level(logging.DEBUG), pytest.raises(LorebaseError) as error, translated("query"):
        await client.query(home.collection, filter='title === "Geheimnis"', timeout=TIMEOUT_SECONDS)
    await connections.close()
    written = capfd.readouterr()
    logged = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "Geheimnis" not in f"{logged}{written.out}{written.err}{error.value.message}"


async def test_a_few_documents_among_many_are_all_found(
    milvus_uri: str, index: MilvusChunkIndex, home: PartitionAddress
) -> None:
    base, dice = uuid4(), Random(5)
    crowd, wanted = (document(home.workspace_id, knowledge_base_id=base) for _ in range(2))
    rows = [passage(wanted if n % 100 == 0 else crowd, ordinal=n).row for n in range(4000)]
    scattered = [row.model_copy(update={"vector": scatter(dice)}) for row in rows]
    await index.ensure_partition(home)
    await index.upsert(home, scattered)
    # The graph, which loses rows under narrow filters, is built when rows are flushed.
    await asyncio.to_thread(flush, milvus_uri, home.collection)
    hits = await index.search(home, near(base, limit=100, ids=(wanted.id,)))
    assert {hit.chunk_id for hit in hits} == {row.chunk_id for row in rows if row.document_id == wanted.id}


def scatter(dice: Random) -> tuple[float, ...]:
    return tuple(dice.gauss(0, 1) for _ in range(DIMENSIONS))


async def test_a_row_that_does_not_fit_is_stored_cut_and_found_by_every_filter(
    index: MilvusChunkIndex, home: PartitionAddress
) -> None:
    source = document(home.workspace_id, title="漢" * 5000)
    await index.ensure_partition(home)
    await index.upsert(home, [passage(source).row])
    for title in (StringFilter(eq="other"), StringFilter(contains="漢" * 3000)):
        given = SearchFilter(document=DocumentFilter(title=title))
        assert len(await index.search(home, near(source.knowledge_base_id, given=given))) == 1


async def test_another_tenants_rows_survive_the_same_document_id(
    index: MilvusChunkIndex, collection: str
) -> None:
    document_id = uuid4()
    places = [address(collection, uuid4(), "bucket") for _ in range(2)]
    await index.ensure_partition(places[0])
    for place in places:
        await index.upsert(place, [passage(document(place.workspace_id, id=document_id)).row])
    await index.delete(places[0], document_id)
    assert [await index.count(place, document_id) for place in places] == [0, 1]


async def test_creating_a_collection_again_keeps_it(
    collections: MilvusCollections, index: MilvusChunkIndex, home: PartitionAddress
) -> None:
    entry = passage(document(home.workspace_id))
    await index.ensure_partition(home)
    await index.upsert(home, [entry.row])
    assert await collections.create(embedding_model(home.collection)) is False
    assert await index.count(home, entry.document.id) == 1


async def test_a_collection_of_other_dimensions_is_a_conflict(
    collections: MilvusCollections, collection: str
) -> None:
    with pytest.raises(Conflict, match="vector"):
        await collections.create(embedding_model(collection, dimensions=9))
    assert await collections.create(embedding_model(collection)) is False


async def test_dropping_a_collection_twice_is_no_error(collections: MilvusCollections) -> None:
    name = f"chunks_{secrets.token_hex(6)}"
    await collections.create(embedding_model(name))
    await collections.drop(name)
    await collections.drop(name)
    assert await collections.create(embedding_model(name)) is True
    await collections.drop(name)


async def test_collections_out_of_reach_are_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await MilvusCollections(f"unix:{tmp_path}/nobody.sock", None, 1.0).drop("any")
