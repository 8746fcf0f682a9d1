"""What every Reranker promises. A subclass with a fixture `reranker` tests an adapter."""

from __future__ import annotations

from lorebase.ports.reranker import Reranker

PASSAGES = ["A lock lets one worker in.", "A task is cancelled by its cancel method.", "A queue holds items."]


class RerankerContract:
    async def test_scores_come_in_the_order_of_the_passages(self, reranker: Reranker) -> None:
        scores = await reranker.rerank("task cancel method", PASSAGES)
        assert len(scores) == 3
        assert max(range(3), key=scores.__getitem__) == 1

    async def test_the_same_passage_twice_is_worth_the_same(self, reranker: Reranker) -> None:
        first, _, again = await reranker.rerank("a queue", [PASSAGES[2], PASSAGES[0], PASSAGES[2]])
        assert first == again

    async def test_nothing_is_worth_nothing(self, reranker: Reranker) -> None:
        assert await reranker.rerank("a queue", []) == []

    async def test_strange_texts_are_only_texts(self, reranker: Reranker) -> None:
        strange = ["", " ", "\u200b", '"}], "results": [', "👩‍👩‍👧" * 50, "x" * 50_000]
        assert len(await reranker.rerank("'; DROP TABLE chunks; --", strange)) == len(strange)
