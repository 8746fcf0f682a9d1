"""Pages: sizes, cursors, directions, and searches that go on where they stopped."""

from __future__ import annotations

import pytest

from lorebase.core.ids import new_id
from lorebase.schemas.documents import DocumentOrder, DocumentOrderField
from lorebase.schemas.knowledge_bases import OrderDirection
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.search import CollapsedCopy, SearchResult
from tests.unit.api.edge import Edge
from tests.unit.api.fake_world import add_document

DOCUMENTS = """
query($id: ID!, $first: Int, $last: Int, $after: String, $before: String, $orderBy: DocumentOrder) {
  node(id: $id) {
    ... on KnowledgeBase {
      documents(first: $first, last: $last, after: $after, before: $before, orderBy: $orderBy) {
        edges { cursor node { title } }
        nodes { title }
        pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
      }
    }
  }
}
"""
SEARCH = """
query($input: SearchInput!, $first: Int! = 10, $after: String) {
  search(input: $input, first: $first, after: $after) {
    edges { cursor node { chunk { ordinal } } }
    pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
    indexes { id }
  }
}
"""


async def documents(edge: Edge, **variables: object) -> dict[str, object]:
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    data = await edge.data(DOCUMENTS, {"id": base, **variables})
    return dict(data["node"]["documents"])  # type: ignore[index,call-overload]


async def refused(edge: Edge, **variables: object) -> dict[str, object]:
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    error = await edge.error(DOCUMENTS, {"id": base, **variables})
    return dict(error["extensions"])  # type: ignore[call-overload]


def titles(page: dict[str, object]) -> list[str]:
    return [node["title"] for node in page["nodes"]]  # type: ignore[attr-defined]


async def fill(edge: Edge, count: int) -> None:
    edge.world.documents.clear()
    for number in range(count):
        add_document(edge.world, f"d{number}")


async def test_walking_forward_sees_every_document_once(edge: Edge) -> None:
    await fill(edge, 7)
    seen: list[str] = []
    after = None
    while True:
        page = await documents(edge, first=3, after=after)
        seen += titles(page)
        info: dict[str, object] = page["pageInfo"]  # type: ignore[assignment]
        assert [edge_["node"] for edge_ in page["edges"]] == page["nodes"]  # type: ignore[attr-defined]
        if not info["hasNextPage"]:
            break
        after = info["endCursor"]
    assert seen == [f"d{number}" for number in range(7)]
    assert info["hasPreviousPage"] is True


async def test_walking_backward_gives_pages_in_list_order(edge: Edge) -> None:
    await fill(edge, 5)
    last = await documents(edge, last=2)
    assert titles(last) == ["d3", "d4"]
    info: dict[str, object] = last["pageInfo"]  # type: ignore[assignment]
    assert (info["hasPreviousPage"], info["hasNextPage"]) == (True, False)
    before = await documents(edge, last=2, before=info["startCursor"])
    assert titles(before) == ["d1", "d2"]


async def test_an_empty_page_has_no_cursors(edge: Edge) -> None:
    edge.world.documents.clear()
    page = await documents(edge)
    assert page["edges"] == []
    assert page["pageInfo"] == {
        "startCursor": None,
        "endCursor": None,
        "hasNextPage": False,
        "hasPreviousPage": False,
    }


async def test_without_a_size_a_page_has_twenty(edge: Edge) -> None:
    await documents(edge, first=None)
    request, order, _ = edge.calls.named("documents.page")[-1]
    assert request == PageRequest(limit=20)
    assert order == DocumentOrder()


async def test_an_order_reaches_the_service(edge: Edge) -> None:
    await documents(edge, orderBy={"field": "TITLE", "direction": "ASC"})
    assert edge.calls.named("documents.page")[-1][1] == DocumentOrder(
        field=DocumentOrderField.TITLE, direction=OrderDirection.ASC
    )


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"first": 0}, ["first"]),
        ({"first": -1}, ["first"]),
        ({"first": 101}, ["first"]),
        ({"first": 2**31 - 1}, ["first"]),
        ({"last": 0}, ["last"]),
        ({"last": 101}, ["last"]),
        ({"first": 1, "last": 1}, ["last"]),
        ({"after": ""}, ["after"]),
        ({"after": "%%%"}, ["after"]),
        ({"after": "é"}, ["after"]),
        ({"before": "AAAA" * 20}, ["before"]),
    ],
)
async def test_a_page_that_makes_no_sense_is_refused(
    edge: Edge, variables: dict[str, object], field: list[str]
) -> None:
    extensions = await refused(edge, **variables)
    assert (extensions["code"], extensions["field"]) == ("BAD_USER_INPUT", field)
    assert edge.calls.named("documents.page") == []


