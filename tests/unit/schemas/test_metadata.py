"""Metadata paths and typed values, read the same way everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from lorebase.schemas.metadata import (
    as_milliseconds,
    as_number,
    as_text,
    as_texts,
    leaves,
    milliseconds,
    value_at,
)


@pytest.mark.parametrize(
    ("metadata", "path", "value"),
    [
        ({"a": 1}, "a", 1),
        ({"a": {"b": {"c": "x"}}}, "a.b.c", "x"),
        ({"a.b": 1}, "a.b", 1),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 2),
        ({"a": 1}, "a.b", None),
        ({"a": [1]}, "a.0", None),
        ({}, "a", None),
        ({"": 1}, "", 1),
    ],
)
def test_a_path_leads_to_a_value(metadata: dict[str, JsonValue], path: str, value: JsonValue) -> None:
    assert value_at(metadata, path) == value


def test_only_values_of_their_type_are_taken() -> None:
    assert [as_number(value) for value in (1, 2.5, True, "1", None)] == [1, 2.5, None, None, None]
    assert [as_text(value) for value in ("x", 1, None, ["x"])] == ["x", None, None, None]
    assert [as_texts(value) for value in (["x", 1, "y"], "x", None)] == [("x", "y"), (), ()]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01T12:00:00+02:00", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01 12:00:00", datetime(2026, 1, 1, 12, tzinfo=UTC)),
    ],
)
def test_dates_and_times_become_milliseconds(text: str, moment: datetime) -> None:
    assert as_milliseconds(text) == milliseconds(moment)


@pytest.mark.parametrize(
    "value", ["yesterday", "2026", "20260101", "2026-13-01", "", 5, None, ["2026-01-01"]]
)
def test_anything_else_is_no_time(value: JsonValue) -> None:
    assert as_milliseconds(value) is None


def test_milliseconds_are_rounded_down_before_1970_too() -> None:
    assert milliseconds(datetime(1970, 1, 1, 0, 0, 0, 1999)) == 1
    assert milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1
    assert milliseconds(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "a.b", "c"]), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "a.b", "b.c"]), values, max_size=4))
def test_leaves_are_what_their_paths_lead_to(metadata: dict[str, JsonValue]) -> None:
    found = list(leaves(metadata))
    assert len({path for path, _ in found}) == len(found)
    assert all(value_at(metadata, path) == value for path, value in found)
