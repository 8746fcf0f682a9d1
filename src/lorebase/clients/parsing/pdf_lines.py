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
_EDGE_NUMBER = re.compile(r"^\d{1,5}\b|\b\d{1,5}$", re.ASCII)
_NUMBER = re.compile(r"\d++|\b[ivxlc]{1,7}\b")


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
    """The pages without headers, footers and page numbers: edge lines at one height that say the same three
    times, or that begin or end with a number that counts along with the pages."""
    seen: Counter[tuple[str | int, int]] = Counter()
    for index, page in enumerate(pages):
        seen.update({key for line in _edge_lines(page) for key in _running_keys(line, index)})
    running = {key for key, count in seen.items() if count >= 3}
    return [_without(page, index, running) for index, page in enumerate(pages)]


def _without(page: list[Line], index: int, running: set[tuple[str | int, int]]) -> list[Line]:
    dropped = {id(line) for line in _edge_lines(page) if not running.isdisjoint(_running_keys(line, index))}
    return [line for line in page if id(line) not in dropped]


def _edge_lines(page: list[Line]) -> list[Line]:
    ordered = sorted(page, key=lambda line: line.bottom)
    return ordered[:2] + ordered[max(2, len(ordered) - 2) :]


def _running_keys(line: Line, index: int) -> list[tuple[str | int, int]]:
    height = round(line.bottom / 4)
    numbers = [int(number) - index for number in _EDGE_NUMBER.findall(line.text[:8] + " " + line.text[-8:])]
    return [(_NUMBER.sub("#", line.text.lower()), height), *((number, height) for number in numbers)]


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
