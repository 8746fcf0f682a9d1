"""Dates and years of copyright are told from other numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.search.stamps import DATES_MAXIMUM, without_stamps


@pytest.mark.parametrize(
    "date",
    [
        "2024-05-03",
        "2024/5/3",
        "03.05.2024",
        "5/3/2024",
        "2024-05-03t10:15:00z",
        "2024-05-03 10:15",
        "5/3/2024 9:05 pm",
        "3 may 2024",
        "3rd of may".replace(" of", "") + " 2024",
        "may 3, 2024",
        "sept. 3rd, 2024",
        "3. mai 2024",
        "3. märz 2024",
        "3 février 2024",
        "3 de mayo de 2024",
        "3 maggio 2024",
        "3 de agosto de 2024",
        "3 mei 2024",
        "2024年5月3日",
        "2024 年 5 月 3 日",
    ],
)
def test_a_whole_date_is_a_stamp_in_many_languages(date: str) -> None:
    assert without_stamps(f"as of {date}, page") == ("as of  , page", (date,))


@pytest.mark.parametrize(
    "stamp",
    ["© 2024", "(c) 2019-2024", "copyright 2001, 2003, 2024", "copyright © 2024", "copyright (c) 2019–24"],
)
def test_a_year_of_copyright_is_a_stamp(stamp: str) -> None:
    assert without_stamps(f"{stamp} the authors") == ("  the authors", (stamp,))


@pytest.mark.parametrize(
    "text",
    [
        "the year 2024",
        "may 2024",
        "10 items 2024",
        "1.2.2",
        "10:15",
        "12024-05-03",
        "03.05.20245",
        "3-5-24",
        "1,000.50",
        "section 2024.1",
        "copyright 12024",
    ],
)
def test_another_number_is_none(text: str) -> None:
    assert without_stamps(text) == (text, ())


def test_a_table_of_dates_keeps_them() -> None:
    dates = " ".join(f"2024-05-0{day}" for day in range(1, DATES_MAXIMUM + 2))
    assert without_stamps(f"© 2024 {dates}") == (f"  {dates}", ("© 2024",))


@given(st.text())
def test_what_is_left_has_no_copyright_and_nothing_else_is_lost(text: str) -> None:
    left, stamps = without_stamps(text)
    assert len(left) == len(text) - sum(map(len, stamps)) + len(stamps)
    assert all(any(character.isdigit() for character in stamp) for stamp in stamps)


@pytest.mark.parametrize(
    "hostile", ["jan" * 700, "© " * 1000, "2024-" * 400, "1 jan" + "a" * 2000, "12/" * 700]
)
def test_hostile_texts_have_no_stamps_and_end(hostile: str) -> None:
    assert without_stamps(hostile) == (hostile, ())
