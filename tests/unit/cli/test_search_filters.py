"""`--filter` expressions become the API's typed filters, or an error that says what is wrong."""

from __future__ import annotations

from typing import Any, cast

import pytest
from graphql import GraphQLInputType, Undefined, build_schema
from graphql.utilities import coerce_input_value
from hypothesis import given
from hypothesis import strategies as st

from lorebase.cli.errors import CommandFailed, ExitCode, UsageFailed
from lorebase.cli.search_filters import names_metadata, search_filter
from lorebase.core.resources import resource_directory

Json = dict[str, Any]

TYPES = {
    "author": "STRING",
    "author.first-name": "STRING",
    "year": "NUMBER",
    "draft": "BOOLEAN",
    "published": "DATE_TIME",
    "topics": "STRING_LIST",
}
SCHEMA = build_schema((resource_directory("schema") / "schema.graphql").read_text(encoding="utf-8"))


def on_metadata(path: str, **value: Json) -> Json:
    return {"document": {"metadata": [{"path": path, "value": value}]}}


def is_allowed(condition: Json | None) -> bool:
    return (
        coerce_input_value(condition, cast("GraphQLInputType", SCHEMA.type_map["SearchFilter"]))
        is not Undefined
    )


UNDERSTOOD: dict[str, Json] = {
    "tags:python": {"document": {"tags": {"hasAll": ["python"]}}},
    "tag = a , b": {"document": {"tags": {"hasAll": ["a", "b"]}}},
    "tags!=old": {"document": {"tags": {"hasNone": ["old"]}}},
    "title~asyncio": {"document": {"title": {"contains": "asyncio"}}},
    "title:a=b": {"document": {"title": {"contains": "a=b"}}},
    "title!=x": {"document": {"title": {"neq": "x"}}},
    "mediaType=text/html": {"document": {"mediaType": {"eq": "text/html"}}},
    "language=de": {"document": {"language": {"eq": "de"}}},
    "page<=3": {"page": {"lte": 3}},
    "page:3": {"page": {"eq": 3}},
    "chunkTokens>10": {"chunkTokens": {"gt": 10}},
    "section~Intro": {"section": {"contains": "Intro"}},
    "createdAt>=2026-01-31": {"document": {"createdAt": {"gte": "2026-01-31T00:00:00Z"}}},
    "createdAt<2026-01-31": {"document": {"createdAt": {"lt": "2026-01-31T00:00:00Z"}}},
    "createdAt>2026-01-31": {"document": {"createdAt": {"gte": "2026-02-01T00:00:00Z"}}},
    "updatedAt<=2026-01-31": {"document": {"updatedAt": {"lt": "2026-02-01T00:00:00Z"}}},
    "createdAt=2026-01-31": {
        "document": {"createdAt": {"gte": "2026-01-31T00:00:00Z", "lt": "2026-02-01T00:00:00Z"}}
    },
    "createdAt>2026-01-31T12:00": {"document": {"createdAt": {"gt": "2026-01-31T12:00:00Z"}}},
    "createdAt<=2026-01-31T12:00:00+02:00": {"document": {"createdAt": {"lte": "2026-01-31T10:00:00Z"}}},
    "metadata.author=Ada": on_metadata("author", string={"eq": "Ada"}),
    "metadata.author.first-name~A": on_metadata("author.first-name", string={"contains": "A"}),
    "metadata.year>=1999.5": on_metadata("year", number={"gte": 1999.5}),
    "metadata.draft=TRUE": on_metadata("draft", boolean={"eq": True}),
    "metadata.published<2026-01-01": on_metadata("published", dateTime={"lt": "2026-01-01T00:00:00Z"}),
    "metadata.topics:a,b": on_metadata("topics", stringList={"hasAll": ["a", "b"]}),
}

