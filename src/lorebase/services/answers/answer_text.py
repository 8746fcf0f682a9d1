"""Turns what a model streams into what readers may see, piece by piece."""

from __future__ import annotations

import re

from lorebase.services.answers.answer_code_spans import CodeSpans
from lorebase.services.answers.answer_markers import MARKER, NO_EVIDENCE, Marker, neutralised


def _beginnings(shortest: int) -> str:
    return "|".join(NO_EVIDENCE[:length] for length in range(len(NO_EVIDENCE), shortest - 1, -1))


_PREFIXES = _beginnings(1)
_CUT_TOKEN = re.compile(rf"(?:{_beginnings(3)})\Z")
_DECORATION = r"[\s*_`\"'>#~-]*+"
# Before the first word shows: decoration around a control token that may be on its way.
_OPENING = re.compile(rf"{_DECORATION}(?:{_PREFIXES})?")
_REFUSAL = re.compile(rf"{_DECORATION}{NO_EVIDENCE}")
# What the next piece may still change: spaces before a marker, a marker, backticks or the control token.
_UNDECIDED = re.compile(rf"(?:(?<![ \t])[ \t]*+(?:\[[\d,\s]{{0,80}}+)?|(?<!`)`++)(?:{_PREFIXES})?\Z")
_TOKEN = re.compile(
    r"(?<![ \t])(?P<space>[ \t]*+)"
    # No longer than what is held back, or an answer would depend on how its stream was cut.
    rf"(?P<marker>(?=\[[\d,\s]{{0,80}}+\]){MARKER})"
    rf"|(?P<backticks>`++)|(?P<line_end>\n)|{NO_EVIDENCE}"
)
_OPEN_ENDED = re.compile(r"[\[\d,A-Z_]")
_NUMBER = re.compile(r"\d+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Links, images, definitions of links and HTML: none of them survives a space in the middle.
_FETCHED = re.compile(r"(?<=\])(?=[(:])|(?<=<)(?=[A-Za-z/!?])")


class AnswerText:
    """The text of an answer while it grows, and the citations in it.

    Markers of passages that were not given disappear, the others are numbered anew in order of first use;
    code is left alone. The control token for "no evidence" never comes through. What a Markdown reader would
    fetch or run (images, links, HTML) is broken up, what no database stores is replaced.
    """

    def __init__(self, passages: int) -> None:
        self._passages = passages
        self._pending = ""
        self._half = ""
        self._code = CodeSpans()
        self._refused = False
        self._begun = False
        self._line_has_words = False
        self.text = ""
        self.cited: list[int] = []
        self.markers: list[Marker] = []

    @property
    def is_refusal(self) -> bool:
        """Whether the model said that there is no evidence."""
        return self._refused

    def feed(self, piece: str) -> str:
        """Takes a piece of the stream; returns what may be shown of it now."""
        self._pending += self._readable(piece)
        return self._advance(ended=False)

    def end(self) -> str:
        """The stream is over; returns what was still held back."""
        return self._advance(ended=True)

    def _readable(self, piece: str) -> str:
        """Half a character waits for its other half; control characters never come through."""
        piece = self._half + piece
        self._half = piece[-1:] if "\ud800" <= piece[-1:] <= "\udbff" else ""
        piece = piece.removesuffix(self._half)
        if _SURROGATE.search(piece):
            piece = piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return _CONTROL.sub("\ufffd", piece.replace("\r", ""))

    def _advance(self, *, ended: bool) -> str:
        before = len(self.text)
        if not self._begun:
            self._pending = self._pending.lstrip()
            self._refused = self._refused or _REFUSAL.match(self._pending) is not None
        if ended:
            self._drop_cut_token()
        if self._refused:
            self._pending = ""
        elif self._begun or not _OPENING.fullmatch(self._pending):
            self._release(ended)
        elif ended:
            # Nothing but decoration, or a word that only begins like the token.
            self._pending = self._pending if any(map(str.isalnum, self._pending)) else ""
            self._release(ended)
        return self.text[before:]

    def _drop_cut_token(self) -> None:
        """The limit of tokens may have cut the control token short."""
        cut = _CUT_TOKEN.search(self._pending)
        if cut:
            self._pending = self._pending[: cut.start()]
            self._refused = self._refused or not (self._begun or any(map(str.isalnum, self._pending)))

    def _release(self, ended: bool) -> None:
        pending = self._pending
        self._begun = True
        held = None if ended else _UNDECIDED.search(pending)
        end = held.start() if held else len(pending)
        place = 0
        for match in _TOKEN.finditer(pending, 0, end):
            self._plain(pending[place : match.start()])
            place = match.start()
            in_code = bool(match["marker"]) and self._code.covers(pending[match.end() :], ended=ended)
            if in_code is None:
                end = place
                break
            if in_code:
                self._plain(match.group())
            else:
                self._special(match)
            place = match.end()
        self._plain(pending[place:end])
        self._pending = pending[end:]

    def _plain(self, text: str) -> None:
        self._code.text(text)
        self._show(text)

    def _special(self, match: re.Match[str]) -> None:
        if match["marker"]:
            self._cite(match["space"], [int(number) for number in _NUMBER.findall(match["marker"])])
        elif match["backticks"]:
            self._code.backticks(len(match.group()))
            self._show(match.group())
        elif match["line_end"]:
            self._code.line_end()
            self._show("\n")
        else:
            self._plain(neutralised(NO_EVIDENCE))

    def _cite(self, space: str, passages: list[int]) -> None:
        known = [passage for passage in passages if 1 <= passage <= self._passages]
        if not known:
            # Nothing may grow together over the gap into what was taken out elsewhere.
            self._show("\u200b" if _OPEN_ENDED.match(self.text[-1:]) else "")
            return
        self._code.text("[")
        self._show(space)
        for passage in known:
            if passage not in self.cited:
                self.cited.append(passage)
            number = self.cited.index(passage) + 1
            start = len(self.text)
            self._show(f"[{number}]")
            self.markers.append(Marker(start, len(self.text), number))

    def _show(self, text: str) -> None:
        after_marker = bool(self.markers) and self.markers[-1].end == len(self.text)
        if after_marker and self._line_has_words and text.startswith(":"):
            # A marker with words before it in its line defines no link.
            self.text, text = f"{self.text}:", text[1:]
        last = self.text[-1:]
        text = text if last else text.lstrip()
        self.text += _FETCHED.sub(" ", last + text)[len(last) :]
        _, line_end, line = text.rpartition("\n")
        self._line_has_words = any(map(str.isalpha, line)) or (self._line_has_words and not line_end)
