"""Which lines of a PDF are headings: by its outline, or by the size of their letters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from lorebase.clients.parsing.pdf_lines import Line

_NUMBERING = re.compile(r"(?:chapter|appendix|part|section)?[\divxlca-h]{0,8}")


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A bookmark: its level from 1, its words, and where it leads: a page's index, a height in points."""

    level: int
    title: str
    page: int
    top: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A heading: its level, and its number among all headings, which lines of one heading share."""

    level: int
    number: int


Places = dict[int, Place]
"""The heading that a line belongs to, by the line's id()."""


def heading_lines(pages: list[list[Line]], outline: Iterable[OutlineEntry], body_height: float) -> Places:
    """The heading lines of a document; empty if neither its outline nor its letters show any."""
    by_outline = _by_outline(pages, outline)
    return by_outline or _by_size(pages, body_height)


def body_height_of(pages: list[list[Line]]) -> float:
    """The height of letters that most of the text has, in points; 0 if unknown."""
    heights: Counter[float] = Counter()
    for page in pages[:200]:
        for line in page:
            heights[round(line.height * 2) / 2] += len(line.text)
    return heights.most_common(1)[0][0] if heights else 0.0


def _by_outline(pages: list[list[Line]], outline: Iterable[OutlineEntry]) -> Places:
    found: Places = {}
    next_line: dict[int, int] = {}
    bare_lines: dict[int, list[str]] = {}
    for entry in outline:
        title = _bare(entry.title)
        if not title or not 0 <= entry.page < len(pages):
            continue
        page = pages[entry.page]
        if entry.page not in bare_lines:
            bare_lines[entry.page] = [_bare(line.text) for line in page]
        bare = bare_lines[entry.page]
        start = next_line.get(entry.page, 0)
        for place in range(start, len(page)):
            count = _matching_lines(bare, place, title) or _begins_where_it_leads(page[place], entry, title)
            if count:
                heading = Place(min(entry.level, 6), len(found))
                found.update({id(line): heading for line in page[place : place + count]})
                next_line[entry.page] = place + count
                break
    return found


def _matching_lines(bare: list[str], place: int, title: str) -> int:
    """How many lines from `place` on make up the title: 1, 2 or 3, or 0 if they do not."""
    joined = ""
    for count, line in enumerate(bare[place : place + 3], start=1):
        joined += line
        if joined.endswith(title) and _NUMBERING.fullmatch(joined[: len(joined) - len(title)]):
            return count
        if len(joined) > len(title) + 16:
            return 0
    return 0


def _begins_where_it_leads(line: Line, entry: OutlineEntry, title: str) -> bool:
    # Reference manuals bookmark "pdf" where the page says "pdf  PDF Graphics Device".
    near = (
        entry.top is not None and line.height > 0 and -line.height < entry.top - line.bottom < 4 * line.height
    )
    return near and len(line.text) < 120 and _bare(line.text).startswith(title)


def _by_size(pages: list[list[Line]], body_height: float) -> Places:
    if not body_height:
        return {}
    large = [line for page in pages for line in page if _is_large(line, body_height)]
    total = sum(len(page) for page in pages)
    if not large or len(large) > total * 0.3:
        return {}
    sizes = sorted({round(line.height) for line in large}, reverse=True)
    # A cover in giant letters must not push the sections down the levels: all beyond three share one.
    levels = {size: min(rank, 3) for rank, size in enumerate(sizes, start=1)}
    found: Places = {}
    for page in pages:
        for size, run in groupby(
            page, key=lambda line: round(line.height) if _is_large(line, body_height) else 0
        ):
            heading = list(run)
            # More than three large lines in a row are a cover or a poster, not a heading.
            if size and len(heading) <= 3:
                place = Place(levels[size], len(found))
                found.update({id(line): place for line in heading})
    return found


def _is_large(line: Line, body_height: float) -> bool:
    return (
        line.height >= body_height * 1.15
        and 3 <= len(line.text) <= 150
        and sum(map(str.isalpha, line.text)) >= len(line.text) / 2
    )


def _bare(words: str) -> str:
    return "".join(character for character in words.casefold() if character.isalnum())
