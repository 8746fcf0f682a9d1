"""Writes an answer as it grows, each word once, however often the stream repeats or corrects itself."""

from __future__ import annotations

from typing import TextIO

from lorebase.cli.output import clean


class AnswerText:
    """What of an answer is on the screen. Offsets count characters, as those of the API's deltas do."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown = ""

    def grow(self, offset: int, text: str) -> None:
        """The answer has `text` from `offset` on; what is shown already is not written again."""
        whole = self._shown[:offset] + text
        if not self._shown.startswith(whole):
            self._show(whole)

    def finish(self, text: str) -> None:
        """The whole answer as it is kept; ends the line."""
        if text != self._shown:
            self._show(text)
        self._out.write("\n")
        self._out.flush()

    def break_off(self) -> None:
        """Nothing more comes; ends a line that was begun."""
        if self._shown and not self._shown.endswith("\n"):
            self._out.write("\n")
            self._out.flush()

    def _show(self, whole: str) -> None:
        if not whole.startswith(self._shown):
            # Another attempt says something else: it begins on a line of its own.
            self._out.write("\n\n")
            self._shown = ""
        self._out.write(clean(whole[len(self._shown) :]))
        self._out.flush()
        self._shown = whole