REFUSED = {
    "": "is not understood",
    "python": "is not understood",
    "=x": "is not understood",
    "colour=red": "There is no field 'colour'",
    "tags~x": "needs the form tags:one,two",
    "tags:": "needs the form tags:one,two",
    "tags: , ,": "needs the form tags:one,two",
    "title>x": "compares text",
    "page~3": "compares values",
    "page=three": "needs a number",
    "page=3.5": "needs a whole number",
    "page=nan": "needs a finite number",
    "page=inf": "needs a finite number",
    "page=1e999": "needs a finite number",
    "page=2147483648": "needs a whole number",
    "createdAt=yesterday": "needs a date or time",
    "createdAt!=2026-01-31": "cannot use !=",
    "createdAt~2026": "compares values",
    "createdAt<=9999-12-31": "needs an earlier date",
    "createdAt<0001-01-01T00:00:00+14:00": "needs a date or time",
    "metadata.none=1": "declares no metadata field 'none'",
    "metadata.year=x": "needs a number",
    "metadata.draft=maybe": "needs =true or =false",
    "metadata.draft>true": "needs =true or =false",
    "metadata.topics>a": "needs the form",
}


@pytest.mark.parametrize(("expression", "condition"), UNDERSTOOD.items(), ids=UNDERSTOOD.keys())
def test_an_expression_becomes_a_typed_condition(expression: str, condition: Json) -> None:
    assert search_filter([expression], TYPES) == {"and": [condition]}


@pytest.mark.parametrize("expression", UNDERSTOOD)
def test_every_condition_is_one_that_the_schema_allows(expression: str) -> None:
    assert is_allowed(search_filter([expression], TYPES))


@pytest.mark.parametrize(("expression", "reason"), REFUSED.items(), ids=REFUSED.keys())
def test_what_cannot_be_used_is_a_usage_error_with_its_reason(expression: str, reason: str) -> None:
    with pytest.raises(UsageFailed) as refused:
        search_filter([expression], TYPES)
    assert reason in refused.value.message
    assert refused.value.exit_code is ExitCode.USAGE


def test_several_must_all_hold_and_none_is_no_filter() -> None:
    both = search_filter(["page=1", "tags:a"], {})
    assert both == {"and": [{"page": {"eq": 1}}, {"document": {"tags": {"hasAll": ["a"]}}}]}
    assert search_filter([], {}) is None


def test_undeclared_metadata_lists_what_is_declared() -> None:
    with pytest.raises(UsageFailed, match=r"declared: author, author\.first-name, draft"):
        search_filter(["metadata.x=1"], TYPES)
    with pytest.raises(UsageFailed, match="declared: none"):
        search_filter(["metadata.x=1"], {})


def test_a_type_of_a_newer_api_is_refused_in_words() -> None:
    with pytest.raises(UsageFailed, match="GEO_POINT, which this version does not know"):
        search_filter(["metadata.place=1"], {"place": "GEO_POINT"})


@pytest.mark.parametrize("expression", ["metadata.a=1", "  metadata.a=1"])
def test_metadata_is_noticed_where_its_types_are_needed(expression: str) -> None:
    assert names_metadata(["page=1", expression])
    assert not names_metadata(["page=1", "title~metadata.a"])


names = st.sampled_from(
    ["tags", "title", "page", "createdAt", "section", "chunkTokens", *(f"metadata.{path}" for path in TYPES)]
)
operators = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "~", ":", "=="])
values = st.one_of(
    st.text(),
    st.floats().map(str),
    st.integers().map(str),
    st.dates().map(str),
    st.datetimes(timezones=st.just(None) | st.timezones()).map(lambda moment: moment.isoformat()),
)
expressions = st.one_of(st.text(), st.builds("{}{}{}".format, names, operators, values))


@given(st.lists(expressions, max_size=3))
def test_whatever_is_given_is_a_filter_that_the_schema_allows_or_a_clear_error(given: list[str]) -> None:
    try:
        found = search_filter(given, TYPES)
    except CommandFailed as refused:
        assert refused.exit_code is ExitCode.USAGE  # noqa: PT017
    else:
        assert found is None or is_allowed(found)
