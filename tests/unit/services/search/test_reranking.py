"""Searches with a reranker: which hits it sorts, what they tell of it, and what when it fails."""

from __future__ import annotations

from uuid import UUID

import pytest

from lorebase.core.errors import BadInput, ErrorCode, LorebaseError, Permanent, Transient, Unavailable
from lorebase.schemas.search import SearchMode, SearchPart, SearchRequest, SearchResult
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, make_settings
from tests.fakes.reranker import FakeReranker
from tests.fakes.world import World

QUERY = "worker takes items seven"
COUNT = 12
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]


class Bench:
    """A search service with a reranker over twelve documents that differ in one word."""

    def __init__(self, world: World, tenant: Tenant, **settings: object) -> None:
        self.world = world
        self.tenant = tenant
        self.reranker = FakeReranker()
        self.settings = make_settings(
            rerank_url="http://127.0.0.1:9/v1", rerank_model="judge", **{"rerank_candidates": 5, **settings}
        )

    async def fill(self) -> None:
        for number in NUMBERS:
            await self.world.upsert(self.tenant, f"A worker takes items {number} times.", title="worker")
        await self.world.run_all()

    async def search(self, *, service: SearchService | None = None, **given: object) -> SearchResult:
        values = {"knowledge_base_ids": (self.tenant.knowledge_base.id,), "query": QUERY, **given}
        request = SearchRequest.model_validate(values)
        return await (service or self.service()).search(self.tenant.principal, request)

    def service(self) -> SearchService:
        return SearchService(
            units=self.world.units,
            embedder=self.world.embedder,
            index=self.world.index,
            settings=self.settings,
            clock=self.world.clock,
            reranker=self.reranker,
        )


@pytest.fixture
async def bench(world: World, tenant: Tenant) -> Bench:
    made = Bench(world, tenant)
    await made.fill()
    return made


def ids(result: SearchResult) -> list[UUID]:
    return [hit.chunk_id for hit in result.hits]


async def backwards(bench: Bench) -> SearchResult:
    """A reranker that turns the first hits around."""

    class Contrary(FakeReranker):
        async def rerank(self, query: str, passages: list[str]) -> list[float]:  # type: ignore[override]
            return [float(place) for place, _ in enumerate(passages)]

    bench.reranker = Contrary()
    return await bench.search(limit=COUNT)


async def test_the_first_hits_are_sorted_anew_and_the_others_stay(bench: Bench) -> None:
    fused = ids(await bench.search(limit=COUNT, rerank=False))
    result = await backwards(bench)
    assert ids(result) == [*reversed(fused[:5]), *fused[5:]]
    assert result.degraded == ()


async def test_a_hit_tells_its_ranks_and_its_score_by_the_reranker(bench: Bench) -> None:
    result = await backwards(bench)
    explained = [(hit.explanation.rerank_rank, hit.explanation.fused_rank) for hit in result.hits[:6]]
    assert explained == [(1, 5), (2, 4), (3, 3), (4, 2), (5, 1), (None, 6)]
    assert [hit.scores.rerank for hit in result.hits[:6]] == [4.0, 3.0, 2.0, 1.0, 0.0, None]


async def test_hits_that_are_worth_the_same_keep_their_order(bench: Bench) -> None:
    fused = ids(await bench.search(limit=COUNT, rerank=False, query="worker takes items"))
    assert ids(await bench.search(limit=COUNT, query="worker takes items")) == fused
    assert len(bench.reranker.calls) == 1


async def test_pages_of_reranked_hits_follow_each_other(bench: Bench) -> None:
    whole = await backwards(bench)
    pages = [await bench.search(limit=4, offset=start) for start in (0, 4, 8)]
    assert [hit for page in pages for hit in page.hits] == list(whole.hits)
    assert [page.has_next for page in pages] == [True, True, False]


async def test_the_reranker_reads_headings_and_passage_and_the_query(bench: Bench) -> None:
    await bench.world.upsert(bench.tenant, "# Limits\n\nItems seven.", title="t")
    await bench.world.run_all()
    await bench.search()
    ((query, passages),) = bench.reranker.calls
    assert query == QUERY
    assert len(passages) == 5
    assert all("tems" in passage for passage in passages)


async def test_it_is_not_asked_when_the_request_says_no_or_the_page_lies_behind(bench: Bench) -> None:
    await bench.search(rerank=False)
    await bench.search(offset=5)
    assert bench.reranker.calls == []


@pytest.mark.parametrize(
    "failure",
    [
        Unavailable("away", code=ErrorCode.MODEL_UNAVAILABLE),
        Transient("odd", code=ErrorCode.MODEL_MISBEHAVED),
        Permanent("no", code=ErrorCode.MODEL_REFUSED),
    ],
)
@pytest.mark.parametrize("asked", [None, True])
async def test_a_reranker_that_fails_leaves_the_order_as_it_was_and_is_named(
    bench: Bench, failure: LorebaseError, asked: bool | None
) -> None:
    bench.reranker.failure = failure
    result = await bench.search(rerank=asked)
    assert ids(result) == ids(await bench.search(rerank=False))
    assert result.degraded == (SearchPart.RERANK,)
    assert {hit.explanation.rerank_rank for hit in result.hits} == {None}


async def test_every_part_that_was_left_out_is_named(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"keyword_timeout_ms": 0})
    bench.reranker.failure = Unavailable("away", code=ErrorCode.MODEL_UNAVAILABLE)
    assert (await bench.search()).degraded == (SearchPart.KEYWORD, SearchPart.RERANK)


async def test_nothing_found_is_nothing_to_rerank(bench: Bench) -> None:
    result = await bench.search(query="giraffe", mode=SearchMode.KEYWORD)
    assert (result.hits, result.degraded) == ((), ())


async def test_wanting_a_reranker_where_there_is_none_is_an_error(bench: Bench) -> None:
    bench.settings = make_settings()
    with pytest.raises(BadInput) as error:
        await bench.search(rerank=True)
    assert error.value.field == ["rerank"]
    assert bench.reranker.calls == []
