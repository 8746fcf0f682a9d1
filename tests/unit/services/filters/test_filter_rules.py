"""What filters are refused for, and where the error points."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, ErrorCode
from lorebase.schemas.filters import (
    ConversationFilter,
    DateTimeFilter,
    DocumentFilter,
    FloatFilter,
    IdFilter,
    IntFilter,
    JobFilter,
    MetadataFilter,
    MetadataValueFilter,
    SearchFilter,
    StringFilter,
    StringListFilter,
)
from lorebase.schemas.jobs import JobKind
from lorebase.schemas.knowledge_bases import MetadataField, MetadataFieldType
from lorebase.services.filters.filter_rules import LIST_MAXIMUM, TEXT_MAXIMUM, Filter, validate
from tests.contracts.filter_strategies import FIELDS, search_filters
from tests.factories import make_settings

SETTINGS: Settings = make_settings()
TEAM = MetadataField(path="author.team", type=MetadataFieldType.STRING)


def refused(given: Filter, *fields: MetadataField) -> BadInput:
    with pytest.raises(BadInput) as error:
        validate(given, fields, SETTINGS)
    assert error.value.code is ErrorCode.BAD_USER_INPUT
    return error.value


def nested(levels: int) -> DocumentFilter:
    inner = DocumentFilter(title=StringFilter(eq="x"))
    for _ in range(levels - 1):
        inner = DocumentFilter(not_=inner)
    return inner


def titles(count: int) -> DocumentFilter:
    return DocumentFilter(and_=tuple(DocumentFilter(title=StringFilter(eq=str(n))) for n in range(count)))


def team(value: MetadataValueFilter) -> DocumentFilter:
    return DocumentFilter(metadata=(MetadataFilter(path="author.team", value=value),))


def test_five_levels_are_allowed_and_six_refused() -> None:
    validate(nested(5), [], SETTINGS)
    assert refused(nested(6)).field == ["filter", "not", "not", "not", "not", "not"]


def test_levels_inside_the_document_count_on() -> None:
    validate(SearchFilter(document=nested(5)), [], SETTINGS)
    validate(SearchFilter(not_=SearchFilter(document=nested(4))), [], SETTINGS)
    error = refused(SearchFilter(not_=SearchFilter(document=nested(5))))
    assert error.field == ["filter", "not", "document", "not", "not", "not", "not"]


def test_fifty_conditions_are_allowed_and_fifty_one_refused() -> None:
    validate(titles(50), [], SETTINGS)
    assert refused(titles(51)).field == ["filter"]


def test_every_operator_and_every_empty_comparison_counts() -> None:
    both = StringFilter(eq="a", contains="b")
    many = DocumentFilter(and_=tuple(DocumentFilter(title=both) for _ in range(26)))
    assert refused(many).field == ["filter"]
    hollow = DocumentFilter(and_=tuple(DocumentFilter(title=StringFilter()) for _ in range(51)))
    assert refused(hollow).field == ["filter"]


@pytest.mark.parametrize("text", ["a\x00b", "line\nbreak", "\x7f", "\x85", "\ud800"])
def test_control_characters_are_refused(text: str) -> None:
    given = SearchFilter(and_=(SearchFilter(document=DocumentFilter(title=StringFilter(starts_with=text))),))
    assert refused(given).field == ["filter", "and", "0", "document", "title", "startsWith"]
    tagged = DocumentFilter(tags=StringListFilter(has_any=("fine", text)))
    assert refused(tagged).field == ["filter", "tags", "hasAny"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_must_be_finite(number: float) -> None:
    year = MetadataField(path="year", type=MetadataFieldType.NUMBER)
    given = DocumentFilter(
        metadata=(MetadataFilter(path="year", value=MetadataValueFilter(number=FloatFilter(lt=number))),)
    )
    assert refused(given, year).field == ["filter", "metadata", "0", "value", "number", "lt"]


def test_lists_and_texts_have_an_end() -> None:
    ids = tuple(uuid4() for _ in range(LIST_MAXIMUM + 1))
    assert refused(DocumentFilter(id=IdFilter(in_=ids))).field == ["filter", "id", "in"]
    validate(DocumentFilter(id=IdFilter(in_=ids[1:])), [], SETTINGS)
    long = StringFilter(eq="x" * (TEXT_MAXIMUM + 1))
    assert refused(DocumentFilter(language=long)).field == ["filter", "language", "eq"]


def test_a_path_must_be_declared() -> None:
    given = team(MetadataValueFilter(string=StringFilter(eq="x")))
    assert refused(given).field == ["filter", "metadata", "0", "path"]
    other = MetadataField(path="author", type=MetadataFieldType.STRING)
    assert refused(given, other).field == ["filter", "metadata", "0", "path"]
    validate(given, [other, TEAM], SETTINGS)


def test_a_path_is_compared_by_its_declared_type() -> None:
    given = team(MetadataValueFilter(number=FloatFilter(eq=1.0)))
    assert refused(given, TEAM).field == ["filter", "metadata", "0", "value"]


def test_one_of_several_declarations_is_enough() -> None:
    number = MetadataField(path="author.team", type=MetadataFieldType.NUMBER)
    validate(team(MetadataValueFilter(number=FloatFilter(eq=1.0))), [TEAM, number], SETTINGS)


def test_an_injection_by_path_is_just_not_declared() -> None:
    given = DocumentFilter(
        metadata=(
            MetadataFilter(
                path='a"] == 1 or workspace_id != "', value=MetadataValueFilter(string=StringFilter(eq="x"))
            ),
        )
    )
    assert refused(given, TEAM).field == ["filter", "metadata", "0", "path"]


def test_quotes_and_emoji_are_text_like_any_other() -> None:
    validate(DocumentFilter(title=StringFilter(eq='" or workspace_id != "\\ 👩‍👩‍👧')), [], SETTINGS)


def test_filters_of_jobs_and_conversations_keep_the_same_rules() -> None:
    validate(JobFilter(kind=JobKind.INGEST, not_=JobFilter(created_at=DateTimeFilter())), [], SETTINGS)
    conversation = ConversationFilter(or_=(ConversationFilter(title=StringFilter(contains="\x00")),))
    assert refused(conversation).field == ["filter", "or", "0", "title", "contains"]


def test_the_error_points_below_where_the_filter_stands() -> None:
    with pytest.raises(BadInput) as error:
        validate(SearchFilter(page=IntFilter(in_=(1,) * 2000)), [], SETTINGS, at=["input", "filter"])
    assert error.value.field == ["input", "filter", "page", "in"]


@given(search_filters)
def test_ordinary_filters_pass(given: SearchFilter) -> None:
    roomy = make_settings(filter_max_depth=20, filter_max_conditions=1000)
    validate(given, FIELDS, roomy)
