"""Sort values survive their way through a cursor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.repositories.sql.pagination import NUMBER, TEXT, TIME

moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))


@given(moments)
def test_a_time_keeps_its_microseconds(moment: datetime) -> None:
    assert TIME.read(TIME.write(moment)) == moment


@given(moments, st.integers(-23, 23))
def test_the_same_moment_is_written_the_same_in_every_zone(moment: datetime, hours: int) -> None:
    there = moment.astimezone(timezone(timedelta(hours=hours)))
    assert TIME.write(there) == TIME.write(moment)


@given(st.text())
def test_a_text_is_its_own_sort_value(value: str) -> None:
    assert TEXT.read(TEXT.write(value)) == value


@given(st.integers(0, 2**31 - 1))
def test_an_ordinal_comes_back(value: int) -> None:
    assert NUMBER.read(NUMBER.write(value)) == value


@pytest.mark.parametrize("sort_type", [TIME, NUMBER])
@pytest.mark.parametrize("value", ["", "soon", "1.5e", "\0"])
def test_another_lists_value_is_refused(sort_type: object, value: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        sort_type.read(value)  # type: ignore[attr-defined]


def test_a_naive_time_is_taken_as_utc() -> None:
    assert TIME.read("2026-01-01T00:00:00") == datetime(2026, 1, 1, tzinfo=UTC)
