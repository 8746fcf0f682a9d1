"""Knowledge bases of one workspace share its partition, and each is searched as if it were alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import pytest

from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.milvus.library import MilvusClient
from lorebase.schemas.search import ChunkVector, PartitionAddress, VectorQuery
from tests.contracts.chunk_rows import address, document, passage, unit_vector
from tests.integration.embedded_parts import EmbeddedSession, wait_until
from tests.integration.milvus.conftest import TIMEOUT_SECONDS

CROWD = 4000
FEW = 250


@pytest.fixture
def home(collection: str) -> PartitionAddress:
    return address(collection, uuid4())


def rows(home: PartitionAddress, count: int, distance: float, dice: Random) -> list[ChunkVector]:
    """Passages of one knowledge base, scattered around a point at this angle from the query."""
    source = document(home.workspace_id)
    middle = unit_vector(distance)
    vectors = [[value + dice.gauss(0, 0.1) for value in middle] for _ in range(count)]
    return [
        passage(source, ordinal=number).row.model_copy(update={"vector": tuple(vector)})
        for number, vector in enumerate(vectors)
    ]


def graphs_are_built(folder: Path) -> bool:
    files = len(list(folder.rglob("data_*.parquet")))
    return 0 < files == len(list(folder.rglob("*.hnsw.idx")))


Store = Callable[[list[ChunkVector]], Awaitable[None]]


@pytest.fixture
def store(
    index: MilvusChunkIndex, home: PartitionAddress, milvus_uri: str, embedded_session: EmbeddedSession
) -> Store:
    """Writes rows and waits for the graph of the index: until it is there, every vector is compared."""
    folder = embedded_session.base / "milvus" / "collections" / home.collection

    def build_graph() -> None:
        client = MilvusClient(uri=milvus_uri, timeout=TIMEOUT_SECONDS, dedicated=True)
        client.flush(home.collection, timeout=TIMEOUT_SECONDS)
        client.close()
        # Lite calls the index finished before it is; its files are the only sign.
        wait_until(lambda: graphs_are_built(folder), "the graph of the index")

    async def write(mixed: list[ChunkVector]) -> None:
        await index.ensure_partition(home)
        await index.upsert(home, mixed)
        await asyncio.to_thread(build_graph)

    return write


async def found(index: MilvusChunkIndex, home: PartitionAddress, base: UUID, limit: int) -> list[UUID]:
    query = VectorQuery(vector=unit_vector(0.0), limit=limit, knowledge_base_ids=(base,))
    return [hit.chunk_id for hit in await index.search(home, query)]


@pytest.mark.parametrize("limit", [10, 100])
async def test_a_small_one_is_found_beside_a_large_one_that_is_nearer(
    limit: int, index: MilvusChunkIndex, home: PartitionAddress, store: Store
) -> None:
    dice = Random(11)
    crowd, few = rows(home, CROWD, 0.0, dice), rows(home, FEW, 0.8, dice)
    mixed = [*crowd, *few]
    dice.shuffle(mixed)
    await store(mixed)
    hits = await found(index, home, few[0].knowledge_base_id, limit)
    assert len(set(hits)) == len(hits) == limit
    assert set(hits) <= {row.chunk_id for row in few}


async def test_one_that_has_fewer_passages_than_asked_for_gives_nearly_all(
    index: MilvusChunkIndex, home: PartitionAddress, store: Store
) -> None:
    """A graph may hold a row that no edge leads to; there are few of those."""
    dice = Random(12)
    crowd, handful = rows(home, CROWD, 0.0, dice), rows(home, 40, 1.2, dice)
    mixed = [*crowd, *handful]
    dice.shuffle(mixed)
    await store(mixed)
    hits = await found(index, home, handful[0].knowledge_base_id, 100)
    assert len(set(hits)) == len(hits) >= 36
    assert set(hits) <= {row.chunk_id for row in handful}
