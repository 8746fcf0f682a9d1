"""What is left of a filter once the documents that may match are known by their ids."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.schemas.filters import DocumentFilter, IntFilter, SearchFilter, StringFilter
from lorebase.services.filters.filter_evaluation import matches_chunk, matches_document
from lorebase.services.search.search_plan import without_documents
from tests.contracts.chunk_rows import Passage, varied_passages
from tests.contracts.filter_strategies import search_filters

PASSAGES = varied_passages(uuid4(), 12)
TITLE = SearchFilter(document=DocumentFilter(title=StringFilter(eq="x")))
PAGE = SearchFilter(page=IntFilter(gte=2))


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (None, None),
        (SearchFilter(), None),
        (TITLE, None),
        (PAGE, PAGE),
        (SearchFilter(page=PAGE.page, document=TITLE.document), PAGE),
        (SearchFilter(and_=(TITLE, PAGE)), SearchFilter(and_=(PAGE,))),
        (SearchFilter(and_=(TITLE, SearchFilter(and_=(TITLE,)))), None),
        (SearchFilter(or_=(TITLE, PAGE)), SearchFilter(or_=(TITLE, PAGE))),
        (SearchFilter(not_=TITLE), SearchFilter(not_=TITLE)),
    ],
)
def test_only_conditions_that_must_hold_anyway_are_left_out(
    given: SearchFilter | None, left: SearchFilter | None
) -> None:
    assert without_documents(given) == left


@given(search_filters, st.sampled_from(PASSAGES))
def test_what_is_left_never_loses_a_passage(given: SearchFilter, entry: Passage) -> None:
    left = without_documents(given) or SearchFilter()
    assert matches_chunk(left, entry.chunk, entry.document) or not matches_chunk(
        given, entry.chunk, entry.document
    )


@given(search_filters, search_filters, st.sampled_from(PASSAGES))
def test_nothing_is_gained_on_a_document_that_meets_the_conditions_left_out(
    first: SearchFilter, second: SearchFilter, entry: Passage
) -> None:
    given = SearchFilter(and_=(first, second))
    if all(matches_document(asked, entry.document) for asked in required(given)):
        left = without_documents(given) or SearchFilter()
        found = [matches_chunk(asked, entry.chunk, entry.document) for asked in (given, left)]
        assert found[0] == found[1]


def required(given: SearchFilter) -> list[DocumentFilter]:
    """Conditions on documents that hold wherever the filter does."""
    here = [] if given.document is None else [given.document]
    return here + [condition for part in given.and_ or () for condition in required(part)]
