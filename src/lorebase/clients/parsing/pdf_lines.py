"""The lines of PDF pages with their places, cleaned of what only print needs."""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium_c

from lorebase.clients.parsing.cleaning import clean

HYPHEN = "\ufffe"  # What PDFium puts where a word was broken at a line's end.
_LIGATURES = str.maketrans(
    {
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\ufb05": "st",
        "\ufb06": "st",
    }
)
_LEADERS = re.compile(r"(?: ?[.·…]){5,}+ ?")
_NUMBER = re.compile(r"(?<![\w.])\d{1,5}(?![\w.]*\w)", re.ASCII)
_ROMAN = re.compile(r"[ivxlc]{1,7}")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_Key = tuple[str, int, int]


@dataclass(slots=True)
class Line:
    """Words on one line and its edges and height in points; all 0 when unknown.

    `bottom` is that of the first letter, `end` that of the last: a line that ends in a broken word takes in
    the line below it.
    """

    text: str
    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    end: float = 0.0
    height: float = 0.0


def lines_of(page: pypdfium2.PdfPage) -> list[Line]:
    """The lines of a page in the order of its content."""
    text_page = page.get_textpage()
    try:
        text = text_page.get_text_range()
        placed = len(text) == text_page.count_chars()
        lines = []
        start = 0
        for raw in text.split("\n"):
            line = _line(text_page, raw, start, placed)
            if line.text:
                lines.append(line)
            start += len(raw) + 1
        return lines
    finally:
        text_page.close()


def without_running_lines(pages: list[list[Line]]) -> list[list[Line]]:
    """The pages without headers, footers and page numbers.

    These are lines at the top or bottom edge that have a number counting along with the pages, on at least
    three of them, or that say exactly the same at one height three times; of those the first is kept, since
    it may be the head of a table. Rows that merely look alike are never taken for them.
    """
    seen: Counter[_Key] = Counter()
    for index, page in enumerate(pages):
        seen.update({key for line in _edge_lines(page) for key in _running_keys(line, index)})
    running = {key for key, count in seen.items() if count >= 3}
    said: set[_Key] = set()
    return [_without(page, index, running, said) for index, page in enumerate(pages)]


def _without(page: list[Line], index: int, running: set[_Key], said: set[_Key]) -> list[Line]:
    dropped = set()
    for line in _edge_lines(page):
        same, *numbered = _running_keys(line, index)
        if not running.isdisjoint(numbered) or same in said:
            dropped.add(id(line))
        if same in running:
            said.add(same)
    return [line for line in page if id(line) not in dropped]


def _edge_lines(page: list[Line]) -> list[Line]:
    ordered = sorted(page, key=lambda line: line.bottom)
    return ordered[:2] + ordered[max(2, len(ordered) - 2) :]


def _running_keys(line: Line, index: int) -> list[_Key]:
    """What would return on other pages: the line itself, then each of its numbers less the page's index, the
    one at its beginning or end whatever the other words are, those within only among the same words."""
    height = round(line.bottom / 4)
    words = _NUMBER.sub("#", line.text)
    keys: list[_Key] = [(line.text, 0, height)]
    for match in list(_NUMBER.finditer(line.text))[:8]:
        at_an_end = match.start() == 0 or match.end() == len(line.text)
        keys.append(("" if at_an_end else words, int(match.group()) - index, height))
    if _ROMAN.fullmatch(line.text.lower()):
        keys.append(("roman", _roman(line.text.lower()) - index, height))
    return keys


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def _line(text_page: pypdfium2.PdfTextPage, raw: str, start: int, placed: bool) -> Line:
    words = " ".join(clean(raw.replace("\r", "")).translate(_LIGATURES).split())
    line = Line(_LEADERS.sub(" … ", words).strip())
    if line.text and placed:
        first = start + len(raw) - len(raw.lstrip())
        last = start + len(raw.rstrip()) - 1
        line.left, _, line.bottom, top = _box(text_page, first)
        _, line.right, line.end, _ = _box(text_page, last)
        line.height = top - line.bottom
    return line


def _box(text_page: pypdfium2.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    rectangle = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDFText_GetLooseCharBox(text_page, index, ctypes.byref(rectangle)):
        return 0.0, 0.0, 0.0, 0.0
    return rectangle.left, rectangle.right, rectangle.bottom, rectangle.top
