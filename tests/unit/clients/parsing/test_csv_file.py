"""CSV rows as lines that name their columns."""

from __future__ import annotations

import pytest

from lorebase.clients.parsing.csv_file import delimiter_of, parse_csv
from lorebase.clients.parsing.extraction import Limits
from lorebase.core.errors import DocumentRefused, ErrorCode


def lines(content: str, limits: Limits) -> list[str]:
    return parse_csv(content.encode(), limits).text.split("\n")


def test_each_row_names_its_columns_and_leaves_out_empty_cells(limits: Limits) -> None:
    assert lines("country,capital,note\nFrance,Paris,\nPeru,Lima,coastal\n", limits) == [
        "country: France; capital: Paris",
        "country: Peru; capital: Lima; note: coastal",
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    assert delimiter_of(f"a{delimiter}b{delimiter}c\n1{delimiter}2{delimiter}3\n") == delimiter


def test_a_decimal_comma_does_not_hide_the_semicolon(limits: Limits) -> None:
    assert lines("name;price\ntea;1,50\ncake;2,75\n", limits) == [
        "name: tea; price: 1,50",
        "name: cake; price: 2,75",
    ]


def test_quoted_cells_may_hold_delimiters_and_line_ends(limits: Limits) -> None:
    assert lines('name,text\nx,"one, two\nthree"\n', limits) == ["name: x; text: one, two three"]


def test_rows_without_a_header_keep_their_values(limits: Limits) -> None:
    assert lines("1,2\n3,4\n", limits) == ["1 | 2", "3 | 4"]


def test_cells_beyond_the_header_are_numbered(limits: Limits) -> None:
    assert lines("a,b\n1,2,3\n", limits) == ["a: 1; b: 2; column 3: 3"]


def test_a_header_alone_is_kept(limits: Limits) -> None:
    assert lines("name,city\n", limits) == ["name | city"]


def test_a_single_column_is_read(limits: Limits) -> None:
    assert lines("Industry\nSales\nOther\n", limits) == ["Industry: Sales", "Industry: Other"]


def test_a_formula_stays_text(limits: Limits) -> None:
    assert lines("a,b\n=cmd|' /C calc'!A0,x\n", limits) == ["a: =cmd|' /C calc'!A0; b: x"]


def test_an_unclosed_quote_takes_the_rest_and_no_more(limits: Limits) -> None:
    assert lines('a,b\n"open,1\n2,3\n', limits) == ["a: open,1 2,3"]


def test_rows_that_grow_past_the_limit_are_refused(limits: Limits) -> None:
    content = "x" * 99 + ",b\n" + "1,2\n" * 20_000
    with pytest.raises(DocumentRefused) as caught:
        lines(content, limits)
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_hostile_quotes_are_read_in_one_pass(limits: Limits) -> None:
    assert parse_csv(b'"' * 300_000, limits).text.count('"') > 1000
