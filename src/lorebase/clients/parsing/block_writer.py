"""Builds the text of a structured document: blocks, breaks between them, headings and pages with offsets."""

from __future__ import annotations

from lorebase.clients.parsing.cleaning import check_length, clean, one_line
from lorebase.clients.parsing.extraction import Extraction, Heading, Page


class BlockWriter:
    """Collects words and breaks; breaks are written only between words, so none are doubled or trailing."""

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters
        self._pieces: list[str] = []
        self._length = 0
        self._break = 0
        self._space = False
        self._bars = 0
        self._prefix = ""
        self._heading: tuple[int, int, int] | None = None
        self._headings: list[Heading] = []
        self._pages: list[Page] = []

    def separate(self, line_feeds: int) -> None:
        """Asks for 1 (a new line) or 2 (a new paragraph) line feeds before the next words."""
        self._break = max(self._break, line_feeds)

    def prefix(self, mark: str) -> None:
        """Puts `mark`, such as a bullet, before the next words; dropped if none come."""
        self._prefix = mark

    def words(self, text: str) -> None:
        """Adds running text; any white space in it counts as one space."""
        text = clean(text)
        core = " ".join(text.split())
        if not core:
            self._space = self._space or bool(text)
            return
        self._space = self._space or text[0].isspace()
        self._emit(core)
        self._space = text[-1].isspace()

    def verbatim(self, text: str) -> None:
        """Adds text whose lines and spaces matter, such as code."""
        core = clean(text).strip("\n").rstrip()
        if core:
            self._emit(core)

    def cell(self) -> None:
        """The next words are another cell of the row, after a bar; the first of a line has none."""
        if self._length and not self._break:
            self._bars += 1

    def open_heading(self, level: int) -> None:
        """The next words are a heading of `level`, until `close_heading`."""
        self._heading = (level, -1, len(self._pieces))

    def close_heading(self, title: str | None = None) -> None:
        """Ends the heading, called `title` or else by its own words."""
        if self._heading and self._heading[1] >= 0:
            level, start, piece = self._heading
            words = one_line(title or "".join(self._pieces[piece:]))
            self._headings.append(Heading(start, self._length, level, words))
        self._heading = None

    def open_page(self, number: int) -> None:
        """What follows is on page `number`; it begins where the last page ended."""
        self._pages.append(Page(self._length, number))

    def finish(self) -> Extraction:
        """The text with its headings and pages."""
        return Extraction("".join(self._pieces), headings=self._headings, pages=self._pages)

    def _emit(self, core: str) -> None:
        if self._break and self._length:
            self._write("\n" * self._break)
        elif self._bars:
            self._write(" |" * self._bars + " ")
        elif self._space and self._length:
            self._write(" ")
        self._break, self._space, self._bars = 0, False, 0
        if self._heading and self._heading[1] < 0:
            self._heading = (self._heading[0], self._length, len(self._pieces))
        if self._prefix:
            self._write(self._prefix)
            self._prefix = ""
        self._write(core)

    def _write(self, piece: str) -> None:
        self._length += len(piece)
        check_length(self._length, self._max_characters)
        self._pieces.append(piece)
