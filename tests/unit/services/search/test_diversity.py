"""Copies of a passage, and orders that spread over what differs."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.errors import BadInput
from lorebase.schemas.search import SearchMode, SearchRequest, SearchResult
from lorebase.services.answers.answer_retrieval import retrieval_request
from lorebase.services.search.diversity import spread
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, make_settings
from tests.fakes.reranker import FakeReranker
from tests.fakes.world import World

TEXT = "A worker takes items from the queue."

texts = st.lists(
    st.lists(st.sampled_from(["river", "market", "engine", "letter", "河", "港"]), max_size=6).map(" ".join),
    min_size=1,
    max_size=12,
)


@st.composite
def rankings(draw: st.DrawFn) -> tuple[list[str], list[float]]:
    """Texts, and relevance that falls from one to the next or stays."""
    drawn = draw(texts)
    scores = draw(st.lists(st.floats(-1, 1), min_size=len(drawn), max_size=len(drawn)))
    return drawn, sorted(scores, reverse=True)


@given(rankings(), st.floats(0, 1))
def test_spreading_loses_nothing_and_keeps_the_first(
    ranking: tuple[list[str], list[float]], trade_off: float
) -> None:
    order = spread(*ranking, trade_off)
    assert sorted(order) == list(range(len(ranking[0])))
    assert order[0] == 0


@given(rankings())
def test_relevance_alone_keeps_the_order(ranking: tuple[list[str], list[float]]) -> None:
    assert spread(*ranking, 1.0) == list(range(len(ranking[0])))


@given(rankings(), st.floats(0, 1))
def test_the_same_hits_always_get_the_same_order(
    ranking: tuple[list[str], list[float]], trade_off: float
) -> None:
    assert spread(*ranking, trade_off) == spread(*ranking, trade_off)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6, unique=True), st.floats(0, 1))
def test_texts_that_share_nothing_keep_their_order(words: list[str], trade_off: float) -> None:
    apart = [f"w{number}" for number, _ in enumerate(words)]
    assert spread(apart, [1.0 - 0.1 * n for n in range(len(apart))], trade_off) == list(range(len(apart)))


def test_nothing_spreads_to_nothing() -> None:
    assert spread([], [], 0.5) == []


def test_a_text_that_repeats_an_earlier_one_comes_after_another_that_is_new() -> None:
    told = ["the river rises", "the river rises", "markets fall"]
    assert spread(told, [1.0, 0.9, 0.5], 0.5) == [0, 2, 1]
    assert spread(["河港市场", "河港市场", "车站"], [1.0, 0.9, 0.5], 0.5) == [0, 2, 1]


def service(world: World, **settings: object) -> SearchService:
    return SearchService(
        units=world.units,
        embedder=world.embedder,
        index=world.index,
        settings=make_settings(**settings),
        clock=world.clock,
    )


async def search(world: World, tenant: Tenant, **given: object) -> SearchResult:
    values = {
        "knowledge_base_ids": (tenant.knowledge_base.id,),
        "query": "worker items",
        "collapse_copies": True,
        **given,
    }
    return await service(world).search(tenant.principal, SearchRequest.model_validate(values))


def documents(result: SearchResult) -> set[UUID]:
    return {hit.document_id for hit in result.hits}


async def fill(world: World, tenant: Tenant, *bodies: str) -> list[UUID]:
    """A document a body, all with one title, searchable."""
    ids = [
        (await world.upsert(tenant, body, title="t", external_id=str(number))).document.id
        for number, body in enumerate(bodies)
    ]
    await world.run_all()
    return ids


async def test_the_same_passage_in_several_documents_is_shown_once_and_counted(
    world: World, tenant: Tenant
) -> None:
    await fill(world, tenant, TEXT, TEXT.upper(), f"{TEXT} ", "Another worker.")
    result = await search(world, tenant)
    assert [hit.copies for hit in result.hits] == [2, 0]
    assert result.has_next is False


async def test_the_best_of_the_copies_is_the_one_that_stays(world: World, tenant: Tenant) -> None:
    await fill(world, tenant, TEXT, TEXT, "Another worker.")
    everything = await search(world, tenant, collapse_copies=False)
    assert [hit.copies for hit in everything.hits] == [0, 0, 0]
    collapsed = await search(world, tenant)
    assert collapsed.hits[0].chunk_id == everything.hits[0].chunk_id


@pytest.mark.parametrize(
    "other",
    [
        "A worker takes 7 items from the queue.",
        "A worker takes no items from the queue.",
        f"{TEXT} Sometimes.",
    ],
)
async def test_what_differs_in_a_word_or_a_number_is_no_copy(
    world: World, tenant: Tenant, other: str
) -> None:
    ids = await fill(world, tenant, TEXT, other)
    assert documents(await search(world, tenant)) == set(ids)


async def test_every_copy_is_shown_unless_collapsing_is_asked(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant, TEXT, TEXT)
    request = SearchRequest(knowledge_base_ids=(tenant.knowledge_base.id,), query="worker")
    assert documents(await service(world).search(tenant.principal, request)) == set(ids)


def test_an_answer_reads_no_passage_twice() -> None:
    request = SearchRequest(knowledge_base_ids=(), query="")
    assert retrieval_request(request, "Why?", make_settings()).collapse_copies


# Sixty characters and no more tokens than a passage of a test has.
POLICY = (
    "每个工人按照先后次序从队列中领取任务并做好标记完成以后再把任务移走"
    "如果工人中途离开任务会在一段时间后回到队列由另一个工人继续处理"
)


async def test_two_revisions_of_a_passage_are_one_hit_that_lists_the_other(
    world: World, tenant: Tenant
) -> None:
    revised = POLICY.replace("中途", "突然")
    await fill(world, tenant, f"{POLICY}\n港口 2024年5月3日", f"{revised}\n港口 2025年6月9日", "工人。")
    everything = await search(world, tenant, collapse_copies=False)
    result = await search(world, tenant)
    assert [hit.copies for hit in result.hits] == [1, 0]
    shown, other = result.hits
    assert shown.chunk_id == everything.hits[0].chunk_id
    [copy] = shown.explanation.collapsed
    (left_out,) = {hit.chunk_id for hit in everything.hits} - {shown.chunk_id, other.chunk_id}
    ranks = {hit.chunk_id: hit.explanation.fused_rank for hit in everything.hits}
    assert (copy.chunk_id, copy.fused_rank) == (left_out, ranks[left_out])
    assert 0.8 <= copy.resemblance < 1
    assert other.explanation.collapsed == ()


async def test_equal_words_are_explained_as_wholly_alike(world: World, tenant: Tenant) -> None:
    await fill(world, tenant, *[TEXT] * 25)
    [hit] = (await search(world, tenant)).hits
    assert hit.copies == 24
    assert len(hit.explanation.collapsed) == 20
    assert [copy.fused_rank for copy in hit.explanation.collapsed] == list(range(2, 22))
    assert {copy.resemblance for copy in hit.explanation.collapsed} == {1.0}


async def test_revisions_that_contradict_each_other_are_both_shown(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant, POLICY, POLICY.replace("会在", "不会在"), f"{POLICY} 10")
    assert documents(await search(world, tenant)) == set(ids)


async def test_pages_of_nearly_equal_passages_lose_nothing_and_repeat_nothing(
    world: World, tenant: Tenant
) -> None:
    bodies = [f"{POLICY} {number // 3}, 2024-01-{number + 1:02}" for number in range(24)]
    await fill(world, tenant, *bodies)
    everything = await search(world, tenant, limit=30, collapse_copies=False)
    whole = await search(world, tenant, limit=24)
    pages = [await search(world, tenant, limit=3, offset=start) for start in (0, 3, 6)]
    assert [hit.chunk_id for page in pages for hit in page.hits] == [hit.chunk_id for hit in whole.hits]
    assert [page.has_next for page in pages] == [True, True, False]
    shown = [hit.chunk_id for hit in whole.hits]
    left_out = [copy.chunk_id for hit in whole.hits for copy in hit.explanation.collapsed]
    assert sorted(shown + left_out) == sorted(hit.chunk_id for hit in everything.hits)


async def test_pages_of_collapsed_hits_follow_each_other(world: World, tenant: Tenant) -> None:
    bodies = [f"A worker takes items {number // 3} times." for number in range(24)]
    await fill(world, tenant, *bodies)
    whole = await search(world, tenant, limit=24)
    pages = [await search(world, tenant, limit=3, offset=start) for start in (0, 3, 6)]
    assert [hit.chunk_id for page in pages for hit in page.hits] == [hit.chunk_id for hit in whole.hits]
    assert [page.has_next for page in pages] == [True, True, False]
    assert {hit.copies for hit in whole.hits} == {2}


async def test_hits_are_spread_when_that_is_asked(world: World, tenant: Tenant) -> None:
    repeated = [f"A worker takes items from the queue number {name}." for name in ("one", "two", "three")]
    *_, other = await fill(world, tenant, *repeated, "Unlike: worker strikes; items rot.")
    plain = await search(world, tenant, mode=SearchMode.VECTOR)
    assert plain.hits[1].document_id != other or plain.hits[0].document_id == other
    result = await search(world, tenant, mode=SearchMode.VECTOR, mmr_lambda=0.1)
    assert other in [hit.document_id for hit in result.hits[:2]]
    assert result.hits[0].chunk_id == plain.hits[0].chunk_id
    assert {hit.chunk_id for hit in result.hits} == {hit.chunk_id for hit in plain.hits}


async def test_pages_of_spread_hits_follow_each_other(world: World, tenant: Tenant) -> None:
    await fill(world, tenant, *(f"A worker takes items {number} times." for number in range(12)))
    whole = await search(world, tenant, limit=12, mmr_lambda=0.3)
    pages = [await search(world, tenant, limit=5, offset=start, mmr_lambda=0.3) for start in (0, 5, 10)]
    assert [hit for page in pages for hit in page.hits] == list(whole.hits)


async def test_only_what_was_reranked_is_spread_by_relevance(world: World, tenant: Tenant) -> None:
    await fill(world, tenant, *(f"A worker takes items {number} times." for number in range(12)))
    reranking = SearchService(
        units=world.units,
        embedder=world.embedder,
        index=world.index,
        settings=make_settings(rerank_url="http://127.0.0.1:9/v1", rerank_model="m", rerank_candidates=4),
        clock=world.clock,
        reranker=FakeReranker(),
    )
    request = SearchRequest(
        knowledge_base_ids=(tenant.knowledge_base.id,), query="worker 7", limit=12, mmr_lambda=0.5
    )
    result = await reranking.search(tenant.principal, request)
    ranks = [hit.explanation.rerank_rank for hit in result.hits]
    assert ranks[0] == 1
    assert sorted(ranks[:4], key=lambda rank: rank or 0) == [1, 2, 3, 4]
    assert set(ranks[4:]) == {None}


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan"), float("inf")])
async def test_lambda_lies_between_0_and_1(world: World, tenant: Tenant, wrong: float) -> None:
    with pytest.raises(BadInput) as error:
        await search(world, tenant, mmr_lambda=wrong)
    assert error.value.field == ["mmrLambda"]
