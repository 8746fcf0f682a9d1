"""Limits: what is refused before validation, and that measuring stays cheap."""

from __future__ import annotations

import sys
from types import FrameType

import pytest
from graphql import get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from lorebase.api.graphql.engine import Engine
from lorebase.api.graphql.errors import RequestErrorCode, RequestRefused
from lorebase.api.graphql.limits import TooComplex, check_size
from tests.factories import make_settings
from tests.unit.api.edge import the_schema

SETTINGS = make_settings()
SCHEMA = the_schema()


def refusal(query: str) -> RequestRefused:
    with pytest.raises(RequestRefused) as refused:
        Engine(SCHEMA, SETTINGS).prepare(query, None)
    return refused.value


def nested(depth: int) -> str:
    return "{ " + "a { " * (depth - 1) + "a" + " }" * depth


def test_the_deepest_query_passes_and_one_more_is_refused() -> None:
    check_size(parse(nested(15)), SETTINGS)
    with pytest.raises(TooComplex, match="the depth is 16, the limit is 15"):
        check_size(parse(nested(16)), SETTINGS)


@pytest.mark.parametrize("options", [{}, {"specified_by_url": True, "input_value_deprecation": True}])
def test_the_standard_introspection_query_is_within_all_limits(options: dict[str, bool]) -> None:
    operation = Engine(SCHEMA, SETTINGS).prepare(get_introspection_query(**options), None)
    assert operation.name is None


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("{ " + " ".join(f"a{n}: b" for n in range(31)) + " }", "the number of aliases is 31"),
        ("{ " + "a " * 32 + "}", "the number of repeated fields is 31"),
        ("{ a " + "@skip(if: false) " * 51 + "}", "the number of directives is 51"),
        ("query " + "@a " * 51 + "{ a }", "the number of directives is 51"),
        ("{ ...@skip(if: true) { a " + "@skip(if: true) " * 50 + "} }", "the number of directives is 51"),
        ("{ a } " + " ".join(f"fragment f{n} on Q {{ a }}" for n in range(31)), "the number of fragments"),
        ("{ a(b: " + "[" * 21 + "]" * 21 + ") }", "the depth of a literal"),
        ("{ a(b: " + "{c: " * 21 + "1" + "}" * 21 + ") }", "the depth of a literal"),
        ("{ a(b: " + "1" * 401 + ") }", "the length of a number"),
        ("{ a(b: [0." + "1" * 401 + "]) }", "the length of a number"),
    ],
)
def test_what_is_dear_is_refused_by_name(query: str, what: str) -> None:
    with pytest.raises(TooComplex, match=what):
        check_size(parse(query), SETTINGS)


def test_limits_look_through_fragments() -> None:
    spread = "{ ...f } fragment f on Query { " + "a { " * 15 + "a" + " }" * 16
    with pytest.raises(TooComplex, match="depth is 16"):
        check_size(parse(spread), SETTINGS)


def doubling(count: int) -> str:
    chain = "".join(f"fragment f{n} on Q {{ x: a ...f{n + 1} ...f{n + 1} }} " for n in range(count))
    return "{ ...f0 } " + chain + f"fragment f{count} on Q {{ a }}"


def calls_of_measuring(query: str) -> int:
    """Function calls made to measure a query: work, counted without a clock."""
    document, count = parse(query), 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        check_size(document, SETTINGS)
    except TooComplex:
        return count
    finally:
        sys.setprofile(None)
    return count


def test_doubling_fragments_are_counted_without_being_spread_out() -> None:
    """Twenty fragments that double are a million fields: nobody may walk them one by one."""
    with pytest.raises(TooComplex, match="aliases is 1048575"):
        check_size(parse(doubling(20)), SETTINGS)
    assert calls_of_measuring(doubling(20)) < 3 * calls_of_measuring(doubling(10))


@given(st.integers(5, 28))
def test_the_work_of_measuring_grows_with_the_text_alone(count: int) -> None:
    assert calls_of_measuring(doubling(count)) < 60 * (count + 3)


def test_fragments_in_a_circle_are_left_to_validation() -> None:
    refused = refusal("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }")
    assert refused.code is RequestErrorCode.VALIDATION_FAILED


@pytest.mark.parametrize(
    "query",
    ["{", "", "}", "{ a(b: " + "[" * 450 + "]" * 450 + ") }", "{ viewer { scopes } " + "x " * 1100 + "}"],
)
def test_what_does_not_parse_is_refused_as_such(query: str) -> None:
    assert refusal(query).code is RequestErrorCode.PARSE_FAILED


def test_validation_messages_stay_visible() -> None:
    refused = refusal("{ viewer { nope } }")
    assert refused.code is RequestErrorCode.VALIDATION_FAILED
    assert "Cannot query field 'nope' on type 'Viewer'." in refused.errors[0].message


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("query A { viewer { scopes } } query B { viewer { scopes } }", None),
        ("query A { viewer { scopes } }", "B"),
        ("fragment f on Query { viewer { scopes } }", None),
    ],
)
def test_the_operation_to_run_must_be_clear(query: str, name: str | None) -> None:
    with pytest.raises(RequestRefused):
        Engine(SCHEMA, SETTINGS).prepare(query, name)


def test_one_of_several_operations_is_chosen_by_name() -> None:
    query = "query A { viewer { scopes } } mutation B { cancelJob(input: {id: 1}) { job { id } } }"
    assert Engine(SCHEMA, SETTINGS).prepare(query, "B").kind.value == "mutation"


def test_a_document_is_checked_once_and_remembered() -> None:
    engine = Engine(SCHEMA, SETTINGS)
    first = engine.prepare("{ viewer { scopes } }", None)
    assert engine.prepare("{ viewer { scopes } }", None).document is first.document