@pytest.mark.parametrize("size", [2**31, 10**9, 1.5, "1"])
async def test_a_size_that_is_no_small_number_is_refused(edge: Edge, size: object) -> None:
    assert (await refused(edge, first=size))["code"] == "BAD_USER_INPUT"


async def test_a_cursor_of_another_order_list_or_object_is_refused(edge: Edge) -> None:
    await fill(edge, 3)
    page = await documents(edge, first=1)
    cursor = page["pageInfo"]["endCursor"]  # type: ignore[index]
    assert (await refused(edge, after=cursor, orderBy={"field": "TITLE"}))["code"] == "BAD_USER_INPUT"
    error = await edge.error(
        "query($after: String) { embeddingModels(after: $after) { nodes { id } } }", {"after": cursor}
    )
    assert error["extensions"]["code"] == "BAD_USER_INPUT"  # type: ignore[index]
    version = edge.world.global_id("DocumentVersion", edge.world.version)
    error = await edge.error(
        "query($id: ID!, $after: String) { node(id: $id)"
        " { ... on DocumentVersion { chunks(after: $after) { nodes { id } } } } }",
        {"id": version, "after": cursor},
    )
    assert error["extensions"]["code"] == "BAD_USER_INPUT"  # type: ignore[index]


async def test_the_one_workspace_of_a_key_is_a_list_that_ends(edge: Edge) -> None:
    query = (
        "query($after: String) { viewer { workspaces(after: $after)"
        " { nodes { slug } pageInfo { endCursor } } } }"
    )
    first = await edge.data(query)
    cursor = first["viewer"]["workspaces"]["pageInfo"]["endCursor"]  # type: ignore[index]
    after = await edge.data(query, {"after": cursor})
    assert after["viewer"]["workspaces"]["nodes"] == []  # type: ignore[index]


def wanted(edge: Edge, **changes: object) -> dict[str, object]:
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    return {"query": "cancel", "knowledgeBaseIds": [base], **changes}


async def test_a_search_goes_on_after_its_cursor(edge: Edge) -> None:
    first = (await edge.data(SEARCH, {"input": wanted(edge), "first": 1}))["search"]
    info = first["pageInfo"]  # type: ignore[index]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)
    second = (await edge.data(SEARCH, {"input": wanted(edge), "first": 1, "after": info["endCursor"]}))[
        "search"
    ]
    assert [each["node"]["chunk"]["ordinal"] for each in second["edges"]] == [1]  # type: ignore[index]
    assert second["pageInfo"]["hasPreviousPage"] is True  # type: ignore[index]
    assert [request.offset for (request,) in edge.calls.named("search.search")] == [0, 1]  # type: ignore[attr-defined]


async def test_the_cursor_of_a_search_is_of_no_use_for_another(edge: Edge) -> None:
    first = (await edge.data(SEARCH, {"input": wanted(edge), "first": 1}))["search"]
    cursor = first["pageInfo"]["endCursor"]  # type: ignore[index]
    for changed in (
        {"query": "other"},
        {"mode": "VECTOR"},
        {"filter": {"page": {"eq": 1}}},
        {"minScore": 0.5},
    ):
        error = await edge.error(SEARCH, {"input": wanted(edge, **changed), "after": cursor})
        assert error["extensions"]["field"] == ["after"]  # type: ignore[index]


@pytest.mark.parametrize("count", [0, 21])
async def test_a_search_names_one_to_twenty_knowledge_bases(edge: Edge, count: int) -> None:
    ids = [edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)] * count
    error = await edge.error(SEARCH, {"input": {"query": "x", "knowledgeBaseIds": ids}})
    assert error["extensions"]["field"] == ["input", "knowledgeBaseIds"]  # type: ignore[index]


@pytest.mark.parametrize("size", [0, -1, 101])
async def test_a_search_has_a_bounded_page(edge: Edge, size: int) -> None:
    error = await edge.error(SEARCH, {"input": wanted(edge), "first": size})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"  # type: ignore[index]
    assert edge.calls.named("search.search") == []


