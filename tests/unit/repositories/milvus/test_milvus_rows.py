"""Rows: every promise of a column kept, and what does not fit marked."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from lorebase.repositories.milvus.collection import collection_schema
from lorebase.repositories.milvus.columns import (
    METADATA_BYTES,
    NO_PAGE,
    TAGS_CAPACITY,
    TEXT_BYTES,
)
from lorebase.repositories.milvus.rows import cut_to_bytes, metadata_cell, row
from tests.contracts.chunk_rows import DIMENSIONS, MOMENT, document, passage

WORKSPACE = uuid4()


def made(**changes: object) -> dict[str, object]:
    entry = passage(document(WORKSPACE)).row
    return dict(row(entry.model_copy(update=changes)))


def test_a_row_has_exactly_the_columns_of_the_schema() -> None:
    names = {field.name for field in collection_schema(DIMENSIONS).fields}
    assert made().keys() == names


def test_identifiers_are_hexadecimal_and_times_milliseconds() -> None:
    found = made(chunk_id=UUID(int=255), created_at=MOMENT)
    assert found["chunk_id"] == f"{255:032x}"
    assert found["created_at"] == int(MOMENT.timestamp()) * 1000 + 123


def test_a_missing_value_has_a_stand_in() -> None:
    found = made(page=None, language=None, context="")
    assert (found["page"], found["language"], found["context"]) == (NO_PAGE, "", "")
    assert found["inexact"] is False


def test_texts_are_mirrored_casefolded() -> None:
    found = made(title="Große STRASSE", context="Über > Uns", media_type="Text/Plain", language="pt-BR")
    folded = [found[f"{name}_folded"] for name in ("title", "context", "media_type", "language")]
    assert folded == ["grosse strasse", "über > uns", "text/plain", "pt-br"]


@pytest.mark.parametrize("name", ["title", "context", "media_type", "language"])
def test_a_text_too_long_to_filter_by_is_cut_and_the_row_marked(name: str) -> None:
    found = made(**{name: "漢" * TEXT_BYTES[name]})
    assert len(str(found[name]).encode()) <= TEXT_BYTES[name]
    assert found["inexact"] is True


def test_a_source_too_long_is_cut_and_nothing_lost_for_filters() -> None:
    found = made(source="x" * 10_000)
    assert len(str(found["source"])) == TEXT_BYTES["source"]
    assert found["inexact"] is False


def test_the_longest_title_fits_however_it_folds() -> None:
    assert made(title="ΐ" * 500)["inexact"] is False
    assert made(title="👩" * 500)["inexact"] is False


def test_tags_too_many_or_too_long_are_cut_and_the_row_marked() -> None:
    many = made(tags=tuple(map(str, range(TAGS_CAPACITY + 1))))
    assert len(many["tags"]) == TAGS_CAPACITY  # type: ignore[arg-type]
    assert many["inexact"] is True
    assert made(tags=("漢" * 200,))["inexact"] is True
    assert made(tags=("漢" * 100,))["inexact"] is False


@pytest.mark.parametrize(
    ("metadata", "cell"),
    [
        ({"a": "Ä"}, {"s:a": "Ä", "f:a": "ä"}),
        ({"a": 3}, {"n:a": 3.0}),
        ({"a": True}, {"b:a": True}),
        ({"a": ["x", "y"]}, {"l:a": ["x", "y"]}),
        ({"a": []}, {}),
        ({"a": None}, {}),
        ({"a": {"b": 1, "c": {"d": "x"}}}, {"n:a.b": 1.0, "s:a.c.d": "x", "f:a.c.d": "x"}),
        ({"a.b": 1, "a": {"b": 2}}, {"n:a.b": 2.0}),
        (
            {"due": "2026-01-01"},
            {"s:due": "2026-01-01", "f:due": "2026-01-01", "t:due": 1767225600000},
        ),
    ],
)
def test_metadata_is_kept_by_type_and_path(
    metadata: dict[str, JsonValue], cell: dict[str, JsonValue]
) -> None:
    assert metadata_cell(metadata) == (cell, True)


@pytest.mark.parametrize(
    "metadata", [{"a": 2**53 + 1}, {"a": -(2**60)}, {"a": 1e300}, {"a": "x" * METADATA_BYTES}]
)
def test_metadata_that_milvus_cannot_compare_exactly_is_marked(metadata: dict[str, JsonValue]) -> None:
    cell, exact = metadata_cell(metadata)
    assert not exact
    assert made(metadata=metadata)["inexact"] is True
    assert len(str(cell)) < METADATA_BYTES


@given(st.text(st.characters(exclude_categories=("Cs",))), st.integers(0, 60))
def test_cutting_keeps_whole_characters_and_as_many_as_fit(text: str, limit: int) -> None:
    cut = cut_to_bytes(text, limit)
    assert text.startswith(cut)
    assert len(cut.encode()) <= limit
    if cut != text:
        assert len(text[: len(cut) + 1].encode()) > limit
