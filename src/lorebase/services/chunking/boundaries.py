"""The places where a text may be cut, and how natural each cut would be."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from heapq import merge

from lorebase.schemas.parsing import HeadingSpan
from lorebase.services.chunking.graphemes import continues_cluster
from lorebase.services.chunking.sentences import sentence_starts

_LINE_BREAK = re.compile(r"\n\s*+")
_LIST_MARK = re.compile(r"[-*+•◦‣▪|]\s|\d{1,3}[.)]\s|\(?[a-z][.)]\s")
_FENCES = ("```", "~~~")
_CAPTION_CHARACTERS = 30
_LEAST_CHARACTERS = 12


class Cut(IntEnum):
    """How good a place for a cut is, from the worst to the best."""

    AFTER_HEADING = 0
    ANYWHERE = 1
    WORD = 2
    WRAPPED_LINE = 3
    INDENTED_BLOCK = 4
    SENTENCE = 5
    LINE = 6
    PARAGRAPH = 7
    HEADING = 8
    SECTION = 9


@dataclass(slots=True)
class Boundaries:
    """Places of cuts, ascending from 0, and how good each is. The text between two is kept together."""

    positions: array[int] = field(default_factory=lambda: array("Q"))
    cuts: bytearray = field(default_factory=bytearray)

    def add(self, position: int, cut: Cut) -> None:
        """Adds a place, unless it is so near the one before that only the better of the two is needed."""
        if not self.positions or position - self.positions[-1] >= _LEAST_CHARACTERS:
            self._append(position, cut)
            return
        held = self.cuts[-1]
        at_once = position == self.positions[-1]
        if at_once and Cut.AFTER_HEADING in (held, cut):
            self.cuts[-1] = max(held, cut) if max(held, cut) >= Cut.HEADING else Cut.AFTER_HEADING
        elif at_once:
            self.cuts[-1] = max(held, cut)
        elif cut >= Cut.HEADING and held >= Cut.HEADING:
            self._append(position, cut)
        elif cut > held:
            self.positions[-1], self.cuts[-1] = position, cut

    def _append(self, position: int, cut: Cut) -> None:
        self.positions.append(position)
        self.cuts.append(cut)


def boundaries_of(
    text: str, headings: Sequence[HeadingSpan], *, lines_are_units: bool, barrier_level: int
) -> Boundaries:
    """All natural places for a cut. With `lines_are_units` each line stands for itself, as rows and items do;
    otherwise a line may just be wrapped. Headings up to `barrier_level` begin a section."""
    found = Boundaries()
    found.add(0, Cut.SECTION)
    places = merge(
        _heading_places(text, headings, barrier_level),
        _line_places(text, lines_are_units),
        ((position, Cut.SENTENCE) for position in sentence_starts(text, 0, len(text))),
    )
    starts = [heading.start for heading in headings]
    for position, cut in places:
        heading = bisect_left(starts, position) - 1
        # The words of a heading are never parted.
        if cut >= Cut.HEADING or heading < 0 or position >= headings[heading].end:
            found.add(position, cut)
    return found


def _heading_places(
    text: str, headings: Sequence[HeadingSpan], barrier_level: int
) -> Iterator[tuple[int, Cut]]:
    for heading in headings:
        yield heading.start, Cut.SECTION if heading.level <= barrier_level else Cut.HEADING
        body = _LINE_BREAK.search(text, heading.end)
        if body and body.end() < len(text):
            yield body.end(), Cut.AFTER_HEADING


def _line_places(text: str, lines_are_units: bool) -> Iterator[tuple[int, Cut]]:
    fenced = text.startswith(_FENCES)
    block_start = 0
    for match in _LINE_BREAK.finditer(text):
        position = match.end()
        if position >= len(text) or continues_cluster(text, position):
            continue
        blank_line = match.group().count("\n") > 1
        if text.startswith(_FENCES, position):
            fenced = not fenced
            yield position, Cut.LINE if fenced else Cut.WRAPPED_LINE
        elif fenced:
            yield position, Cut.INDENTED_BLOCK if blank_line else Cut.WRAPPED_LINE
        elif _announces(text, block_start, match.start(), blank_line):
            yield position, Cut.WRAPPED_LINE
        else:
            yield position, _line_cut(text, match, blank_line, lines_are_units)
        if blank_line:
            block_start = position


def _announces(text: str, block_start: int, block_end: int, blank_line: bool) -> bool:
    """Whether what comes next belongs to these words: they end in a colon, or are a caption like "Note"."""
    if text[block_end - 1 : block_end] == ":":
        return True
    short = blank_line and block_end - block_start <= _CAPTION_CHARACTERS
    return short and text[block_end - 1 : block_end].isalnum() and text[block_start].isalpha()


def _line_cut(text: str, match: re.Match[str], blank_line: bool, lines_are_units: bool) -> Cut:
    if _LIST_MARK.match(text, match.end()):
        return Cut.PARAGRAPH if blank_line else Cut.LINE
    # Indented lines go on with something: code, or the text of an item.
    if match.group()[-1] in " \t":
        return Cut.INDENTED_BLOCK if blank_line else Cut.WRAPPED_LINE
    if blank_line:
        return Cut.PARAGRAPH
    separate = lines_are_units or text[match.start() - 1 : match.start()] in (";", "|", "}", "{")
    return Cut.LINE if separate else Cut.WRAPPED_LINE
