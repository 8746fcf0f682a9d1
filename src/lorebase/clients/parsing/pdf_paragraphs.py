"""Lines of print into paragraphs: wrapped lines are joined, words broken at a line's end made whole."""

from __future__ import annotations

import re
from itertools import pairwise
from statistics import median

from lorebase.clients.parsing.block_writer import BlockWriter
from lorebase.clients.parsing.pdf_headings import Place, Places
from lorebase.clients.parsing.pdf_lines import HYPHEN, Line

# Looked for from the beginning of a word only, or a word of a megabyte would take hours.
_BROKEN = re.compile(rf"(?<!\w)(\w*+){HYPHEN} ?(\w*+)")
_HYPHENATED = re.compile(r"(?<!\w)\w++-\w++")
_WRAPPED_CHARACTERS = 25
_ENDS = (".", "!", "?", ":", ";", "。", "！", "？")
_CONTENTS_ENTRY = re.compile(r"… \w{1,6}$")
_ITEM = re.compile(r"(?:[•◦▪‣●○■–—*\-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")


class ParagraphWriter:
    """Writes the lines of page after page; a paragraph that runs over a page's end stays whole."""

    def __init__(self, writer: BlockWriter, headings: Places, pages: list[list[Line]]) -> None:
        self._writer = writer
        self._headings = headings
        self._hyphenated = {
            word.lower() for page in pages for line in page for word in _HYPHENATED.findall(line.text)
        }
        self._previous: Line | None = None
        self._heading: Place | None = None

    def page(self, lines: list[Line]) -> None:
        """Writes the lines of the next page."""
        layout = _Layout(lines)
        self._turn_page(lines)
        for line in lines:
            self._line(line, layout)

    def _turn_page(self, lines: list[Line]) -> None:
        if not lines or self._previous is None:
            return
        runs_on = lines[0].text[:1].islower() and not self._previous.text.endswith(_ENDS)
        self._separate(0 if runs_on else 2)
        self._previous = None

    def finish(self) -> None:
        """Ends a heading that the last page ends with."""
        self._change_heading(None)

    def _line(self, line: Line, layout: _Layout) -> None:
        heading = self._headings.get(id(line))
        if heading != self._heading:
            self._change_heading(heading)
        elif self._previous is not None:
            self._separate(0 if heading else layout.line_feeds(self._previous, line))
        self._write(line.text)
        self._previous = line

    def _change_heading(self, heading: Place | None) -> None:
        if self._heading:
            self._writer.close_heading()
        self._writer.separate(2)
        if heading:
            self._writer.open_heading(heading.level)
        self._heading = heading

    def _separate(self, line_feeds: int) -> None:
        if line_feeds:
            self._writer.separate(line_feeds)
        else:
            self._writer.words(" ")

    def _write(self, text: str) -> None:
        self._writer.words(_BROKEN.sub(self._mended, text).replace(HYPHEN, ""))

    def _mended(self, match: re.Match[str]) -> str:
        before, after = match.groups()
        with_hyphen = f"{before}-{after}"
        keeps = with_hyphen.lower() in self._hyphenated or not (before and after) or before[-1].isdigit()
        return with_hyphen if keeps else before + after


class _Layout:
    """Where the columns of a page end and how far apart its lines stand."""

    def __init__(self, lines: list[Line]) -> None:
        gaps = [above.end - below.bottom for above, below in pairwise(lines)]
        self._gap = median([gap for gap in gaps if gap > 1] or [0.0])
        rights: dict[int, list[float]] = {}
        for line in lines:
            rights.setdefault(_column(line), []).append(line.right)
        self._right = {column: sorted(edges)[int(len(edges) * 0.9)] for column, edges in rights.items()}

    def line_feeds(self, previous: Line, line: Line) -> int:
        """0 if `line` goes on with the sentence, 1 if it begins a line of its own, 2 for a paragraph."""
        if not previous.height or not line.height:
            return 1
        gap = previous.end - line.bottom
        # On the same line, or a raised or lowered index beside it.
        if abs(gap) < max(line.height, previous.height) * 0.6:
            return 0
        if gap > self._gap * 1.4 or gap < -line.height or not 0.85 < line.height / previous.height < 1.18:
            return 2
        ended = previous.text.endswith(_ENDS)
        if ended and line.left - previous.left > line.height * 0.7:
            return 2
        if _ITEM.match(line.text) or _CONTENTS_ENTRY.search(previous.text):
            return 1
        return 0 if self._is_full(previous) else 1 + ended

    def _is_full(self, line: Line) -> bool:
        edge = self._right[_column(line)]
        return len(line.text) >= _WRAPPED_CHARACTERS and line.right >= edge - 0.15 * (edge - line.left)


def _column(line: Line) -> int:
    return round(line.left / 100)
