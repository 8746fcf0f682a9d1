"""Cuts a passage into sentences that can be quoted, and tells prose from headings, tables and code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

LONGEST_SENTENCE = 500
LONGEST_PASSAGE = 20_000


class Kind(Enum):
    """What a piece of text is; only prose is quoted gladly."""

    PROSE = "prose"
    QUESTION = "question"
    HEADING = "heading"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence or a line, taken verbatim from its passage but for white space made single spaces."""

    text: str
    kind: Kind


_FENCE = re.compile(r"\s*(```|~~~)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+")
_UNDERLINE = re.compile(r"\s*(={3,}|-{3,}|~{3,}|\^{3,})\s*$")
_BULLET = re.compile(r"\s*(?:[-*+•–]|\d{1,3}[.)])\s+")
_TABLE = re.compile(r"(?:[^|]*\|){2}|(?:[^\t]*\t){2}|\s*[|:+=\s-]{3,}$")
_CODE_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.|\$|%)\s")
_CODE_CHARACTERS = re.compile(r"[{}()\[\]=<>;\\&$@+*\"'_]")
_WIDE_END = r"[。！？｡]+[”’」』）]*"
# The look-behind keeps it linear: a run of marks is tried once, not from each of them.
_END = re.compile(rf"(?<![.!?…])[.!?…]+[\"'”’)\]»]*(?=\s)|{_WIDE_END}")
_CLOSED = re.compile(r"[.!?…:;,。！？：；，、]\W{0,4}$")
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]")
_ABBREVIATED = """
    approx bros ca cf co col corp dept dr e.g eg esp est etc ed eds fig figs gen gov hon i.e ie inc jr lt ltd
    messrs mr mrs ms mt no nos op p pp prof rep rev sec sen sgt sr st v vol vs"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())


def split_pieces(passage: str) -> list[Piece]:
    """Every quotable piece of `passage` in its order; fragments such as "Note:" are left out."""
    pieces: list[Piece] = []
    for block, kind in _blocks(passage):
        for sentence in _sentences(block) if kind is Kind.PROSE else [block]:
            text = " ".join(sentence.split())
            if not _is_fragment(text):
                pieces.extend(_cut(text, _kind_of(text, kind)))
    return pieces


def _blocks(passage: str) -> Iterator[tuple[str, Kind]]:
    """Paragraphs, list items, headings, table rows and lines of code."""
    prose: list[str] = []
    fenced = False
    for line in [*passage[:LONGEST_PASSAGE].split("\n"), ""]:
        fence = _FENCE.match(line) is not None
        kind = Kind.CODE if fenced or fence else _line_kind(line)
        bullet = _BULLET.match(line) if kind is Kind.PROSE else None
        if prose and (kind is not Kind.PROSE or bullet or not line.strip() or _stands_alone(prose, line)):
            yield _paragraph(prose, followed_by=line)
            prose = []
        if kind is Kind.PROSE and line.strip():
            prose.append(line[bullet.end() :] if bullet else line)
        elif kind is not Kind.PROSE and not fence:
            heading = _HEADING.match(line)
            yield line[heading.end() :] if heading else line, kind
        fenced ^= fence
    if prose:
        yield _paragraph(prose, followed_by="")


def _line_kind(line: str) -> Kind:
    if _HEADING.match(line):
        return Kind.HEADING
    if _CODE_PROMPT.match(line):
        return Kind.CODE
    if line.strip() and _TABLE.match(line):
        return Kind.TABLE
    return Kind.CODE if _looks_like_code(line) else Kind.PROSE


def _looks_like_code(line: str) -> bool:
    indented = line.startswith(("    ", "\t"))
    signs = len(_CODE_CHARACTERS.findall(line))
    return signs >= 2 and signs > len(line.strip()) * (0.06 if indented else 0.16)


def _stands_alone(prose: list[str], line: str) -> bool:
    """Whether the only line so far is a title: short, open-ended, followed by a new beginning."""
    first = prose[0].strip()
    starts = line.lstrip()[:1]
    return len(prose) == 1 and len(first) <= 60 and not _CLOSED.search(first) and not starts.islower()


def _paragraph(lines: list[str], followed_by: str) -> tuple[str, Kind]:
    text = "\n".join(lines)
    title = len(lines) == 1 and len(text.strip()) <= 100 and not _CLOSED.search(text)
    is_heading = _UNDERLINE.match(followed_by) or (title and not _UNSPACED.search(text))
    return text, Kind.HEADING if is_heading else Kind.PROSE


def _sentences(block: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(block):
        if not _goes_on(block, start, match):
            yield block[start : match.end()]
            start = match.end()
    yield block[start:]


def _goes_on(block: str, start: int, match: re.Match[str]) -> bool:
    """Whether the full stop belongs to an abbreviation, an initial or an unfinished sentence."""
    following = block[match.end() : match.end() + 80].lstrip()[:1]
    if following.islower():
        return True
    if match.group() != ".":
        return False
    before = block[max(start, match.start() - 20) : match.start()].split()
    word = before[-1].lstrip("(\"'“‘[").casefold() if before else ""
    return (
        word in _ABBREVIATIONS
        or (len(word) == 1 and word.isalpha())
        or bool(re.fullmatch(r"(\w\.)+\w", word))
    )


def _kind_of(text: str, kind: Kind) -> Kind:
    is_question = kind in (Kind.PROSE, Kind.HEADING) and text.endswith(("?", "？"))
    return Kind.QUESTION if is_question else kind


def _is_fragment(text: str) -> bool:
    if _UNSPACED.search(text):
        return len(text) < 4
    words = len(_WORD.findall(text))
    return words < 3 or (words < 8 and text.endswith(":"))


def _cut(text: str, kind: Kind) -> Iterator[Piece]:
    """Text without an end in sight is cut between words."""
    while len(text) > LONGEST_SENTENCE:
        space = text.rfind(" ", 1, LONGEST_SENTENCE)
        end = space if space > 0 else LONGEST_SENTENCE
        yield Piece(text[:end], kind)
        text = text[end:].strip()
    if text:
        yield Piece(text, kind)
