"""Turns what a model streams into what readers may see, piece by piece."""

from __future__ import annotations

import re

NO_EVIDENCE = "NO_EVIDENCE"

_PREFIXES = "|".join(NO_EVIDENCE[:length] for length in range(len(NO_EVIDENCE), 0, -1))
_MARKER = r"\[\s*\d{1,3}(?:\s*,\s*\d{1,3})*\s*\]"
# What the next piece may still change: spaces before a marker, a marker, a bracket, a tag or the control token
# that has begun.
_UNDECIDED = re.compile(rf"(?:[ \t]*(?:\[[\d,\s]{{0,40}}\]?)?|\]|<)(?:{_PREFIXES})?\Z")
_SPECIAL = re.compile(rf"(?P<space>[ \t]*)(?P<marker>{_MARKER})|{NO_EVIDENCE}|<(?=[A-Za-z/!?\[])|\](?=[(:])")
_NUMBER = re.compile(r"\d+")


class AnswerText:
    """The text of an answer while it grows.

    Markers of passages that were not given disappear, the others are numbered anew in order of first use.
    The control token for "no evidence" never comes through; what a Markdown reader would fetch or run
    (images, links, HTML) is broken up.
    """

    def __init__(self, passages: int) -> None:
        self._passages = passages
        self._pending = ""
        self._refused = False
        self.text = ""
        self.cited: list[int] = []

    @property
    def is_refusal(self) -> bool:
        """Whether the model said that there is no evidence, or nothing at all."""
        return self._refused or not self.text.strip()

    def feed(self, piece: str) -> str:
        """Takes a piece of the stream; returns what may be shown of it now."""
        self._pending += piece
        held = _UNDECIDED.search(self._pending)
        cut = held.start() if held else len(self._pending)
        ready, self._pending = self._pending[:cut], self._pending[cut:]
        return self._release(ready)

    def end(self) -> str:
        """The stream is over; returns what was still held back."""
        ready, self._pending = self._pending, ""
        return self._release(ready)

    def _release(self, ready: str) -> str:
        if not self.text:
            ready = ready.lstrip()
            self._refused = self._refused or ready.startswith(NO_EVIDENCE)
        if self._refused:
            return ""
        shown = _SPECIAL.sub(self._replace, ready).replace("](", "] (")
        if self.text.endswith("]") and shown.startswith("("):
            shown = f" {shown}"
        self.text += shown
        return shown

    def _replace(self, match: re.Match[str]) -> str:
        found = match.group()
        if match["marker"] is None:
            return {NO_EVIDENCE: " ", "<": "\\<", "]": "] "}[found]
        numbers = [self._numbered(int(n)) for n in _NUMBER.findall(match["marker"])]
        shown = "".join(f"[{number}]" for number in numbers if number is not None)
        return f"{match['space']}{shown}" if shown else ""

    def _numbered(self, passage: int) -> int | None:
        if not 1 <= passage <= self._passages:
            return None
        if passage not in self.cited:
            self.cited.append(passage)
        return self.cited.index(passage) + 1
