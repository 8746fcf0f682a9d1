"""Knowledge bases of one workspace share its partition, and each is searched as if it were alone."""

from __future__ import annotations

import math
from random import Random
from uuid import uuid4

import pytest

from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.milvus.library import MilvusClient
from lorebase.schemas.search import ChunkVector, PartitionAddress, VectorQuery
from tests.contracts.chunk_rows import address, document, passage, unit_vector
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


def similarity(row: ChunkVector) -> float:
    """To the query, which stands at angle 0."""
    return row.vector[0] / math.sqrt(sum(value * value for value in row.vector))


def flush(uri: str, collection: str) -> None:
    """Before this every vector is compared; after it the graph of the index is asked."""
    client = MilvusClient(uri=uri, timeout=TIMEOUT_SECONDS, dedicated=True)
    client.flush(collection, timeout=TIMEOUT_SECONDS)
    client.close()


@pytest.mark.parametrize("limit", [10, 100])
async def test_a_small_one_is_found_beside_a_large_one_that_is_nearer(
    limit: int, index: MilvusChunkIndex, home: PartitionAddress, milvus_uri: str
) -> None:
    dice = Random(11)
    crowd, few = rows(home, CROWD, 0.0, dice), rows(home, FEW, 0.8, dice)
    await index.ensure_partition(home)
    await index.upsert(home, [*crowd, *few])
    flush(milvus_uri, home.collection)
    query = VectorQuery(vector=unit_vector(0.0), limit=limit, knowledge_base_ids=(few[0].knowledge_base_id,))
    found = [hit.chunk_id for hit in await index.search(home, query)]
    nearest = sorted(few, key=similarity, reverse=True)[:limit]
    assert len(found) == limit
    assert len(set(found) & {row.chunk_id for row in nearest}) > 0.9 * limit
