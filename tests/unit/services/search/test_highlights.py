"""Highlights: the words of a query where they stand in a passage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.keywords.keywords import KeywordAnalyser
from lorebase.services.search.highlights import HIGHLIGHTS_MAXIMUM, Highlighter

ANALYSER = KeywordAnalyser()


def marked(query: str, text: str) -> list[str]:
    return [text[place.start : place.end] for place in Highlighter([ANALYSER], query).highlights(text)]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("How do I cancel tasks?", "It cancels the task it is given.", ["cancels", "task"]),
        ("Where is the house?", "Houses and a house.", ["Houses", "house"]),
        ("Wie alt sind die Häuser in der Stadt?", "Das Haus in der Stadt ist alt.", ["Haus", "Stadt", "alt"]),
        ("httpRequest", "call parse_http_request now", ["parse_http_request"]),
        ("parse_http_request", "the http layer", ["http"]),
        ("东京大学在哪里", "我在东京大学学习", ["东京大学"]),
        ("STRASSE", "die Straße und das Haus", ["Straße"]),
        ("cafe\u0301", "the café is open", ["café"]),
        ("zebra", "No such animal is here.", []),
    ],
)
def test_words_of_the_query_are_marked_by_their_stem(query: str, text: str, expected: list[str]) -> None:
    assert marked(query, text) == expected


def test_offsets_count_code_points() -> None:
    text = "👩‍👩‍👧 e\u0301te\u0301 cancel"
    assert marked("cancel", text) == ["cancel"]


def test_a_query_of_stop_words_marks_nothing() -> None:
    assert marked("what is the", "what is the matter") == []


def test_there_is_an_end_to_marking() -> None:
    assert len(marked("cancel", "cancel " * 500)) == HIGHLIGHTS_MAXIMUM


@given(st.text(max_size=80), st.text(max_size=120))
def test_ranges_are_in_order_and_apart_and_inside(query: str, text: str) -> None:
    places = Highlighter([ANALYSER], query).highlights(text)
    bounds = [bound for place in places for bound in (place.start, place.end)]
    assert bounds == sorted(bounds)
    assert all(0 <= place.start < place.end <= len(text) for place in places)
