"""Filter inputs become filter values; null, depth and size are watched."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lorebase.core.ids import GlobalId, new_id
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.filters import (
    BooleanFilter,
    DateTimeFilter,
    DocumentFilter,
    DocumentStatusFilter,
    FloatFilter,
    IdFilter,
    IntFilter,
    JobFilter,
    JobStatusFilter,
    MetadataFilter,
    MetadataValueFilter,
    SearchFilter,
    StringFilter,
    StringListFilter,
)
from lorebase.schemas.jobs import JobKind
from tests.fakes.clock import START
from tests.unit.api.edge import Edge

DOCUMENTS = (
    "query($id: ID!, $filter: DocumentFilter) { node(id: $id) { ... on KnowledgeBase"
    " { documents(filter: $filter) { nodes { id } } } } }"
)
JOBS = (
    "query($id: ID!, $filter: JobFilter) { node(id: $id) { ... on Workspace"
    " { jobs(filter: $filter) { nodes { id } } } } }"
)
SEARCH = "query($input: SearchInput!) { search(input: $input) { tookMs } }"


async def documents(edge: Edge, condition: Mapping[str, object] | None) -> object:
    """The value that the service received for a filter of documents."""
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    await edge.data(DOCUMENTS, {"id": base, "filter": condition})
    return edge.calls.named("documents.page")[-1][2]


async def refusal(edge: Edge, condition: Mapping[str, object]) -> Mapping[str, object]:
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    error = await edge.error(DOCUMENTS, {"id": base, "filter": condition})
    assert edge.calls.named("documents.page") == []
    extensions = error["extensions"]
    assert isinstance(extensions, dict)
    assert extensions["code"] == "BAD_USER_INPUT"
    return extensions


async def test_no_filter_and_an_empty_filter_mean_what_they_say(edge: Edge) -> None:
    assert await documents(edge, None) is None
    assert await documents(edge, {}) == DocumentFilter()


async def test_every_comparison_reaches_the_service_as_a_value(edge: Edge) -> None:
    document = edge.world.document
    value = await documents(
        edge,
        {
            "title": {"contains": "x", "startsWith": "y", "eq": "", "nin": []},
            "createdAt": {"gte": "2026-01-01T13:00:00+01:00"},
            "tags": {"hasAny": ["a"], "hasNone": [], "isNull": False},
            "status": {"in": ["PENDING", "READY"], "nin": ["FAILED"]},
            "id": {"eq": edge.world.global_id("Document", document), "nin": []},
            "metadata": [
                {"path": "author.team", "value": {"string": {"in": ["core"]}}},
                {"path": "pages", "value": {"number": {"lt": 1.5}}},
                {"path": "final", "value": {"boolean": {"isNull": True}}},
            ],
        },
    )
    assert value == DocumentFilter(
        title=StringFilter(contains="x", starts_with="y", eq="", nin=()),
        created_at=DateTimeFilter(gte=START),
        tags=StringListFilter(has_any=("a",), has_none=(), is_null=False),
        status=DocumentStatusFilter(
            in_=(DocumentStatus.ACCEPTED, DocumentStatus.READY), nin=(DocumentStatus.FAILED,)
        ),
        id=IdFilter(eq=document.id, nin=()),
        metadata=(
            MetadataFilter(path="author.team", value=MetadataValueFilter(string=StringFilter(in_=("core",)))),
            MetadataFilter(path="pages", value=MetadataValueFilter(number=FloatFilter(lt=1.5))),
            MetadataFilter(path="final", value=MetadataValueFilter(boolean=BooleanFilter(is_null=True))),
        ),
    )


async def test_conditions_nest(edge: Edge) -> None:
    value = await documents(
        edge, {"not": {"title": {"eq": "a"}}, "or": [{"language": {"eq": "en"}}, {}], "and": []}
    )
    assert value == DocumentFilter(
        not_=DocumentFilter(title=StringFilter(eq="a")),
        or_=(DocumentFilter(language=StringFilter(eq="en")), DocumentFilter()),
        and_=(),
    )


async def test_jobs_are_filtered_by_public_states(edge: Edge) -> None:
    variables = {
        "id": edge.world.global_id("Workspace", edge.world.workspace),
        "filter": {"kind": "INGEST", "status": {"in": ["RETRYING", "QUEUED"]}},
    }
    await edge.data(JOBS, variables)
    assert edge.calls.named("jobs.page")[-1][2] == JobFilter(
        kind=JobKind.INGEST, status=JobStatusFilter(in_=("RETRYING", "QUEUED"))
    )


async def test_a_search_filter_reaches_into_documents(edge: Edge) -> None:
    base = edge.world.global_id("KnowledgeBase", edge.world.knowledge_base)
    condition = {"page": {"lte": 3}, "section": {"eq": "A > B"}, "document": {"tags": {"hasAll": ["x"]}}}
    await edge.data(SEARCH, {"input": {"query": "q", "knowledgeBaseIds": [base], "filter": condition}})
    request = edge.calls.named("search.search")[-1][0]
    assert request.filter == SearchFilter(  # type: ignore[attr-defined]
        page=IntFilter(lte=3),
        section=StringFilter(eq="A > B"),
        document=DocumentFilter(tags=StringListFilter(has_all=("x",))),
    )


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({"title": {"eq": None}}, ["filter", "title", "eq"]),
        ({"title": None}, ["filter", "title"]),
        ({"and": None}, ["filter", "and"]),
        ({"not": None}, ["filter", "not"]),
        ({"or": [{"tags": {"hasAny": None}}]}, ["filter", "or", "0", "tags", "hasAny"]),
        ({"status": {"in": None}}, ["filter", "status", "in"]),
        ({"createdAt": {"isNull": None}}, ["filter", "createdAt", "isNull"]),
        (
            {"metadata": [{"path": "a", "value": {"string": {"eq": None}}}]},
            ["filter", "metadata", "0", "value", "string", "eq"],
        ),
    ],
)
async def test_a_null_operand_is_refused_with_its_path(
    edge: Edge, condition: dict[str, object], path: list[str]
) -> None:
    assert (await refusal(edge, condition))["field"] == path


@pytest.mark.parametrize(
    "value", [{}, {"string": None}, {"string": {"eq": "a"}, "number": {"eq": 1.0}}, {"date": {}}]
)
async def test_a_metadata_comparison_is_exactly_one(edge: Edge, value: dict[str, object]) -> None:
    await refusal(edge, {"metadata": [{"path": "a", "value": value}]})


async def test_five_levels_pass_and_six_do_not(edge: Edge) -> None:
    def nested(levels: int) -> dict[str, object]:
        return {"and": [nested(levels - 1)]} if levels > 1 else {"title": {"eq": "x"}}

    assert await documents(edge, nested(5)) is not None
    edge.calls.made.clear()
    await refusal(edge, nested(6))


async def test_fifty_conditions_pass_and_one_more_does_not(edge: Edge) -> None:
    def many(count: int) -> dict[str, object]:
        return {"or": [{"title": {"eq": str(n)}} for n in range(count)]}

    assert await documents(edge, many(50)) is not None
    edge.calls.made.clear()
    await refusal(edge, many(51))


async def test_an_id_that_nobody_can_see_equals_nothing_but_is_no_error(edge: Edge) -> None:
    foreign = str(GlobalId("Document", new_id(), new_id()))
    value = await documents(edge, {"id": {"in": [foreign, "nonsense"]}})
    assert isinstance(value, DocumentFilter)
    assert value.id is not None
    assert value.id.in_ is not None
    assert {item.int for item in value.id.in_} == {0}


async def test_a_comparison_of_the_wrong_type_never_reaches_the_service(edge: Edge) -> None:
    await refusal(edge, {"title": {"eq": 1}})
    await refusal(edge, {"createdAt": {"eq": "yesterday"}})
