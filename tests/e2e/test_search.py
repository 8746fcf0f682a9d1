"""Documents are found by meaning and by words, under every kind of filter, page by page."""

from __future__ import annotations

import pytest

from tests.e2e.client import Json, Refused
from tests.e2e.library import Library, external_id_of
from tests.e2e.shelf import NAMES

MODES = ("HYBRID", "VECTOR", "KEYWORD")
QUESTIONS = {
    "How do I stop a running task?": "tasks.md",
    "What feeds the starter of sourdough bread?": "bread.txt",
    "When can ships enter the harbour of Brightwater?": "tides.html",
    "In which year did the volcano Skarn erupt?": "volcano.docx",
}


def metadata(path: str, kind: str, **comparison: object) -> Json:
    return {"metadata": [{"path": path, "value": {kind: comparison}}]}


FILTERS: dict[str, tuple[Json, set[str]]] = {
    "any tag": ({"tags": {"hasAny": ["python", "kitchen"]}}, {"tasks.md", "tides.html", "bread.txt"}),
    "all tags": ({"tags": {"hasAll": ["sea", "python"]}}, {"tides.html"}),
    "no tag": ({"tags": {"hasNone": ["python", "sea"]}}, NAMES - {"tasks.md", "tides.html", "volcano.docx"}),
    "title contains, in any case": ({"title": {"contains": "TIDE t"}}, {"tides.html"}),
    "title starts with": ({"title": {"startsWith": "sourdough"}}, {"bread.txt"}),
    "title is one of": (
        {"title": {"in": ["Volcano report", "Gardens of Kyoto", "No such title"]}},
        {"volcano.docx", "gardens.pdf"},
    ),
    "one of nothing": ({"title": {"in": []}}, set()),
    "media type": ({"mediaType": {"eq": "application/pdf"}}, {"gardens.pdf"}),
    "media type prefix": (
        {"mediaType": {"startsWith": "text/"}},
        {"tasks.md", "bread.txt", "tides.html", "prices.csv"},
    ),
    "created since": ({"createdAt": {"gte": "2020-01-01T00:00:00Z"}}, NAMES),
    "created in the far future": ({"createdAt": {"gt": "2200-01-01T00:00:00Z"}}, set()),
    "status": ({"status": {"eq": "READY"}}, NAMES),
    "metadata text": (metadata("author.team", "string", eq="Runtime"), {"tasks.md", "volcano.docx"}),
    "metadata text contains": (metadata("author.team", "string", contains="bak"), {"bread.txt"}),
    "metadata number": (metadata("pages", "number", gte=3.5, lt=40), {"tasks.md", "bread.txt"}),
    "negative number": (metadata("pages", "number", lt=0), {"prices.csv"}),
    "metadata date": (metadata("published", "dateTime", gt="2024-01-10T08:00:00Z"), {"bread.txt"}),
    "date in another zone": (metadata("published", "dateTime", eq="2024-01-10T09:00:00+01:00"), {"tasks.md"}),
    "metadata true": (metadata("draft", "boolean", eq=True), {"bread.txt"}),
    "metadata list": (
        metadata("audience", "stringList", hasAny=["families"]),
        {"bread.txt", "volcano.docx"},
    ),
    "metadata missing": (
        metadata("draft", "boolean", isNull=True),
        NAMES - {"tasks.md", "bread.txt", "volcano.docx"},
    ),
    "and": (
        {"and": [{"tags": {"hasAny": ["python"]}}, {"mediaType": {"eq": "text/html"}}]},
        {"tides.html"},
    ),
    "or": (
        {"or": [{"mediaType": {"eq": "text/csv"}}, {"title": {"contains": "station"}}]},
        {"prices.csv", "station.json"},
    ),
    "not": (
        {"not": {"tags": {"hasAny": ["python", "sea", "kitchen"]}}},
        NAMES - {"tasks.md", "tides.html", "volcano.docx", "bread.txt"},
    ),
    "all three": (
        {
            "or": [metadata("pages", "number", eq=12), {"tags": {"hasAny": ["sea"]}}],
            "not": {"and": [{"mediaType": {"eq": "text/html"}}]},
        },
        {"tasks.md", "volcano.docx"},
    ),
    "nothing asked": ({}, NAMES),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_question_finds_the_document_that_answers_it(
    question: str, mode: str, on_shelf: Library
) -> None:
    page = await on_shelf.search(question, mode)
    best = page["nodes"][0]
    assert external_id_of(best) == QUESTIONS[question]
    used = {name for name, score in best["scores"].items() if score is not None}
    assert used == {"HYBRID": {"vector", "keyword"}, "VECTOR": {"vector"}, "KEYWORD": {"keyword"}}[mode]
    assert best["explanation"]["fusedRank"] == 1
    scores = [hit["score"] for hit in page["nodes"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_finds_the_same_documents_by_search_and_in_the_list(
    name: str, on_shelf: Library
) -> None:
    condition, expected = FILTERS[name]
    # By meaning alone nothing is left out for want of a common word.
    page = await on_shelf.search("anything at all", "VECTOR", first=50, filter={"document": condition})
    assert {external_id_of(hit) for hit in page["nodes"]} == expected
    assert set(await on_shelf.listed(condition)) == expected


@pytest.mark.parametrize("mode", MODES)
async def test_filters_hold_in_every_mode(mode: str, on_shelf: Library) -> None:
    condition = {"document": {"tags": {"hasAny": ["sea"]}}}
    assert await on_shelf.found("tides of the harbour", mode, filter=condition) <= {
        "tides.html",
        "volcano.docx",
    }
    assert "tides.html" in await on_shelf.found("tides of the harbour", mode, filter=condition)


async def test_passages_are_filtered_by_page_and_section(on_shelf: Library) -> None:
    second = await on_shelf.search("moss", "VECTOR", first=50, filter={"page": {"gte": 2}})
    assert {(external_id_of(hit), hit["chunk"]["page"]) for hit in second["nodes"]} == {("gardens.pdf", 2)}
    tides = await on_shelf.found("moon", "VECTOR", filter={"section": {"startsWith": "Tide"}})
    assert tides == {"tides.html"}


@pytest.mark.parametrize(
    "condition",
    [
        metadata("unknown.key", "string", eq="x"),
        metadata("pages", "string", eq="12"),
        {"title": {"eq": None}},
        {"not": {"not": {"not": {"not": {"not": {"not": {"title": {"eq": "x"}}}}}}}},
        {"or": [{"title": {"eq": str(number)}} for number in range(60)]},
    ],
    ids=["undeclared", "wrong type", "null operand", "too deep", "too many"],
)
async def test_a_filter_that_makes_no_sense_is_refused(condition: Json, on_shelf: Library) -> None:
    with pytest.raises(Refused) as refused:
        await on_shelf.search("anything", filter={"document": condition})
    assert refused.value.codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("mode", MODES)
async def test_pages_follow_each_other_without_gap_or_repeat(mode: str, on_shelf: Library) -> None:
    query = "the year of the garden"
    whole = await on_shelf.search(query, mode, first=50)
    ids = [hit["chunk"]["id"] for hit in whole["nodes"]]
    assert len(ids) > 4
    paged: list[str] = []
    after = None
    while True:
        page = await on_shelf.search(query, mode, first=2, after=after)
        paged += [hit["chunk"]["id"] for hit in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        assert len(page["nodes"]) == 2
    assert paged == ids


async def test_a_cursor_is_of_no_use_for_another_search(on_shelf: Library) -> None:
    cursor = (await on_shelf.search("garden", "VECTOR", first=1))["pageInfo"]["endCursor"]
    for query, after in (("bread", cursor), ("garden", cursor[:-2] + "xx"), ("garden", "%%%")):
        with pytest.raises(Refused) as refused:
            await on_shelf.search(query, "VECTOR", after=after)
        assert refused.value.codes == ["BAD_USER_INPUT"]


async def test_the_list_of_documents_is_paged_by_cursors(on_shelf: Library) -> None:
    order = {"field": "TITLE", "direction": "ASC"}
    titles: list[str] = []
    after = None
    while True:
        node = await on_shelf.api.run(
            "list-documents", knowledgeBaseId=on_shelf.id, orderBy=order, first=3, after=after
        )
        page = node["documents"]
        assert page["totalCount"] == len(NAMES)
        titles += [document["title"] for document in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(titles) == len(NAMES)
    assert titles == sorted(titles, key=str.casefold)


async def test_the_words_that_matched_are_marked(on_shelf: Library) -> None:
    hit = (await on_shelf.search("full moon", "KEYWORD"))["nodes"][0]
    text = hit["chunk"]["text"]
    marked = {text[mark["start"] : mark["end"]] for mark in hit["highlights"]}
    assert marked == {"full", "moon"}


async def test_a_passage_shows_its_neighbours(on_shelf: Library) -> None:
    hit = (await on_shelf.search("moss garden needs shade", "KEYWORD"))["nodes"][0]
    passage = await on_shelf.api.run("show-passage", id=hit["chunk"]["id"], radius=1)
    places = [neighbour["ordinal"] for neighbour in passage["neighbors"]]
    assert passage["ordinal"] not in places
    assert set(places) <= {passage["ordinal"] - 1, passage["ordinal"] + 1}
    assert places
    assert places == sorted(places)


@pytest.mark.parametrize(
    "query", ["", "   \u200b ", "\x00", "x" * 2001], ids=["empty", "blank", "nul", "long"]
)
async def test_a_query_without_words_or_end_is_refused(query: str, on_shelf: Library) -> None:
    with pytest.raises(Refused) as refused:
        await on_shelf.search(query)
    assert refused.value.codes == ["BAD_USER_INPUT"]
