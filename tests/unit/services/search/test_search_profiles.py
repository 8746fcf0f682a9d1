"""Searches by profile: what is searched beside the query, how it is fused, and pages that stay together."""

from __future__ import annotations

import json
import logging
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorebase.clients.prompt_templates import FilePromptTemplates
from lorebase.core.errors import BadInput, ErrorCode, NotFound, Transient
from lorebase.schemas.retrieval_profiles import RetrievalProfile
from lorebase.schemas.search import (
    Expansion,
    QueryKind,
    SearchedQuery,
    SearchMode,
    SearchPart,
    SearchRequest,
    SearchResult,
)
from lorebase.services.search.query_expansion import QueryExpander
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, add_tenant, make_settings
from tests.fakes.chat_model import FakeChatModel
from tests.fakes.embedder import word_vector
from tests.fakes.world import World

QUERY = "worker items"
WORDS = ["worker", "item", "lock", "queue", "task", "cancel", "method", "giraffe", "zebra", "archive"]
SLOW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Bench:
    """A search service with a scripted chat model over documents that share words."""

    def __init__(self, world: World, tenant: Tenant) -> None:
        self.world = world
        self.tenant = tenant
        self.chat = FakeChatModel(world.clock)

    async def fill(self, count: int = 12) -> None:
        for number in range(count):
            words = [WORDS[number % 10], WORDS[(number * 3 + 1) % 10], f"w{number}"]
            await self.world.upsert(self.tenant, " ".join(words), title=f"t{number}")
        await self.world.run_all()

    def service(self, *declared: RetrievalProfile, **given: object) -> SearchService:
        known = make_settings(chat_model="any", **given)
        expander = QueryExpander(chat=self.chat, templates=FilePromptTemplates(), settings=known)
        return SearchService(
            units=self.world.units,
            embedder=self.world.embedder,
            index=self.world.index,
            settings=known,
            clock=self.world.clock,
            profiles=RetrievalProfiles(known, declared),
            expander=expander,
        )

    def request(self, profile: str | None = None, **given: object) -> SearchRequest:
        values = {"knowledge_base_ids": (self.tenant.knowledge_base.id,), "query": QUERY, **given}
        return SearchRequest.model_validate({**values, "profile": profile})

    async def search(
        self,
        profile: str | None = None,
        *completions: object,
        service: SearchService | None = None,
        **given: object,
    ) -> SearchResult:
        self.chat.completions += [
            each if isinstance(each, BaseException) else json.dumps(each) for each in completions
        ]
        return await (service or self.service()).search(self.tenant.principal, self.request(profile, **given))


@pytest.fixture
async def bench(world: World, tenant: Tenant) -> Bench:
    made = Bench(world, tenant)
    await made.fill()
    return made


def ids(result: SearchResult) -> list[UUID]:
    return [hit.chunk_id for hit in result.hits]


def timeless(result: SearchResult) -> dict[str, object]:
    return result.model_dump(exclude={"took_ms"})


def kinds(result: SearchResult) -> list[QueryKind]:
    return [query.kind for query in result.queries]


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_default_1_is_what_no_profile_is_and_asks_no_model(bench: Bench, mode: SearchMode) -> None:
    plain = await bench.search(mode=mode, limit=5)
    named = await bench.search("default@1", mode=mode, limit=5)
    assert timeless(named) == timeless(plain)
    assert (plain.profile, plain.expansion) == ("default@1", None)
    assert plain.queries == (SearchedQuery(kind=QueryKind.ORIGINAL, text=QUERY),)
    assert bench.chat.rewritten == []


async def test_a_clearer_wording_is_searched_beside_the_query(bench: Bench) -> None:
    plain = await bench.search(mode=SearchMode.KEYWORD)
    result = await bench.search("rewrite", {"query": "giraffe archive"}, mode=SearchMode.KEYWORD)
    also = await bench.search(query="giraffe archive", mode=SearchMode.KEYWORD)
    assert set(ids(result)) == {*ids(plain), *ids(also)} != set(ids(plain))
    assert kinds(result) == [QueryKind.ORIGINAL, QueryKind.REWRITTEN]
    assert (result.profile, result.degraded) == ("rewrite@1", ())


