"""Collections of their own for tests against the session's Milvus."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from lorebase.core.ids import new_id
from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.milvus.collection import MilvusCollections
from lorebase.schemas.embeddings import EmbeddingModel
from tests.contracts.chunk_rows import DIMENSIONS, MOMENT

TIMEOUT_SECONDS = 20.0


def embedding_model(collection: str, dimensions: int = DIMENSIONS) -> EmbeddingModel:
    """A registered model version."""
    return EmbeddingModel(
        id=new_id(),
        name="test",
        provider="local",
        version="1",
        dimensions=dimensions,
        max_input_tokens=256,
        collection=collection,
        deprecated_at=None,
        created_at=MOMENT,
        updated_at=MOMENT,
    )


@pytest.fixture
def collections(milvus_uri: str) -> MilvusCollections:
    return MilvusCollections(milvus_uri, None, TIMEOUT_SECONDS)


@pytest.fixture
async def collection(collections: MilvusCollections) -> AsyncIterator[str]:
    """The name of a new, empty collection, removed afterwards."""
    name = f"chunks_{secrets.token_hex(6)}"
    assert await collections.create(embedding_model(name))
    yield name
    await collections.drop(name)


@pytest.fixture
async def index(milvus_uri: str) -> AsyncIterator[MilvusChunkIndex]:
    index = MilvusChunkIndex(milvus_uri, None, TIMEOUT_SECONDS)
    yield index
    await index.close()
