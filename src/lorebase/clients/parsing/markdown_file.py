"""Markdown: kept as it stands, with its headings found."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lorebase.clients.parsing.cleaning import check_length, clean, one_line
from lorebase.clients.parsing.decoding import decode
from lorebase.clients.parsing.extraction import Extraction, Heading, Limits

_LINE = re.compile(r"[^\n]*+\n?")
_FENCE = re.compile(r" {0,3}(`{3,}+|~{3,}+)")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]++(.*+))?$")
_SETEXT = re.compile(r" {0,3}(=++|-{2,}+)[ \t]*+$")
_NOT_A_PARAGRAPH = re.compile(r"[ \t]*+(?:[>|]|[\-*+][ \t]|\d{1,9}[.)][ \t]|$)|\t| {4}")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title[ \t]*:[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\](?:\([^()]{0,1000}\)|\[[^\[\]]{0,300}\])")
_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]{0,200}\}\s*$")
_MARKS = re.compile(r"[*`]{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)|</?[a-zA-Z][^<>]{0,200}>")


def parse_markdown(content: bytes, limits: Limits) -> Extraction:
    """The text unchanged; its title is that of the front matter or else its first top heading."""
    decoded, warnings = decode(content)
    text = clean(decoded)
    check_length(len(text), limits.max_characters)
    front = _FRONT_MATTER.match(text)
    headings = _headings(text, front.end() if front else 0)
    named = _FRONT_TITLE.search(front.group(1)) if front else None
    title = one_line(named.group(1)).strip("\"'") if named else None
    if not title and headings and headings[0].level == min(heading.level for heading in headings):
        title = headings[0].title
    return Extraction(text, title=title, headings=headings, warnings=warnings)


def _headings(text: str, start: int) -> list[Heading]:
    scan = _Scan()
    for match in _LINE.finditer(text, start):
        scan.line(match.group().rstrip("\n"), match.start())
    return scan.headings


@dataclass
class _Scan:
    """One pass over the lines (CommonMark 0.31, 4.2, 4.3 and 4.5)."""

    headings: list[Heading] = field(default_factory=list)
    fence: str = ""
    comment: bool = False
    paragraph: tuple[int, str] | None = None
    lines_of_paragraph: int = 0

    def line(self, line: str, start: int) -> None:
        if self._in_fence_or_comment(line):
            self.paragraph = None
            return
        atx = _ATX.match(line)
        underline = _SETEXT.match(line)
        if atx:
            self._add(start + atx.start(1), start + len(line.rstrip()), len(atx.group(1)), atx.group(2) or "")
            self.paragraph = None
        elif underline and self.paragraph and self.lines_of_paragraph == 1:
            begin, words = self.paragraph
            self._add(begin, begin + len(words), 1 if underline.group(1)[0] == "=" else 2, words)
            self.paragraph = None
        elif _NOT_A_PARAGRAPH.match(line):
            self.paragraph = None
        else:
            self.lines_of_paragraph = self.lines_of_paragraph + 1 if self.paragraph else 1
            indent = len(line) - len(line.lstrip())
            self.paragraph = (start + indent, line.strip())

    def _in_fence_or_comment(self, line: str) -> bool:
        if self.comment:
            self.comment = "-->" not in line
            return True
        mark = _FENCE.match(line)
        if self.fence:
            if mark and mark.group(1).startswith(self.fence) and not line.strip().strip(self.fence[0]):
                self.fence = ""
            return True
        if mark and not (mark.group(1)[0] == "`" and "`" in line[mark.end() :]):
            self.fence = mark.group(1)
            return True
        self.comment = line.lstrip().startswith("<!--") and "-->" not in line
        return self.comment

    def _add(self, start: int, end: int, level: int, words: str) -> None:
        title = _plain(words)
        if title and end > start:
            self.headings.append(Heading(start, end, level, title))


def _plain(words: str) -> str:
    words = _ATTRIBUTES.sub("", one_line(words, 1000).rstrip())
    closed = words.rstrip("#")
    if closed != words and (not closed or closed[-1].isspace()):
        words = closed
    return one_line(_MARKS.sub("", _LINK.sub(r"\1", words)))
