"""JSON as lines of path and value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.clients.parsing.extraction import Extraction, Limits
from lorebase.clients.parsing.json_file import JSON_INVALID, parse_json
from lorebase.core.errors import DocumentRefused, ErrorCode

LIMITS = Limits(20, 30.0, 1 << 30, 1_000_000, 50)


def parse(text: str) -> Extraction:
    return parse_json(text.encode("utf-8", "surrogatepass"), LIMITS)


def test_every_value_stands_behind_its_path() -> None:
    text = '{"user": {"name": "Ada", "age": 36, "tags": ["maths", "poetry"]}, "active": true, "note": null}'
    assert parse(text).text == "user.name: Ada\nuser.age: 36\nuser.tags: maths, poetry\nactive: true"


def test_lists_of_objects_are_numbered() -> None:
    assert parse('{"items": [{"id": 1}, {"id": 2}]}').text == "items[0].id: 1\nitems[1].id: 2"


def test_records_of_the_outermost_list_are_paragraphs() -> None:
    assert parse('[{"id": 1, "a": "x"}, {"id": 2}]').text == "id: 1\na: x\n\nid: 2"


def test_json_lines_are_records() -> None:
    extraction = parse('{"id": 1}\n\n{"id": 2}\n')
    assert (extraction.text, extraction.warnings) == ("id: 1\n\nid: 2", [])


def test_long_texts_keep_their_lines() -> None:
    assert parse('{"body": "one\\ntwo"}').text == "body: one\ntwo"


def test_the_title_is_taken_from_the_object() -> None:
    assert parse('{"title": "Report", "x": 1}').title == "Report"
    assert parse('{"title": 7, "name": "Other"}').title == "Other"
    assert parse('[{"title": "Report"}, {"title": "Second"}]').title is None


@pytest.mark.parametrize("text", ['{"a": 1', "{'a': 1}", '{"a": 1} // done', "[" * 100_000, '"\\ud800"'])
def test_what_is_not_strict_json_is_kept_as_text(text: str) -> None:
    extraction = parse(text)
    assert (extraction.text, extraction.warnings) == (text, [JSON_INVALID])


def test_a_zero_character_in_a_value_is_dropped() -> None:
    assert parse('{"a": "x\\u0000y"}').text == "a: xy"


def test_deep_nesting_cannot_make_a_small_file_a_huge_text() -> None:
    depth = 900
    text = '{"%s":[1,' % ("k" * 30) * depth + "1" + "]}" * depth
    assert len(parse(text).text) < 400_000


def test_a_text_that_grows_past_the_limit_is_refused() -> None:
    text = json.dumps({"k" * 150: [{"a": number} for number in range(20_000)]})
    with pytest.raises(DocumentRefused) as caught:
        parse(text)
    assert caught.value.code is ErrorCode.TOO_LARGE


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_every_word_of_every_value_is_in_the_text(value: object) -> None:
    text = parse(json.dumps(value, ensure_ascii=False)).text
    for word in _words(value):
        assert word in text


def _words(value: object) -> list[str]:
    if isinstance(value, dict):
        return [word for item in value.values() for word in _words(item)]
    if isinstance(value, list):
        return [word for item in value for word in _words(item)]
    return [word for word in value.split() if word.isalnum()] if isinstance(value, str) else []