async def test_each_of_several_queries_has_both_legs(bench: Bench) -> None:
    bench.world.embedder.calls.clear()
    result = await bench.search("multi-query", {"queries": ["giraffe", "zebra", "archive"]})
    embedded = [text for _, texts in bench.world.embedder.calls for text in texts]
    assert sorted(embedded) == sorted([QUERY, "giraffe", "zebra", "archive"])
    assert kinds(result) == [QueryKind.ORIGINAL, *[QueryKind.VARIANT] * 3]
    words = await bench.search(
        "multi-query", {"queries": ["giraffe", "zebra", "archive"]}, mode=SearchMode.KEYWORD
    )
    assert len(words.hits) > len((await bench.search(mode=SearchMode.KEYWORD)).hits)


async def test_a_made_up_passage_joins_the_vector_leg_alone(bench: Bench) -> None:
    plain = await bench.search()
    bench.world.index.queries.clear()
    result = await bench.search("hyde", {"passage": "A giraffe reads in the archive."})
    dimensions = len(bench.world.index.queries[0].vector)
    asked = {query.vector for query in bench.world.index.queries}
    assert asked == {word_vector(text, dimensions) for text in (QUERY, "A giraffe reads in the archive.")}
    assert kinds(result) == [QueryKind.ORIGINAL, QueryKind.HYPOTHETICAL]
    by_words = {hit.chunk_id: hit.explanation.keyword_rank for hit in plain.hits}
    assert {hit.chunk_id: hit.explanation.keyword_rank for hit in result.hits} == by_words
    assert ids(result) != ids(plain)


async def test_every_hit_explains_the_whole_search(bench: Bench) -> None:
    result = await bench.search("rewrite", {"query": "giraffe archive"})
    for hit in result.hits:
        assert hit.explanation.profile == "rewrite@1"
        assert hit.explanation.queries == result.queries
        assert hit.explanation.degraded == ()
    failed = await bench.search("rewrite", Transient("no"))
    assert {hit.explanation.degraded for hit in failed.hits} == {(SearchPart.EXPANSION,)}


@pytest.mark.parametrize("profile", ["rewrite", "multi-query", "hyde"])
async def test_when_the_model_fails_the_plain_query_is_searched_and_that_is_said(
    bench: Bench, profile: str
) -> None:
    plain = await bench.search()
    failed = await bench.search(profile, Transient("no", code=ErrorCode.MODEL_MISBEHAVED))
    assert ids(failed) == ids(plain)
    assert [hit.score for hit in failed.hits] == [hit.score for hit in plain.hits]
    assert failed.degraded == (SearchPart.EXPANSION,)
    assert failed.queries == plain.queries
    assert failed.expansion == Expansion(failed=True)


async def test_pages_are_cut_from_one_order_whatever_the_model_would_say_later(bench: Bench) -> None:
    variants = {"queries": ["giraffe", "zebra", "archive"]}
    whole = await bench.search("multi-query", variants, limit=12)
    first = await bench.search("multi-query", variants, limit=5)
    bench.chat.completions.append(json.dumps({"queries": ["task", "lock", "cancel"]}))
    pages = [
        await bench.search("multi-query", limit=5, offset=offset, expansion=first.expansion)
        for offset in (5, 10)
    ]
    assert [chunk for page in (first, *pages) for chunk in ids(page)] == ids(whole)
    assert {page.queries for page in pages} == {first.queries}
    assert len(bench.chat.completions) == 1


async def test_after_a_first_page_without_the_model_later_ones_go_without_it_too(bench: Bench) -> None:
    whole = await bench.search(limit=12)
    first = await bench.search("hyde", Transient("no"), limit=5)
    second = await bench.search("hyde", limit=7, offset=5, expansion=first.expansion)
    assert ids(first) + ids(second) == ids(whole)
    assert second.degraded == (SearchPart.EXPANSION,)


