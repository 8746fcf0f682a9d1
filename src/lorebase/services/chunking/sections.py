"""The sections of a document, the path of headings to each, and which are too small to stand alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from lorebase.schemas.parsing import HeadingSpan, PageSpan

BARRIER_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Section:
    """Text from a heading to the next: offsets, the titles of the headings above it and its own, its level
    (0 before the first heading), and whether there is more than the heading."""

    start: int
    end: int
    path: tuple[str, ...]
    level: int
    has_body: bool


def usable_headings(headings: Sequence[HeadingSpan], length: int) -> list[HeadingSpan]:
    """The headings in order, without those that overlap or lie outside the text."""
    usable: list[HeadingSpan] = []
    for heading in sorted(headings, key=lambda heading: heading.start):
        after = usable[-1].end if usable else 0
        if after <= heading.start < heading.end <= length:
            usable.append(heading)
    return usable


def sections_of(text: str, headings: Sequence[HeadingSpan]) -> list[Section]:
    """The sections in order; together they are the whole text."""
    sections = []
    open_headings: list[HeadingSpan] = []
    ends = [*(heading.start for heading in headings), len(text)]
    if ends[0] > 0:
        sections.append(Section(0, ends[0], (), 0, not text[: ends[0]].isspace()))
    for heading, end in zip(headings, ends[1:], strict=True):
        while open_headings and open_headings[-1].level >= heading.level:
            open_headings.pop()
        open_headings.append(heading)
        path = tuple(above.title for above in open_headings)
        has_body = bool(text[heading.end : end].strip())
        sections.append(Section(heading.start, end, path, heading.level, has_body))
    return sections or [Section(0, len(text), (), 0, True)]


class SectionIndex:
    """Finds the sections and the page that a chunk belongs to."""

    def __init__(self, sections: Sequence[Section], pages: Sequence[PageSpan]) -> None:
        self._sections = sections
        self._starts = [section.start for section in sections]
        self._pages = sorted(pages, key=lambda page: page.start)
        self._page_starts = [page.start for page in self._pages]

    def path(self, start: int, end: int) -> tuple[str, ...]:
        """The headings that all words of a chunk stand below: those that its sections have in common, not
        counting a heading with nothing under it but deeper headings."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1)
        covered = self._sections[first:last]
        paths = [section.path for section in covered if section.has_body] or [covered[0].path]
        return _common(paths)

    def page(self, start: int) -> int | None:
        """The page that the character at `start` is on; None in a document without pages."""
        place = bisect_right(self._page_starts, start) - 1
        return self._pages[place].number if place >= 0 else None


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    shortest, longest = min(paths), max(paths)
    depth = 0
    while depth < min(len(shortest), len(longest)) and shortest[depth] == longest[depth]:
        depth += 1
    return shortest[:depth]
