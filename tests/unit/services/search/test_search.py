"""Search over real ingestion on fakes: what is found, in which order, and what when a part is down."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from lorebase.core.config import Settings
from lorebase.core.errors import (
    BadInput,
    ErrorCode,
    Forbidden,
    NotFound,
    Transient,
    Unavailable,
)
from lorebase.schemas.embeddings import EmbeddingModel, Embeddings
from lorebase.schemas.filters import (
    DocumentFilter,
    FloatFilter,
    IntFilter,
    MetadataFilter,
    MetadataValueFilter,
    SearchFilter,
    StringFilter,
    StringListFilter,
)
from lorebase.schemas.search import PartitionAddress, SearchMode, SearchPart, SearchRequest, SearchResult
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.search.search import SearchService
from tests.factories import Tenant, add_tenant, make_knowledge_base, make_model, make_principal, make_settings
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.world import World

BODIES = {
    "tasks": "A task is cancelled by calling its cancel method.",
    "queues": "A queue holds items until a worker takes them.",
    "locks": "A lock lets one worker in at a time.",
}


def service(world: World, settings: Settings | None = None) -> SearchService:
    return SearchService(
        units=world.units,
        embedder=world.embedder,
        index=world.index,
        settings=settings or world.settings,
        clock=world.clock,
    )


def asking(tenant: Tenant, query: str, **given: object) -> SearchRequest:
    values = {"knowledge_base_ids": (tenant.knowledge_base.id,), "query": query, **given}
    return SearchRequest.model_validate(values)


async def search(world: World, tenant: Tenant, query: str, **given: object) -> SearchResult:
    return await service(world).search(tenant.principal, asking(tenant, query, **given))


async def fill(world: World, tenant: Tenant, **given: object) -> dict[str, UUID]:
    """The three documents, searchable; their ids by title."""
    ids = {
        title: (await world.upsert(tenant, body, title=title, **given)).document.id
        for title, body in BODIES.items()
    }
    await world.run_all()
    return ids


def found(result: SearchResult) -> list[UUID]:
    return [hit.document_id for hit in result.hits]


def titled(title: str) -> SearchFilter:
    return SearchFilter(document=DocumentFilter(title=StringFilter(eq=title)))


async def test_the_passage_that_answers_comes_first_with_scores_and_ranks(
    world: World, tenant: Tenant
) -> None:
    ids = await fill(world, tenant)
    result = await search(world, tenant, "How is a task cancelled?")
    best = result.hits[0]
    assert best.document_id == ids["tasks"]
    assert best.explanation.model_dump() == {
        "fused_rank": 1,
        "vector_rank": 1,
        "keyword_rank": 1,
        "rerank_rank": None,
        "collapsed": (),
        "profile": "default@1",
        "queries": ({"kind": "ORIGINAL", "text": "How is a task cancelled?"},),
        "degraded": (),
    }
    assert best.scores.vector is not None
    assert 0 < best.scores.vector <= 1
    assert best.scores.keyword is not None
    assert best.scores.rerank is None
    assert result.index_ids == (tenant.knowledge_base.active_index_id,)
    assert result.degraded == ()


async def test_the_words_of_the_query_are_highlighted_in_the_passage(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    hit = (await search(world, tenant, "cancelling tasks")).hits[0]
    marked = [BODIES["tasks"][place.start : place.end] for place in hit.highlights]
    assert marked == ["task", "cancelled", "cancel"]


async def test_vector_search_uses_vectors_alone(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    result = await search(world, tenant, "task", mode=SearchMode.VECTOR)
    assert len(result.hits) == 3
    assert all(hit.scores.keyword is None and hit.explanation.keyword_rank is None for hit in result.hits)
    cosines = [hit.scores.vector or 0 for hit in result.hits]
    assert cosines == sorted(cosines, reverse=True)


async def test_keyword_search_uses_words_alone(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant)
    world.embedder.calls.clear()
    result = await search(world, tenant, "worker", mode=SearchMode.KEYWORD)
    assert set(found(result)) == {ids["queues"], ids["locks"]}
    assert all(hit.scores.vector is None for hit in result.hits)
    assert world.embedder.calls == []
    assert world.index.queries == []


async def test_a_query_without_words_is_answered_by_vectors(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    assert len((await search(world, tenant, "???")).hits) == 3
    assert (await search(world, tenant, "???", mode=SearchMode.KEYWORD)).hits == ()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": " \t\u200b\u3000"}, "query"),
        ({"query": "\x00"}, "query"),
        ({"query": "a\x00b"}, "query"),
        ({"query": "half \ud800"}, "query"),
        ({"query": "x" * 2001}, "query"),
        ({"knowledge_base_ids": ()}, "knowledgeBaseIds"),
        ({"knowledge_base_ids": tuple(uuid4() for _ in range(21))}, "knowledgeBaseIds"),
        ({"limit": 0}, "first"),
        ({"limit": 101}, "first"),
        ({"offset": -1}, "after"),
        ({"offset": 10**6}, "after"),
        ({"rerank": True}, "rerank"),
        ({"min_score": float("nan")}, "minScore"),
        ({"min_score": 1.5}, "minScore"),
        ({"min_score": 0.5, "mode": SearchMode.KEYWORD}, "minScore"),
    ],
)
async def test_a_request_that_breaks_a_rule_is_refused_before_any_work(
    world: World, tenant: Tenant, given: dict[str, object], field: str
) -> None:
    request = asking(tenant, "fine").model_copy(update=given)
    with pytest.raises(BadInput) as error:
        await service(world).search(tenant.principal, request)
    assert error.value.field == [field]
    assert world.embedder.calls == []


@pytest.mark.parametrize(
    "query", ["x" * 2000, '" or workspace_id != "', "'; DROP TABLE chunks; --", "👩‍👩‍👧", "%_\\", "a" * 999]
)
async def test_a_strange_query_is_only_a_query(world: World, tenant: Tenant, query: str) -> None:
    await fill(world, tenant)
    assert len((await search(world, tenant, query)).hits) == 3


async def test_a_key_without_the_scope_is_refused(world: World, tenant: Tenant) -> None:
    principal = make_principal(tenant.workspace.id, ApiScope.ASK)
    with pytest.raises(Forbidden):
        await service(world).search(principal, asking(tenant, "task"))
    result = await service(world).retrieve(tenant.workspace.id, asking(tenant, "task"))
    assert result.hits == ()


async def test_a_knowledge_base_of_another_workspace_does_not_exist(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    stranger = await add_tenant(world.database, name="Stranger")
    for mixed in ((tenant.knowledge_base.id,), (stranger.knowledge_base.id, tenant.knowledge_base.id)):
        request = asking(stranger, "task").model_copy(update={"knowledge_base_ids": mixed})
        with pytest.raises(NotFound):
            await service(world).search(stranger.principal, request)
    assert (await search(world, stranger, "task")).hits == ()


async def test_a_deleted_document_is_never_found_though_its_vectors_are_still_there(
    world: World, tenant: Tenant
) -> None:
    ids = await fill(world, tenant)
    await world.documents.delete(tenant.principal, ids["tasks"], None, None)
    assert world.vectors(ids["tasks"]) != []
    assert ids["tasks"] not in found(await search(world, tenant, "task cancel"))


async def test_a_new_version_replaces_the_old_one_in_results(world: World, tenant: Tenant) -> None:
    first = await world.upsert(tenant, "The old text about giraffes.", external_id="one", title="t")
    await world.run_all()
    await world.upsert(tenant, "The new text about zebras.", external_id="one", title="t")
    assert found(await search(world, tenant, "giraffes", mode=SearchMode.KEYWORD)) == [first.document.id]
    await world.run_all()
    assert (await search(world, tenant, "giraffes", mode=SearchMode.KEYWORD)).hits == ()
    assert found(await search(world, tenant, "zebras", mode=SearchMode.KEYWORD)) == [first.document.id]


async def test_milvus_down_is_an_error_and_never_an_empty_list(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant)
    world.index.down = True
    for mode in (SearchMode.HYBRID, SearchMode.VECTOR):
        with pytest.raises(Unavailable) as error:
            await search(world, tenant, "task", mode=mode)
        assert error.value.code is ErrorCode.VECTOR_STORE_UNAVAILABLE
    assert found(await search(world, tenant, "task", mode=SearchMode.KEYWORD)) == [ids["tasks"]]


async def test_a_model_that_does_not_answer_is_an_error(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    world.embedder.failure = Unavailable("The model is away.", code=ErrorCode.MODEL_UNAVAILABLE)
    with pytest.raises(Unavailable) as error:
        await search(world, tenant, "task")
    assert error.value.code is ErrorCode.MODEL_UNAVAILABLE


async def test_a_keyword_leg_out_of_time_is_left_out_and_named(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant)
    hasty = service(world, make_settings(keyword_timeout_ms=0))
    result = await hasty.search(tenant.principal, asking(tenant, "cancelled task method"))
    assert result.degraded == (SearchPart.KEYWORD,)
    assert found(result)[0] == ids["tasks"]
    assert result.hits[0].score == 1.0
    with pytest.raises(Transient):
        await hasty.search(tenant.principal, asking(tenant, "task", mode=SearchMode.KEYWORD))


async def test_a_database_that_is_down_is_no_mere_degradation(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    world.database.down = True
    with pytest.raises(Unavailable) as error:
        await search(world, tenant, "task")
    assert error.value.code is ErrorCode.DATABASE_UNAVAILABLE


async def test_a_filter_on_documents_is_answered_by_their_ids(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant)
    given = SearchFilter(
        chunk_tokens=IntFilter(gte=1), document=DocumentFilter(title=StringFilter(eq="locks"))
    )
    assert found(await search(world, tenant, "worker", filter=given)) == [ids["locks"]]
    query = world.index.queries[-1]
    assert query.document_ids == (ids["locks"],)
    assert query.filter == SearchFilter(chunk_tokens=IntFilter(gte=1))


async def test_a_filter_that_no_document_matches_asks_no_leg(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    world.embedder.calls.clear()
    result = await search(world, tenant, "task", filter=titled("nothing"))
    assert (result.hits, result.has_next) == ((), False)
    assert (world.index.queries, world.embedder.calls) == ([], [])


async def test_a_filter_on_passages_alone_goes_to_milvus(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    given = SearchFilter(page=IntFilter(is_null=True))
    assert len((await search(world, tenant, "task", filter=given)).hits) == 3
    query = world.index.queries[-1]
    assert (query.document_ids, query.filter) == (None, given)


async def test_when_too_many_documents_match_the_whole_filter_goes_to_milvus(
    world: World, tenant: Tenant
) -> None:
    ids = await fill(world, tenant, tags=("kept",))
    state = world.database.state
    pattern = state.documents[ids["tasks"]]
    for _ in range(2000):
        copy = pattern.model_copy(update={"id": uuid4()})
        state.documents[copy.id] = copy
    given = SearchFilter(document=DocumentFilter(tags=StringListFilter(has_any=("kept",))))
    assert set(found(await search(world, tenant, "worker task", filter=given))) == set(ids.values())
    query = world.index.queries[-1]
    assert (query.document_ids, query.filter) == (None, given)


async def test_a_filter_holds_for_the_keyword_leg_too(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant)
    given = SearchFilter(not_=titled("queues"))
    result = await search(world, tenant, "worker", filter=given, mode=SearchMode.KEYWORD)
    assert found(result) == [ids["locks"]]


async def test_a_metadata_filter_needs_a_declared_path(world: World, tenant: Tenant) -> None:
    await world.upsert(tenant, "From last year.", title="old", metadata={"year": 2025})
    new = (await world.upsert(tenant, "From this year.", title="new", metadata={"year": 2026})).document.id
    await world.run_all()

    def since(path: str) -> SearchFilter:
        value = MetadataValueFilter(number=FloatFilter(gte=2026.0))
        return SearchFilter(document=DocumentFilter(metadata=(MetadataFilter(path=path, value=value),)))

    assert found(await search(world, tenant, "year", filter=since("year"))) == [new]
    with pytest.raises(BadInput) as error:
        await search(world, tenant, "year", filter=since("month"))
    assert error.value.field == ["filter", "document", "metadata", "0", "path"]


async def test_pages_follow_each_other_without_gap_or_overlap(world: World, tenant: Tenant) -> None:
    for number in range(12):
        await world.upsert(tenant, f"Worker number {number} takes items.", title=f"w{number}")
    await world.run_all()
    whole = await search(world, tenant, "worker items", limit=12)
    pages = [await search(world, tenant, "worker items", limit=5, offset=start) for start in (0, 5, 10)]
    assert [hit for page in pages for hit in page.hits] == list(whole.hits)
    assert [page.has_next for page in pages] == [True, True, False]
    assert whole.has_next is False
    assert (await search(world, tenant, "worker items", limit=5, offset=50)).hits == ()


async def test_pages_beyond_the_first_candidates_follow_each_other_too(world: World, tenant: Tenant) -> None:
    count = 45
    for number in range(count):
        words = " ".join(["worker"] * (number % 7 + 1) + ["item"] * (number % 5) + [f"w{number}"])
        await world.upsert(tenant, words, title=f"w{number}")
    await world.run_all()
    narrow = service(world, make_settings(search_candidates=10))

    async def page(**given: int) -> SearchResult:
        return await narrow.search(tenant.principal, asking(tenant, "worker items", **given))

    whole = await page(limit=count)
    pages = [await page(limit=6, offset=start) for start in range(0, count, 6)]
    assert len({hit.chunk_id for hit in whole.hits}) == count
    assert [hit for each in pages for hit in each.hits] == list(whole.hits)


async def test_a_floor_of_similarity_ends_the_search_where_vectors_fall_below_it(
    world: World, tenant: Tenant
) -> None:
    for number in range(40):
        await world.upsert(tenant, f"other{number} thing{number}", title=f"t{number}")
    await fill(world, tenant)
    narrow = service(world, make_settings(search_candidates=10))
    world.index.queries.clear()
    request = asking(tenant, "calling its cancel method on a task", min_score=0.3)
    assert len((await narrow.search(tenant.principal, request)).hits) >= 1
    assert [query.limit for query in world.index.queries] == [11]


async def stale_rows(world: World, tenant: Tenant, like: UUID, count: int) -> None:
    """Vectors nearer than anything else, of a document that is not there any more."""
    row = world.vectors(like)[0]
    address = PartitionAddress(
        collection=tenant.model.collection,
        partition=tenant.workspace.partition,
        workspace_id=tenant.workspace.id,
    )
    copies = [row.model_copy(update={"chunk_id": uuid4(), "document_id": uuid4()}) for _ in range(count)]
    await world.index.upsert(address, copies)


async def test_stale_rows_are_passed_over_in_a_second_wider_round(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant)
    await stale_rows(world, tenant, ids["tasks"], 30)
    narrow = service(world, make_settings(search_candidates=10))
    world.embedder.calls.clear()
    result = await narrow.search(tenant.principal, asking(tenant, "queue", mode=SearchMode.VECTOR))
    assert set(found(result)) == set(ids.values())
    assert [query.limit for query in world.index.queries] == [11, 55]
    assert len(world.embedder.calls) == 1


async def test_there_is_no_second_round_when_the_first_found_everything(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant)
    await stale_rows(world, tenant, ids["tasks"], 3)
    assert len((await search(world, tenant, "queue")).hits) == 3
    assert len(world.index.queries) == 1


async def test_hits_below_the_least_similarity_are_dropped(world: World, tenant: Tenant) -> None:
    ids = await fill(world, tenant)
    everything = await search(world, tenant, "calling its cancel method on a task")
    least = sorted(hit.scores.vector or 0 for hit in everything.hits)[-1]
    result = await search(world, tenant, "calling its cancel method on a task", min_score=least)
    assert found(result) == [ids["tasks"]]
    assert result.has_next is False


async def second_base(world: World, tenant: Tenant, *, name: str) -> Tenant:
    """Another knowledge base of the tenant, with the model of that name."""
    models = {model.name: model for model in world.database.state.models.values()}
    model = models.get(name) or make_model(name=name, collection=f"chunks_{name}")
    world.database.state.models[model.id] = model
    base = make_knowledge_base(tenant.workspace.id)
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        await uow.knowledge_bases.add(base, model.id)
        await uow.commit()
    return Tenant(tenant.workspace, tenant.key, tenant.secret, tenant.principal, model, base)


async def test_knowledge_bases_with_one_model_share_one_vector_leg(world: World, tenant: Tenant) -> None:
    other = await second_base(world, tenant, name=tenant.model.name)
    first, second = await fill(world, tenant), await fill(world, other)
    world.embedder.calls.clear()
    bases = (tenant.knowledge_base.id, other.knowledge_base.id)
    result = await search(world, tenant, "worker", knowledge_base_ids=bases)
    assert set(found(result)) == {*first.values(), *second.values()}
    assert result.index_ids == (
        tenant.knowledge_base.active_index_id,
        other.knowledge_base.active_index_id,
    )
    assert len(world.index.queries) == len(world.embedder.calls) == 1


async def test_knowledge_bases_with_different_models_are_merged_by_rank(world: World, tenant: Tenant) -> None:
    other = await second_base(world, tenant, name="another-model")
    first, second = await fill(world, tenant), await fill(world, other)
    world.embedder.calls.clear()
    bases = (tenant.knowledge_base.id, other.knowledge_base.id)
    result = await search(
        world, tenant, "task cancel method", knowledge_base_ids=bases, mode=SearchMode.VECTOR
    )
    assert {*found(result)[:2]} == {first["tasks"], second["tasks"]}
    assert sorted(name for name, _ in world.embedder.calls) == ["another-model", "test-model"]
    assert {query.knowledge_base_ids for query in world.index.queries} == {(base,) for base in bases}


async def test_a_knowledge_base_named_twice_is_searched_once(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    result = await search(world, tenant, "task", knowledge_base_ids=(tenant.knowledge_base.id,) * 25)
    assert len(result.index_ids) == 1


async def test_one_line_is_logged_with_times_and_without_the_query(
    world: World, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(world, tenant)
    caplog.clear()
    with caplog.at_level(logging.DEBUG, logger="lorebase"):
        await search(world, tenant, "Schrödinger cancels", filter=SearchFilter(not_=titled("Geheimnis")))
    lines = [record for record in caplog.records if record.name == "lorebase.services.search.search"]
    assert len(lines) == 1
    logged = lines[0].__dict__
    assert {"embed_ms", "vector_ms", "keyword_ms", "check_ms", "took_ms"} <= logged.keys()
    assert (logged["hits"], logged["dropped"], logged["mode"]) == (3, 0, "HYBRID")
    everything = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "Schrödinger" not in everything
    assert "Geheimnis" not in everything


class SlowEmbedder(FakeEmbedder):
    """Takes a quarter of a second by the fake clock, and notes whether a transaction is open meanwhile."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.inside_transaction: list[bool] = []

    async def embed(self, model: EmbeddingModel, texts: Sequence[str]) -> Embeddings:
        self.world.clock.advance(0.25)
        self.inside_transaction.append(self.world.database.lock.locked())
        return await super().embed(model, texts)


async def test_the_time_spent_is_reported_in_milliseconds(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    world.embedder = SlowEmbedder(world)
    assert (await search(world, tenant, "task")).took_ms == 250


async def test_no_transaction_is_open_while_a_model_is_asked(world: World, tenant: Tenant) -> None:
    await fill(world, tenant)
    world.embedder = embedder = SlowEmbedder(world)
    await search(world, tenant, "task", mode=SearchMode.VECTOR)
    assert embedder.inside_transaction == [False]
