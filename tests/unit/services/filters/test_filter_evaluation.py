"""What filters mean, missing values above all."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.schemas.documents import Document, DocumentStatus
from lorebase.schemas.filters import (
    BooleanFilter,
    DateTimeFilter,
    DocumentFilter,
    DocumentStatusFilter,
    FloatFilter,
    IdFilter,
    IntFilter,
    MetadataFilter,
    MetadataValueFilter,
    SearchFilter,
    StringFilter,
    StringListFilter,
)
from lorebase.services.filters.filter_evaluation import matches_chunk, matches_document
from tests.contracts.chunk_rows import MOMENT, Passage, document, passage, varied_passages
from tests.contracts.filter_strategies import search_filters

WORKSPACE = uuid4()
PASSAGES = varied_passages(WORKSPACE, 12)


def doc(**changes: object) -> Document:
    return document(WORKSPACE, **changes)


def at(path: str, **value: object) -> DocumentFilter:
    return DocumentFilter(metadata=(MetadataFilter(path=path, value=MetadataValueFilter(**value)),))


@pytest.mark.parametrize(
    ("comparison", "matches_en", "matches_missing"),
    [
        (StringFilter(), True, True),
        (StringFilter(eq="en"), True, False),
        (StringFilter(eq="EN"), False, False),
        (StringFilter(neq="en"), False, True),
        (StringFilter(neq="de"), True, True),
        (StringFilter(in_=("de", "en")), True, False),
        (StringFilter(in_=()), False, False),
        (StringFilter(nin=("en",)), False, True),
        (StringFilter(nin=()), True, True),
        (StringFilter(contains="E"), True, False),
        (StringFilter(contains=""), True, False),
        (StringFilter(starts_with="e"), True, False),
        (StringFilter(starts_with="n"), False, False),
        (StringFilter(is_null=True), False, True),
        (StringFilter(is_null=False), True, False),
        (StringFilter(eq="en", neq="en"), False, False),
    ],
)
def test_text_comparisons(comparison: StringFilter, matches_en: bool, matches_missing: bool) -> None:
    given = DocumentFilter(language=comparison)
    assert matches_document(given, doc(language="en")) is matches_en
    assert matches_document(given, doc(language=None)) is matches_missing


@pytest.mark.parametrize(
    ("comparison", "matches_two", "matches_missing"),
    [
        (IntFilter(eq=2), True, False),
        (IntFilter(neq=2), False, True),
        (IntFilter(in_=(1, 2)), True, False),
        (IntFilter(nin=(1, 2)), False, True),
        (IntFilter(gt=1, lt=3), True, False),
        (IntFilter(gte=3), False, False),
        (IntFilter(lte=2), True, False),
        (IntFilter(is_null=True), False, True),
        (IntFilter(), True, True),
    ],
)
def test_number_comparisons(comparison: IntFilter, matches_two: bool, matches_missing: bool) -> None:
    source = doc()
    given = SearchFilter(page=comparison)
    for page, expected in ((2, matches_two), (None, matches_missing)):
        assert matches_chunk(given, passage(source, page=page).chunk, source) is expected


@pytest.mark.parametrize(
    ("comparison", "tagged", "untagged"),
    [
        (StringListFilter(has_any=("a", "z")), True, False),
        (StringListFilter(has_any=()), False, False),
        (StringListFilter(has_all=("a", "b")), True, False),
        (StringListFilter(has_all=("a", "z")), False, False),
        (StringListFilter(has_all=()), True, True),
        (StringListFilter(has_none=("z",)), True, True),
        (StringListFilter(has_none=("a",)), False, True),
        (StringListFilter(is_null=True), False, True),
        (StringListFilter(is_null=False), True, False),
    ],
)
def test_list_comparisons(comparison: StringListFilter, tagged: bool, untagged: bool) -> None:
    given = DocumentFilter(tags=comparison)
    assert matches_document(given, doc(tags=("a", "b"))) is tagged
    assert matches_document(given, doc(tags=())) is untagged


def test_contains_folds_case_in_every_language() -> None:
    given = DocumentFilter(title=StringFilter(contains="strasse"))
    assert matches_document(given, doc(title="Die Straße"))
    assert not matches_document(given, doc(title="Der Weg"))


def test_times_compare_to_the_millisecond() -> None:
    source = doc(created_at=MOMENT)
    same_millisecond = MOMENT.replace(microsecond=123_999)
    assert matches_document(DocumentFilter(created_at=DateTimeFilter(eq=same_millisecond)), source)
    assert not matches_document(DocumentFilter(created_at=DateTimeFilter(gt=same_millisecond)), source)
    later = MOMENT + timedelta(milliseconds=1)
    assert matches_document(DocumentFilter(created_at=DateTimeFilter(lt=later)), source)


@pytest.mark.parametrize(
    ("given", "matching"),
    [
        (at("author.team", string=StringFilter(eq="core")), {"author": {"team": "core"}}),
        (at("author.team", string=StringFilter(eq="core")), {"author.team": "core"}),
        (at("year", number=FloatFilter(gte=2020.0)), {"year": 2021}),
        (at("open", boolean=BooleanFilter(eq=False)), {"open": False}),
        (at("due", date_time=DateTimeFilter(lt=MOMENT)), {"due": "2026-02-28"}),
        (at("names", string_list=StringListFilter(has_any=("a",))), {"names": ["b", "a"]}),
    ],
)
def test_metadata_is_compared_by_type(given: DocumentFilter, matching: dict[str, object]) -> None:
    assert matches_document(given, doc(metadata=matching))
    assert not matches_document(given, doc(metadata={}))


@pytest.mark.parametrize("value", [1, True, ["core"], None, {"deeper": "core"}])
def test_a_metadata_value_of_another_type_is_missing(value: object) -> None:
    source = doc(metadata={"author": {"team": value}})
    assert not matches_document(at("author.team", string=StringFilter(eq="core")), source)
    assert matches_document(at("author.team", string=StringFilter(is_null=True)), source)
    assert matches_document(at("author.team", string=StringFilter(neq="core")), source)


def test_a_truth_value_is_no_number() -> None:
    assert not matches_document(at("open", number=FloatFilter(eq=1.0)), doc(metadata={"open": True}))


def test_status_id_and_last_change_are_compared() -> None:
    source = doc(status=DocumentStatus.FAILED)
    assert matches_document(DocumentFilter(status=DocumentStatusFilter(eq=DocumentStatus.FAILED)), source)
    assert not matches_document(
        DocumentFilter(status=DocumentStatusFilter(nin=(DocumentStatus.FAILED,))), source
    )
    assert matches_document(DocumentFilter(id=IdFilter(in_=(source.id,))), source)
    assert not matches_document(DocumentFilter(id=IdFilter(neq=source.id)), source)
    assert matches_document(DocumentFilter(updated_at=DateTimeFilter(lte=MOMENT)), source)


def test_an_empty_or_matches_nothing_and_an_empty_and_everything() -> None:
    assert not matches_document(DocumentFilter(or_=()), doc())
    assert matches_document(DocumentFilter(and_=()), doc())


def test_the_section_is_the_path_joined_and_missing_at_the_top() -> None:
    source = doc()
    below = passage(source, section=("Guide", "Setup")).chunk
    given = SearchFilter(section=StringFilter(eq="Guide > Setup"))
    assert matches_chunk(given, below, source)
    assert matches_chunk(
        SearchFilter(section=StringFilter(is_null=True)), passage(source, section=()).chunk, source
    )


@given(search_filters, st.sampled_from(PASSAGES))
def test_not_is_the_plain_complement(given: SearchFilter, entry: Passage) -> None:
    holds = matches_chunk(given, entry.chunk, entry.document)
    negated = matches_chunk(SearchFilter(not_=given), entry.chunk, entry.document)
    assert negated is not holds


@given(st.lists(search_filters, max_size=3), st.sampled_from(PASSAGES))
def test_and_and_or_join_as_they_say(parts: list[SearchFilter], entry: Passage) -> None:
    each = [matches_chunk(part, entry.chunk, entry.document) for part in parts]
    joined = SearchFilter(and_=tuple(parts)), SearchFilter(or_=tuple(parts))
    found = [matches_chunk(group, entry.chunk, entry.document) for group in joined]
    assert found == [all(each), any(each)]