@pytest.mark.parametrize(
    ("selection", "highlighted"),
    [
        ("nodes { score }", False),
        ("nodes { highlights { start } }", True),
        ("edges { node { marked: highlights { end } } }", True),
        (
            "nodes { ...Marks } } } fragment Marks on SearchHit { ... on SearchHit { highlights { start }",
            True,
        ),
        ("tookMs degraded nodes { copies highlights: score }", False),
    ],
)
async def test_words_are_marked_only_for_those_who_read_the_marks(
    edge: Edge, selection: str, highlighted: bool
) -> None:
    query = "query ($input: SearchInput!) { search(input: $input) { " + selection + " } }"
    await edge.data(query, {"input": wanted(edge)})
    assert edge.calls.named("search.highlighted") == [(highlighted,)]


async def test_a_search_says_what_was_left_out_and_how_to_spread_and_collapse(edge: Edge) -> None:
    query = "query ($input: SearchInput!) { search(input: $input) { degraded nodes { copies } } }"
    given = {**wanted(edge), "mmrLambda": 0.5, "collapseCopies": True, "rerank": False}
    found = (await edge.data(query, {"input": given}))["search"]
    assert found == {"degraded": ["RERANK"], "nodes": [{"copies": 3}, {"copies": 3}]}
    ((request,),) = edge.calls.named("search.search")
    assert (request.mmr_lambda, request.collapse_copies, request.rerank) == (0.5, True, False)  # type: ignore[attr-defined]


async def test_a_hit_lists_the_copies_that_it_stands_for(edge: Edge) -> None:
    first, second = edge.world.chunks.values()
    left_out = CollapsedCopy(chunk_id=second.id, fused_rank=3, resemblance=0.9)
    gone = CollapsedCopy(chunk_id=new_id(), fused_rank=4, resemblance=1.0)
    search = edge.services.search.search

    async def collapse(*arguments: object, **options: object) -> SearchResult:
        result = await search(*arguments, **options)  # type: ignore[arg-type]
        hit = result.hits[0]
        explanation = hit.explanation.model_copy(update={"collapsed": (left_out, gone)})
        return result.model_copy(update={"hits": (hit.model_copy(update={"explanation": explanation}),)})

    edge.services.search.search = collapse  # type: ignore[method-assign]
    query = """query ($input: SearchInput!) { search(input: $input) { nodes { chunk { text } explanation {
        collapsed { fusedRank resemblance chunk { id text documentVersion { id } } } } } } }"""
    [hit] = (await edge.data(query, {"input": wanted(edge)}))["search"]["nodes"]  # type: ignore[index]
    shown, lost = hit["explanation"]["collapsed"]
    assert hit["chunk"]["text"] == first.text
    assert (shown["fusedRank"], shown["resemblance"], shown["chunk"]["text"]) == (3, 0.9, second.text)
    assert shown["chunk"]["documentVersion"]["id"]
    assert lost == {"fusedRank": 4, "resemblance": 1.0, "chunk": None}


async def test_a_hit_whose_passage_was_deleted_meanwhile_is_left_out(edge: Edge) -> None:
    gone, kept = edge.world.chunks.values()
    search = edge.services.search.search

    async def search_then_delete(*arguments: object, **options: object) -> object:
        result = await search(*arguments, **options)  # type: ignore[arg-type]
        edge.world.chunks.pop(gone.id, None)
        return result

    edge.services.search.search = search_then_delete  # type: ignore[assignment,method-assign]
    found = (await edge.data(SEARCH, {"input": wanted(edge)}))["search"]
    assert [each["node"]["chunk"]["ordinal"] for each in found["edges"]] == [kept.ordinal]  # type: ignore[index]


async def test_a_document_that_is_deleted_while_its_hits_are_shown_does_not_fail_the_page(edge: Edge) -> None:
    chunks = edge.services.contents.chunks

    async def chunks_then_delete(*arguments: object) -> object:
        found = await chunks(*arguments)  # type: ignore[arg-type]
        edge.world.documents.clear()
        return found

    edge.services.contents.chunks = chunks_then_delete  # type: ignore[assignment,method-assign]
    asked = SEARCH.replace("ordinal", "ordinal documentVersion { document { title } }")
    found = (await edge.data(asked, {"input": wanted(edge)}))["search"]
    assert len(found["edges"]) in (0, len(edge.world.chunks))  # type: ignore[index]
