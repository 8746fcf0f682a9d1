"""Statements made from filters: operands are bound, and their number does not change the statement."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.dialects import postgresql

from lorebase.repositories.sql.comparisons import Condition
from lorebase.repositories.sql.filters import (
    conversation_condition,
    document_condition,
    job_condition,
    possible_documents,
    search_condition,
)
from lorebase.schemas.filters import (
    BooleanFilter,
    ConversationFilter,
    DateTimeFilter,
    DocumentFilter,
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

MARK = "needle'\"--;"


def sql(condition: Condition) -> str:
    return str(condition.compile(dialect=postgresql.dialect()))


def metadata(value: MetadataValueFilter) -> DocumentFilter:
    return DocumentFilter(metadata=(MetadataFilter(path=MARK, value=value),))


EVERYTHING = StringFilter(eq=MARK, neq=MARK, in_=(MARK,), nin=(MARK,), contains=MARK, starts_with=MARK)
LIST = StringListFilter(has_any=(MARK,), has_all=(MARK,), has_none=(MARK,))
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
TIME = DateTimeFilter(eq=MOMENT, gt=MOMENT, gte=MOMENT, lt=MOMENT, lte=MOMENT, is_null=False)
CONDITIONS = {
    "title": document_condition(DocumentFilter(title=EVERYTHING)),
    "language": document_condition(DocumentFilter(language=EVERYTHING)),
    "media type": document_condition(DocumentFilter(media_type=EVERYTHING)),
    "tags": document_condition(DocumentFilter(tags=LIST)),
    "times": document_condition(DocumentFilter(created_at=TIME, updated_at=TIME)),
    "metadata text": document_condition(metadata(MetadataValueFilter(string=EVERYTHING))),
    "metadata list": document_condition(metadata(MetadataValueFilter(string_list=LIST))),
    "metadata number": document_condition(metadata(MetadataValueFilter(number=FloatFilter(eq=42.5)))),
    "metadata time": document_condition(metadata(MetadataValueFilter(date_time=TIME))),
    "metadata truth": document_condition(metadata(MetadataValueFilter(boolean=BooleanFilter(eq=True)))),
    "section": search_condition(SearchFilter(section=EVERYTHING)),
    "section's document": possible_documents(
        SearchFilter(section=EVERYTHING, document=DocumentFilter(title=EVERYTHING))
    ),
    "job": job_condition(JobFilter(status=JobStatusFilter(eq=MARK, in_=(MARK,)), kind=JobKind.INGEST)),
    "conversation": conversation_condition(ConversationFilter(title=EVERYTHING, created_at=TIME)),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_no_operand_and_no_path_stands_in_the_statement(name: str) -> None:
    statement = sql(CONDITIONS[name])
    for written in ("needle", "42.5", "2026", "INGEST"):
        assert written not in statement
    assert "%(" in statement


@pytest.mark.parametrize("count", [0, 1, 50])
def test_the_number_of_operands_does_not_change_the_statement(count: int) -> None:
    ids = tuple(UUID(int=number) for number in range(count))
    one = sql(document_condition(DocumentFilter(id=IdFilter(in_=(UUID(int=7),)))))
    assert sql(document_condition(DocumentFilter(id=IdFilter(in_=ids)))) == one


@pytest.mark.parametrize(
    "condition",
    [
        document_condition(DocumentFilter()),
        search_condition(SearchFilter()),
        possible_documents(SearchFilter()),
        job_condition(JobFilter()),
        conversation_condition(ConversationFilter()),
        document_condition(DocumentFilter(title=StringFilter(), and_=())),
        possible_documents(SearchFilter(page=IntFilter(eq=1))),
        possible_documents(SearchFilter(not_=SearchFilter(page=IntFilter(eq=1)))),
    ],
)
def test_a_filter_that_asks_nothing_is_true(condition: Condition) -> None:
    assert sql(condition) in {"true", "NOT false"}


def test_no_alternative_at_all_matches_nothing() -> None:
    assert sql(document_condition(DocumentFilter(or_=()))) == "false"


def test_comparisons_of_a_missing_value_are_never_null() -> None:
    statement = sql(document_condition(DocumentFilter(language=StringFilter(eq="de", neq="en"))))
    assert statement.count("coalesce(") == 2
