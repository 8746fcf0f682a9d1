"""Lines of pages: what is dropped because only print needs it."""

from __future__ import annotations

import pypdfium2
import pytest

from lorebase.clients.parsing.pdf_lines import Line, lines_of, without_running_lines
from tests.factories_files import PdfPage, pdf, pdf_with_content


def page_of(*texts: str, top: str = "", bottom: str = "") -> list[Line]:
    lines = [Line(top, bottom=800, end=800, height=10)] if top else []
    lines += [
        Line(text, bottom=700 - 15 * place, end=700 - 15 * place, height=10)
        for place, text in enumerate(texts)
    ]
    return [*lines, Line(bottom, bottom=30, end=30, height=10)] if bottom else lines


def texts(pages: list[list[Line]]) -> list[list[str]]:
    return [[line.text for line in page] for page in pages]


def body(number: int) -> list[str]:
    return [f"alpha {number}{number}x", f"beta {number}{number}y", f"gamma {number}{number}z"]


@pytest.mark.parametrize(
    ("top", "bottom"),
    [
        ("Chapter 1: Start {page}", ""),
        ("{page} about item{page}", ""),
        ("{page} 1.3. STEADY", ""),
        ("", "{page}"),
        ("", "Page {page} of 99"),
        ("Part {roman}", "- {page} -"),
        ("", "{roman}"),
    ],
)
def test_lines_with_the_number_of_the_page_are_dropped(top: str, bottom: str) -> None:
    pages = [
        page_of(
            *body(number),
            top=top.format(page=10 + number, roman="same"),
            bottom=bottom.format(page=10 + number, roman=["i", "ii", "iii", "iv"][number]),
        )
        for number in range(4)
    ]
    kept = texts(without_running_lines(pages))
    assert kept[1:] == [body(number) for number in range(1, 4)]


def test_of_lines_that_say_the_same_the_first_is_kept() -> None:
    pages = [page_of(*body(number), top="Name Price") for number in range(4)]
    kept = texts(without_running_lines(pages))
    assert kept[0] == ["Name Price", *body(0)]
    assert kept[1:] == [body(number) for number in range(1, 4)]


def test_lines_within_the_page_are_kept_however_often_they_return() -> None:
    pages = [page_of(*body(number), "See above.", *body(number)) for number in range(5)]
    assert texts(without_running_lines(pages)) == texts(pages)


def test_rows_of_a_table_that_look_alike_are_kept() -> None:
    amounts = [120, 75, 12, 9_900, 3]
    pages = [page_of(*(f"Item {amount * row} pieces" for row in range(1, 6))) for amount in amounts]
    assert texts(without_running_lines(pages)) == texts(pages)


def test_lines_at_the_edge_that_differ_are_kept() -> None:
    pages = [
        page_of("one", "two", "three"),
        page_of("four", "five", "six"),
        page_of("seven", "eight", "nine"),
    ]
    assert texts(without_running_lines(pages)) == texts(pages)


def test_years_and_decimals_are_no_page_numbers() -> None:
    years = [
        page_of(*body(number), top=f"{year} came") for number, year in enumerate([1848, 1999, 1066, 2011])
    ]
    decimals = [page_of(*body(number), top=f"{number}.5 metres") for number in range(4)]
    assert texts(without_running_lines(years)) == texts(years)
    assert texts(without_running_lines(decimals)) == texts(decimals)


def test_two_pages_are_too_few_to_tell() -> None:
    pages = [page_of(*body(number), top=f"Page {number}") for number in range(2)]
    assert texts(without_running_lines(pages)) == texts(pages)


def test_lines_are_placed_on_the_page() -> None:
    document = pypdfium2.PdfDocument(pdf([PdfPage([("First line", 11), ("", 0), ("Second", 22)])]))
    first, second = lines_of(document[0])
    document.close()
    assert (first.text, second.text) == ("First line", "Second")
    assert first.left == pytest.approx(72, abs=2)
    assert first.right > first.left + 30
    assert first.bottom > second.bottom
    assert second.height == pytest.approx(2 * first.height, rel=0.1)


def test_dot_leaders_and_ligatures_are_made_readable() -> None:
    content = pdf_with_content(b"BT /F1 12 Tf 72 700 Td (Preface . . . . . . . . . . . . 7) Tj ET")
    document = pypdfium2.PdfDocument(content)
    (line,) = lines_of(document[0])
    document.close()
    assert line.text == "Preface … 7"


def test_a_page_without_text_has_no_lines() -> None:
    document = pypdfium2.PdfDocument(pdf_with_content(b"0 0 10 10 re f"))
    assert lines_of(document[0]) == []
    document.close()
