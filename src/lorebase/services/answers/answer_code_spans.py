"""Tells code from prose in Markdown that is still being written: `x[1]` in code is no citation."""

from __future__ import annotations

import re

_RUN = re.compile("`+")
_FENCE = 3
# What is not closed by then holds nobody up any longer.
_LONGEST_SPAN = 500


class CodeSpans:
    """Where the reading stands (CommonMark 0.31.2, sections 4.5 and 6.1; a span ends with its line here)."""

    def __init__(self) -> None:
        self._fence = 0
        self._span = 0
        self._line_is_blank = True

    def text(self, text: str) -> None:
        """Reads text without backticks and line ends."""
        self._line_is_blank = self._line_is_blank and not text.strip()

    def line_end(self) -> None:
        """Reads the end of a line; a span that was not closed was none."""
        self._span = 0
        self._line_is_blank = True

    def backticks(self, count: int) -> None:
        """Reads a whole run of backticks."""
        if self._fence:
            if self._line_is_blank and count >= self._fence:
                self._fence = 0
        elif self._line_is_blank and count >= _FENCE:
            self._fence = count
        elif not self._span:
            self._span = count
        elif self._span == count:
            self._span = 0
        self._line_is_blank = False

    def covers(self, rest: str, *, ended: bool) -> bool | None:
        """Whether the place before `rest` stands in code; None while only what follows can tell."""
        if self._fence:
            return True
        if not self._span:
            return False
        line, line_end, _ = rest[:_LONGEST_SPAN].partition("\n")
        whole = bool(line_end) or ended or len(rest) >= _LONGEST_SPAN
        for run in _RUN.finditer(line):
            # A run at the end may still grow.
            if len(run.group()) == self._span and (whole or run.end() < len(line)):
                return True
        if not whole:
            return None
        self._span = 0
        return False
