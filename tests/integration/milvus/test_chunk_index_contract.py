"""Milvus Lite behind its owner keeps the contract that the fake keeps."""

from __future__ import annotations

from tests.contracts.chunk_index_contract import ChunkIndexContract


class TestMilvusChunkIndex(ChunkIndexContract):
    """Fixtures come from conftest.py."""
