"""The fake index keeps the contract, so that services may be tested against it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from lorebase.core.errors import ErrorCode, Unavailable
from tests.contracts.chunk_index_contract import ChunkIndexContract, near
from tests.contracts.chunk_rows import address
from tests.fakes.chunk_index import FakeChunkIndex


class TestFakeChunkIndex(ChunkIndexContract):
    @pytest.fixture
    def collection(self) -> str:
        return "passages"

    @pytest.fixture
    def index(self) -> FakeChunkIndex:
        return FakeChunkIndex()

    async def test_an_index_that_is_down_says_so(self, index: FakeChunkIndex) -> None:
        index.down = True
        with pytest.raises(Unavailable) as error:
            await index.search(address("passages", uuid4()), near(uuid4()))
        assert error.value.code is ErrorCode.VECTOR_STORE_UNAVAILABLE
