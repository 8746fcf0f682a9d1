"""Custom scalars: what they read, print and refuse."""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from graphql import GraphQLError, StringValueNode
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import UploadFile

from lorebase.api.graphql.scalars import (
    SCALARS,
    Upload,
    print_date_time,
    print_long,
    read_date_time,
    read_json,
    read_long,
    read_upload,
)

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1000, 1, 2), datetime(9998, 12, 30), timezones=OFFSETS)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(TIMES)
def test_a_time_that_was_printed_reads_as_the_same_time_to_the_millisecond(moment: datetime) -> None:
    read = read_date_time(print_date_time(moment))
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)
    assert read.tzinfo is UTC


def test_times_are_printed_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 31, 10, 15, 0, 123999, tzinfo=timezone(timedelta(hours=1)))
    assert print_date_time(moment) == "2026-01-31T09:15:00.123Z"


@given(st.datetimes(timezones=st.timezones()).filter(lambda moment: 1 < moment.year < 9999))
def test_every_moment_is_printed_with_milliseconds_in_utc(moment: datetime) -> None:
    expected = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert print_date_time(moment) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31",
        "2026-01-31T09:15:00",
        "2026-02-30T09:15:00Z",
        "2026-01-31 09:15:00Z",
        "20260131T091500Z",
        "2026-W05-6",
        "now",
        "",
        0,
        None,
        True,
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError, match="DateTime"):
        read_date_time(value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_long_reads_as_what_was_printed(number: int) -> None:
    assert read_long(print_long(number)) == number


def test_longs_beyond_what_javascript_can_read_are_text() -> None:
    assert print_long(2**53) == 2**53
    assert print_long(2**53 + 1) == "9007199254740993"


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "9" * 19, "1e3", "", 1.0, True, None, " 1"])
def test_what_is_no_64_bit_number_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError, match="64 bits"):
        read_long(value)


@given(JSON_VALUES)
def test_json_passes_unchanged(value: object) -> None:
    assert read_json(value) == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_json_has_finite_numbers_only(number: float) -> None:
    with pytest.raises(GraphQLError, match="finite"):
        read_json({"a": [{"b": number}]})


def test_an_upload_is_a_file_part_and_nothing_else() -> None:
    file = UploadFile(io.BytesIO(b"x"))
    assert read_upload(file) is file
    with pytest.raises(GraphQLError, match="multipart"):
        read_upload("text")


def test_an_upload_cannot_be_written_into_the_query() -> None:
    parse_literal = SCALARS[Upload].parse_literal
    assert parse_literal is not None
    with pytest.raises(GraphQLError, match="variable"):
        parse_literal(StringValueNode(value="x"), None)
