"""Cuts text into words: whole and in parts for identifiers, pairs of characters for Chinese and Japanese.

Newer versions of the analyser also take scripts that leave no spaces between words in pairs.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from lorebase.services.keywords.keyword_languages import Script, ranges_of

# Longer runs are not words; cutting them keeps stemming and storage linear.
LONGEST_WORD = 64
LONGEST_IDENTIFIER = 512

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
# Thai and Lao, Myanmar, Hangul, Khmer: words stand without spaces, or with their particles, which no stemmer
# takes off.
_UNSPACED: tuple[tuple[int, int], ...] = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1100, 0x11FF),
    (0x1780, 0x17FF),
    (0x3130, 0x318F),
    (0xA960, 0xA97F),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0xAC00, 0xD7FF),
    (0xFFA0, 0xFFDC),
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Word(NamedTuple):
    """A word where it stands in the text (code points, end exclusive) and the forms it is found by.

    `forms` are casefolded; those of `pairs` are pairs of characters, which are never stemmed.
    """

    start: int
    end: int
    forms: tuple[str, ...]
    pairs: bool = False


def words(text: str) -> Iterator[Word]:
    """Words in reading order. Never raises, whatever the text holds; linear in its length."""
    return _words(text, _spelled)


def words_and_pairs(text: str) -> Iterator[Word]:
    """The same, but that runs of scripts without spaces are cut into pairs of characters with their marks."""
    return _words(text, _spelled_or_paired)


def _words(text: str, spelled: Callable[[str, int], Iterator[Word]]) -> Iterator[Word]:
    for match in _word_pattern().finditer(text):
        raw = match.group()
        if not raw.isascii():
            yield from _runs(raw, match.start(), spelled)
        elif forms := _spelled_forms(raw[:LONGEST_IDENTIFIER]):
            yield Word(match.start(), match.end(), forms)


@cache
def _word_pattern() -> re.Pattern[str]:
    # `\w` leaves out combining marks, and with them the vowels of Indic and Thai words.
    marks = _ranges("Mn", "Mc")
    return re.compile(rf"[\w{marks}\u00ad\u200c\u200d]+")


def _ranges(*categories: str) -> str:
    points = [point for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) in categories]
    starts = [point for before, point in pairwise([-2, *points]) if point != before + 1]
    ends = [point for point, after in pairwise([*points, -2]) if after != point + 1]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


def _runs(raw: str, offset: int, spelled: Callable[[str, int], Iterator[Word]]) -> Iterator[Word]:
    """Splits where Han and Kana meet other scripts."""
    for match in _run_pattern().finditer(raw):
        cut = _pairs if match.lastgroup == "east_asian" else spelled
        yield from cut(match.group(), offset + match.start())


@cache
def _run_pattern() -> re.Pattern[str]:
    ranges = "".join(f"{chr(start)}-{chr(end)}" for start, end in ranges_of(Script.HAN, Script.KANA))
    return re.compile(rf"(?P<east_asian>[{ranges}]+)|(?P<spelled>[^{ranges}]+)")


def _pairs(run: str, offset: int) -> Iterator[Word]:
    folded = unicodedata.normalize("NFKC", run)
    if len(folded) != len(run):
        # Half-width voiced Kana are joined, so the pairs no longer have places of their own.
        yield Word(offset, offset + len(run), _joined_pairs(folded), pairs=True)
        return
    if len(run) == 1:
        yield Word(offset, offset + 1, (folded,), pairs=True)
    for index in range(len(run) - 1):
        yield Word(offset + index, offset + index + 2, (folded[index : index + 2],), pairs=True)


def _joined_pairs(folded: Sequence[str]) -> tuple[str, ...]:
    return tuple(map("".join, pairwise(folded))) or ("".join(folded),)


def _spelled(run: str, offset: int) -> Iterator[Word]:
    forms = _spelled_forms(run[:LONGEST_IDENTIFIER])
    if forms:
        yield Word(offset, offset + len(run), forms)


def _spelled_or_paired(run: str, offset: int) -> Iterator[Word]:
    for match in _unspaced_pattern().finditer(run):
        cut = _cluster_pairs if match.lastgroup == "unspaced" else _spelled
        yield from cut(match.group(), offset + match.start())


@cache
def _unspaced_pattern() -> re.Pattern[str]:
    ranges = "".join(f"{chr(start)}-{chr(end)}" for start, end in _UNSPACED)
    return re.compile(rf"(?P<unspaced>[{ranges}]+)|(?P<spelled>[^{ranges}]+)")


def _cluster_pairs(run: str, offset: int) -> Iterator[Word]:
    """Pairs of characters, each with the marks that follow it, in normal form."""
    folded = unicodedata.normalize("NFKC", run)
    found = list(_cluster_pattern().finditer(folded))
    parts = [unicodedata.normalize("NFKC", character) for character in run]
    if "".join(parts) != folded:
        # Decomposed Hangul is composed, so the pairs no longer have places of their own.
        forms = _joined_pairs([match.group() for match in found])
        yield Word(offset, offset + len(run), forms, pairs=True)
        return
    places = [offset + place for place, part in enumerate(parts) for _ in part]
    if len(found) == 1:
        yield Word(offset, offset + len(run), (folded,), pairs=True)
    for one, other in pairwise(found):
        start, end = places[one.start()], places[other.end() - 1] + 1
        yield Word(start, end, (one.group() + other.group(),), pairs=True)


@cache
def _cluster_pattern() -> re.Pattern[str]:
    marks = _ranges("Mn", "Mc")
    return re.compile(rf"[^{marks}][{marks}]*|[{marks}]+")


@lru_cache(maxsize=1 << 15)
def _spelled_forms(run: str) -> tuple[str, ...]:
    whole = unicodedata.normalize("NFKC", run).translate(_INVISIBLE).strip("_")
    parts = [part for piece in whole.split("_") for part in _CAMEL.split(piece) if part]
    return _forms([whole, *parts] if len(parts) > 1 else parts)


def _forms(pieces: list[str]) -> tuple[str, ...]:
    folded = (unicodedata.normalize("NFKC", piece.casefold())[:LONGEST_WORD] for piece in pieces)
    return tuple(form for form in folded if form)
