"""Compiled filters as text: what a server is sent, what Lite is sent, and what is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given

from lorebase.core.errors import BadInput
from lorebase.repositories.milvus.conditions import ALWAYS, NEVER, is_exact, widened
from lorebase.repositories.milvus.filters import (
    FilterCompiler,
    document_condition,
    filter_condition,
    query_condition,
)
from lorebase.repositories.milvus.rendering import LITE, SERVER, Expression, literal, render
from lorebase.schemas.documents import DocumentStatus
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
from lorebase.schemas.search import PartitionAddress, VectorQuery
from tests.contracts.chunk_rows import HOSTILE
from tests.contracts.filter_strategies import search_filters

WORKSPACE, BASE, DOCUMENT = (UUID(int=number) for number in (1, 2, 3))
HOME = PartitionAddress(collection="c", partition="p", workspace_id=WORKSPACE)


def of(document: DocumentFilter) -> SearchFilter:
    return SearchFilter(document=document)


def at(path: str, **value: object) -> SearchFilter:
    return of(DocumentFilter(metadata=(MetadataFilter(path=path, value=MetadataValueFilter(**value)),)))


def lite(given: SearchFilter) -> str:
    return render(widened(FilterCompiler(LITE).search(given)), LITE).text


def server(given: SearchFilter) -> Expression:
    return render(widened(FilterCompiler(SERVER).search(given)), SERVER)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (of(DocumentFilter(title=StringFilter(eq='say "hi"'))), '(title == "say \\"hi\\"")'),
        (of(DocumentFilter(title=StringFilter(neq="a\\b"))), '(not (title == "a\\\\b"))'),
        (of(DocumentFilter(title=StringFilter(in_=("ä", "b")))), '(title in ["ä", "b"])'),
        (of(DocumentFilter(title=StringFilter(contains="Straße"))), '(title_folded like "%strasse%")'),
        (of(DocumentFilter(title=StringFilter(starts_with="50%"))), '(title_folded like "50_%")'),
        (
            of(DocumentFilter(language=StringFilter(eq="en"))),
            '((not (language == "")) and (language == "en"))',
        ),
        (
            of(DocumentFilter(language=StringFilter(neq="en"))),
            '((language == "") or (not (language == "en")))',
        ),
        (of(DocumentFilter(language=StringFilter(is_null=True))), '(language == "")'),
        (SearchFilter(page=IntFilter(lt=3)), "((not (page == -1)) and (page < 3))"),
        (SearchFilter(not_=SearchFilter(page=IntFilter(lt=3))), "((page == -1) or (not (page < 3)))"),
        (SearchFilter(page=IntFilter(is_null=False)), "(not (page == -1))"),
        (SearchFilter(chunk_tokens=IntFilter(gte=5, lte=9)), "((token_count >= 5) and (token_count <= 9))"),
        (SearchFilter(chunk_tokens=IntFilter(gt=2**70)), f"(token_count > {2**63 - 1})"),
        (
            of(DocumentFilter(created_at=DateTimeFilter(gte=datetime(2026, 1, 1, tzinfo=UTC)))),
            "(created_at >= 1767225600000)",
        ),
        (of(DocumentFilter(id=IdFilter(eq=DOCUMENT))), f'(document_id == "{DOCUMENT.hex}")'),
    ],
)
def test_an_expression_for_lite_holds_literals(given: SearchFilter, text: str) -> None:
    assert lite(given) == text


@pytest.mark.parametrize(
    ("given", "text", "parameters"),
    [
        (of(DocumentFilter(title=StringFilter(eq="x"))), "(title == {v0})", {"v0": "x"}),
        (of(DocumentFilter(title=StringFilter(in_=("x", "y")))), "(title in {v0})", {"v0": ["x", "y"]}),
        (
            of(DocumentFilter(tags=StringListFilter(has_any=("x",), has_none=("y",)))),
            "((array_contains_any(tags, {v0})) and (not (array_contains_any(tags, {v1}))))",
            {"v0": ["x"], "v1": ["y"]},
        ),
        (
            of(DocumentFilter(tags=StringListFilter(has_all=("x", "y")))),
            "(array_contains_all(tags, {v0}))",
            {"v0": ["x", "y"]},
        ),
        (of(DocumentFilter(tags=StringListFilter(is_null=True))), "(array_length(tags) == 0)", {}),
        (
            at("a.b", string=StringFilter(eq="x")),
            '((exists metadata["s:a.b"]) and (metadata["s:a.b"] == {v0}))',
            {"v0": "x"},
        ),
        (
            at("a", number=FloatFilter(neq=1.5)),
            '((not (exists metadata["n:a"])) or (not (metadata["n:a"] == {v0})))',
            {"v0": 1.5},
        ),
        (at("a", boolean=BooleanFilter(is_null=True)), '(not (exists metadata["b:a"]))', {}),
        (
            at("a", string_list=StringListFilter(has_any=("x",))),
            '((exists metadata["l:a"]) and (json_contains_any(metadata["l:a"], {v0})))',
            {"v0": ["x"]},
        ),
        # Milvus takes no template after `like`.
        (of(DocumentFilter(title=StringFilter(contains="x"))), '(title_folded like "%x%")', {}),
    ],
)
def test_values_for_a_server_travel_apart(
    given: SearchFilter, text: str, parameters: dict[str, object]
) -> None:
    assert server(given) == Expression(text, parameters)


@pytest.mark.parametrize(
    "given",
    [
        of(DocumentFilter(status=DocumentStatusFilter(eq=DocumentStatus.READY))),
        of(DocumentFilter(updated_at=DateTimeFilter(gt=datetime(2026, 1, 1, tzinfo=UTC)))),
        of(DocumentFilter(language=StringFilter(eq=""))),
        SearchFilter(page=IntFilter(eq=-1)),
        at('a"]', string=StringFilter(eq="x")),
    ],
)
def test_what_milvus_cannot_tell_is_left_to_the_check_with_and_without_not(given: SearchFilter) -> None:
    for dialect in (LITE, SERVER):
        assert not is_exact(FilterCompiler(dialect).search(given))
        assert filter_condition(given, dialect) == ALWAYS
        assert filter_condition(SearchFilter(not_=given), dialect) == ALWAYS


def test_lite_is_not_asked_about_tags_and_metadata_which_it_evaluates_slowly() -> None:
    slow = of(DocumentFilter(title=StringFilter(eq="x"), tags=StringListFilter(has_any=("y",)), metadata=()))
    assert lite(slow) == '(title == "x")'
    assert lite(SearchFilter(not_=slow)) == "true"


def test_what_is_constant_is_known_without_asking() -> None:
    nothing = of(DocumentFilter(title=StringFilter(in_=())))
    assert filter_condition(nothing, LITE) == NEVER
    assert filter_condition(SearchFilter(not_=nothing), LITE) == ALWAYS
    assert filter_condition(SearchFilter(or_=()), SERVER) == NEVER


def test_rows_that_did_not_fit_their_columns_match_every_filter() -> None:
    condition = filter_condition(of(DocumentFilter(title=StringFilter(eq="x"))), LITE)
    assert render(condition, LITE).text == '((inexact == true) or (title == "x"))'


def test_every_search_names_the_tenant_and_the_knowledge_bases() -> None:
    query = VectorQuery(vector=(1.0,), limit=1, knowledge_base_ids=(BASE,), document_ids=(DOCUMENT,))
    assert render(query_condition(HOME, query, LITE), LITE).text == (
        f'((workspace_id == "{WORKSPACE.hex}") and (knowledge_base_id in ["{BASE.hex}"])'
        f' and (document_id in ["{DOCUMENT.hex}"]))'
    )


def test_a_filter_cannot_widen_the_tenant() -> None:
    wide = SearchFilter(or_=(SearchFilter(), of(DocumentFilter(title=StringFilter(neq="x")))))
    query = VectorQuery(vector=(1.0,), limit=1, knowledge_base_ids=(BASE,), filter=wide)
    text = render(query_condition(HOME, query, LITE), LITE).text
    assert text.startswith(f'((workspace_id == "{WORKSPACE.hex}") and ')


def test_a_document_is_named_with_its_tenant() -> None:
    text = render(document_condition(HOME, DOCUMENT), LITE).text
    assert text == f'((workspace_id == "{WORKSPACE.hex}") and (document_id == "{DOCUMENT.hex}"))'


@pytest.mark.parametrize("value", ["a\x00", "a\nb", "\x7f", "\x85", "\ud800", float("nan"), float("inf")])
def test_what_no_expression_carries_safely_is_refused(value: str | float) -> None:
    with pytest.raises(BadInput):
        literal(value)
    if isinstance(value, str):
        for dialect in (LITE, SERVER):
            condition = filter_condition(of(DocumentFilter(title=StringFilter(in_=("x", value)))), dialect)
            with pytest.raises(BadInput):
                render(condition, dialect)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_never_ends_its_literal(text: str) -> None:
    written = literal(text)
    body = written[1:-1].replace("\\\\", "").replace('\\"', "")
    assert written[0] == written[-1] == '"'
    assert '"' not in body
    assert "\\" not in body


@given(search_filters)
def test_every_filter_can_be_written_for_both(given: SearchFilter) -> None:
    query = VectorQuery(vector=(1.0,), limit=1, knowledge_base_ids=(BASE,), filter=given)
    for dialect in (LITE, SERVER):
        condition = query_condition(HOME, query, dialect)
        if condition != NEVER:
            expression = render(condition, dialect)
            assert expression.text.startswith("((workspace_id == ")
            assert expression.text.count("(") >= 3
            assert bool(expression.parameters) is dialect.templates