async def test_pages_deeper_than_the_first_candidates_follow_each_other(world: World, tenant: Tenant) -> None:
    bench = Bench(world, tenant)
    await bench.fill(45)
    narrow = bench.service(search_candidates=10)
    made = Expansion(texts=("giraffe zebra", "lock queue"))
    whole = await bench.search("multi-query", service=narrow, limit=45, expansion=made)
    pages = [
        await bench.search("multi-query", service=narrow, limit=6, offset=offset, expansion=made)
        for offset in range(0, 45, 6)
    ]
    assert len(set(ids(whole))) == 45
    assert [chunk for page in pages for chunk in ids(page)] == ids(whole)


async def test_a_profile_sets_what_the_request_leaves_open(bench: Bench) -> None:
    ours = RetrievalProfile(name="ours", version=1, description="Ours.", mode=SearchMode.KEYWORD)
    service = bench.service(ours)
    by_profile = await bench.search("ours", service=service)
    assert ids(by_profile) == ids(await bench.search(mode=SearchMode.KEYWORD))
    vector = await bench.search("ours", service=service, mode=SearchMode.VECTOR)
    assert ids(vector) == ids(await bench.search(mode=SearchMode.VECTOR))


async def test_a_profile_may_weigh_the_legs(bench: Bench) -> None:
    weighing = [
        RetrievalProfile(name=name, version=1, description="Ours.", vector_weight=weight)
        for name, weight in (("words", 0.0), ("meaning", 1.0))
    ]
    service = bench.service(*weighing)
    for name, mode in (("words", SearchMode.KEYWORD), ("meaning", SearchMode.VECTOR)):
        weighed = await bench.search(name, service=service, limit=3)
        assert ids(weighed) == ids(await bench.search(mode=mode, limit=3))


async def test_a_profile_that_cannot_be_used_asks_nobody(bench: Bench) -> None:
    bench.world.embedder.calls.clear()
    plain = SearchService(
        units=bench.world.units,
        embedder=bench.world.embedder,
        index=bench.world.index,
        settings=bench.world.settings,
        clock=bench.world.clock,
    )
    for profile in ("hyde", "unknown"):
        with pytest.raises(BadInput) as error:
            await bench.search(profile, service=plain)
        assert error.value.field == ["profile"]
    assert (bench.world.embedder.calls, bench.chat.rewritten) == ([], [])


async def test_no_model_is_paid_where_nothing_can_be_found_or_nobody_may_search(bench: Bench) -> None:
    nothing = {"document": {"title": {"eq": "nothing"}}}
    assert (await bench.search("hyde", filter=nothing)).hits == ()
    stranger = await add_tenant(bench.world.database, name="Stranger")
    with pytest.raises(NotFound):
        await bench.search("hyde", knowledge_base_ids=(stranger.knowledge_base.id,))
    assert bench.chat.rewritten == []


async def test_the_log_tells_profile_and_times_and_no_text(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="lorebase"):
        await bench.search("hyde", {"passage": "Geheimnis"}, query="Schrödinger")
    [line] = [
        record.__dict__ for record in caplog.records if record.name == "lorebase.services.search.search"
    ]
    assert (line["profile"], line["queries"]) == ("hyde@1", 2)
    assert "expand_ms" in line
    everything = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "Geheimnis" not in everything
    assert "Schrödinger" not in everything


@SLOW
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=5),
    st.sampled_from(["rewrite", "multi-query", "hyde"]),
    st.sampled_from([SearchMode.HYBRID, SearchMode.VECTOR]),
)
async def test_whatever_a_model_adds_the_hits_of_the_query_are_among_the_candidates(
    bench: Bench, texts: list[str], profile: str, mode: SearchMode
) -> None:
    plain = await bench.search(mode=mode, limit=100)
    made = Expansion(texts=tuple(texts))
    expanded = await bench.search(profile, mode=mode, limit=100, expansion=made)
    assert set(ids(expanded)) >= set(ids(plain))
    assert len(set(ids(expanded))) == len(expanded.hits)
