"""The fake reranker keeps the contract."""

from __future__ import annotations

import pytest

from tests.contracts.reranker_contract import RerankerContract
from tests.fakes.reranker import FakeReranker


class TestFakeReranker(RerankerContract):
    @pytest.fixture
    def reranker(self) -> FakeReranker:
        return FakeReranker()
