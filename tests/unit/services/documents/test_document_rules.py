"""What may be said about a document: limits, storable text, declared types."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from lorebase.core.errors import BadInput, ErrorCode, LimitExceeded, LorebaseError
from lorebase.schemas.documents import JsonObject
from lorebase.schemas.knowledge_bases import MetadataField, MetadataFieldType
from lorebase.services.documents.document_rules import (
    checked_external_id,
    checked_language,
    checked_tags,
    checked_title,
)
from lorebase.services.documents.metadata_rules import checked_metadata
from lorebase.services.text_rules import tidied
from tests.factories import make_settings

SETTINGS = make_settings()
UNSTORABLE = ["a\0b", "a\ud800b", "\udfff"]


@given(text=st.text())
@example(text="0 \x08\r0")
@example(text="e\x07\u0301")
def test_a_tidy_label_is_one_line_in_nfc_that_the_database_can_store(text: str) -> None:
    label = tidied(text)
    assert tidied(label) == label
    assert unicodedata.is_normalized("NFC", label)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") or c in "\u202e\u2066\u2069" for c in label)
    label.encode()


@pytest.mark.parametrize("title", ["Report\n2026", "  Report 2026\t", "Report \u202e2026", "Report\x07 2026"])
def test_a_title_is_tidied(title: str) -> None:
    assert checked_title(title, SETTINGS) == "Report 2026"


def test_a_title_has_a_limit_that_may_be_reached() -> None:
    assert checked_title("x" * 500, SETTINGS) == "x" * 500
    for length in (501, 1_000_000):
        with pytest.raises(BadInput) as refused:
            checked_title("x" * length, SETTINGS)
        assert (refused.value.code, refused.value.field) == (ErrorCode.TITLE_TOO_LONG, ["title"])


@pytest.mark.parametrize("title", ["", "  \n", "\u202e"])
def test_a_title_that_shows_nothing_is_refused(title: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked_title(title, SETTINGS)
    assert refused.value.code is ErrorCode.BAD_USER_INPUT


@pytest.mark.parametrize("text", UNSTORABLE)
def test_unstorable_text_is_invalid_wherever_it_stands(text: str) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: checked_title(text, SETTINGS),
        lambda: checked_tags(["fine", text], SETTINGS),
        lambda: checked_external_id(text),
        lambda: checked_metadata({"a": text}, (), SETTINGS),
        lambda: checked_metadata({text: 1}, (), SETTINGS),
        lambda: checked_metadata({"a": [{"b": text}]}, (), SETTINGS),
    ]
    for attempt in attempts:
        with pytest.raises(BadInput) as refused:
            attempt()
        assert refused.value.code is ErrorCode.INVALID_TEXT


def test_tags_are_tidied_and_each_kept_once_in_order() -> None:
    assert checked_tags(["b", " a ", "b", "a\u0308"], SETTINGS) == ("b", "a", "ä")


@pytest.mark.parametrize(
    ("tags", "field"),
    [(["x"] * 10_000, ["tags"]), (["ok", "x" * 101], ["tags", "1"]), (["x" * 1_000_000], ["tags", "0"])],
)
def test_tags_have_limits(tags: list[str], field: list[str]) -> None:
    with pytest.raises(LimitExceeded) as refused:
        checked_tags(tags, SETTINGS)
    assert refused.value.field == field


def test_an_empty_tag_is_refused() -> None:
    with pytest.raises(BadInput):
        checked_tags(["\n"], SETTINGS)


@pytest.mark.parametrize("language", ["en", "pt-BR", "zh-Hant-TW", "de-CH-1996", None])
def test_language_tags_pass(language: str | None) -> None:
    assert checked_language(language) == language


@pytest.mark.parametrize("language", ["", "english", "e", "en_US", "en-", "en\n", "x" * 40, "日本"])
def test_what_is_no_language_tag_is_refused(language: str) -> None:
    with pytest.raises(BadInput):
        checked_language(language)


@pytest.mark.parametrize("external_id", ["x", "https://example.org/a?b=c", "x" * 512, None])
def test_external_ids_pass_unchanged(external_id: str | None) -> None:
    assert checked_external_id(external_id) == external_id


@pytest.mark.parametrize("external_id", ["", "   ", "x" * 513])
def test_other_external_ids_are_refused(external_id: str) -> None:
    with pytest.raises(LorebaseError) as refused:
        checked_external_id(external_id)
    assert refused.value.field == ["externalId"]


def nested(depth: int) -> JsonObject:
    value: JsonObject = {"end": 1}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def test_metadata_may_reach_its_depth_and_no_more() -> None:
    checked_metadata(nested(SETTINGS.metadata_max_depth), (), SETTINGS)
    for depth in (SETTINGS.metadata_max_depth + 1, 100):
        with pytest.raises(LimitExceeded):
            checked_metadata(nested(depth), (), SETTINGS)


def test_metadata_may_reach_its_size_and_no_more() -> None:
    room = SETTINGS.metadata_max_bytes - len('{"a":""}')
    checked_metadata({"a": "x" * room}, (), SETTINGS)
    for text in ("x" * (room + 1), "ä" * room, "x" * 1_000_000):
        with pytest.raises(LimitExceeded) as refused:
            checked_metadata({"a": text}, (), SETTINGS)
        assert refused.value.details == {"limit": SETTINGS.metadata_max_bytes}


@pytest.mark.parametrize(
    "number",
    [float("nan"), float("inf"), 2**63, -(2**63) - 1, 10**10_000],
    ids=["NaN", "infinite", "over 64 bits", "under 64 bits", "endless"],
)
def test_numbers_that_json_cannot_carry_are_refused(number: float) -> None:
    with pytest.raises(BadInput) as refused:
        checked_metadata({"a": [number]}, (), SETTINGS)
    assert refused.value.field == ["metadata", "a", "0"]


GOOD: dict[MetadataFieldType, list[JsonValue]] = {
    MetadataFieldType.BOOLEAN: [True, False],
    MetadataFieldType.DATE_TIME: ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+02:00"],
    MetadataFieldType.NUMBER: [0, 1.5, -3],
    MetadataFieldType.STRING: ["", "x"],
    MetadataFieldType.STRING_LIST: [[], ["a", "b"]],
}
BAD: dict[MetadataFieldType, list[JsonValue]] = {
    MetadataFieldType.BOOLEAN: [0, "true", []],
    MetadataFieldType.DATE_TIME: [1, "yesterday", "", "2026-13-01T00:00:00Z"],
    MetadataFieldType.NUMBER: [True, "1", [1]],
    MetadataFieldType.STRING: [1, ["x"], {"x": 1}],
    MetadataFieldType.STRING_LIST: ["a", [1], ["a", None]],
}


@pytest.mark.parametrize("kind", list(MetadataFieldType))
def test_declared_fields_have_their_type_at_their_path(kind: MetadataFieldType) -> None:
    declared = [MetadataField(path="a.b", type=kind)]
    for value in GOOD[kind]:
        metadata: JsonObject = {"a": {"b": value, "other": {"free": None}}}
        assert checked_metadata(metadata, declared, SETTINGS) == metadata
    for value in BAD[kind]:
        with pytest.raises(BadInput) as refused:
            checked_metadata({"a": {"b": value}}, declared, SETTINGS)
        assert refused.value.field == ["metadata", "a", "b"]


@pytest.mark.parametrize("metadata", [{}, {"a": None}, {"a": {"b": None}}, {"a": "text"}])
def test_a_declared_field_may_be_missing_unless_required(metadata: JsonObject) -> None:
    free, required = (
        MetadataField(path="a.b", type=MetadataFieldType.STRING, required=r) for r in (False, True)
    )
    checked_metadata(metadata, [free], SETTINGS)
    with pytest.raises(BadInput) as refused:
        checked_metadata(metadata, [required], SETTINGS)
    assert refused.value.field == ["metadata", "a", "b"]
