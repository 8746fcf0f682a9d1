"""Where sentences end, in one pass whatever the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from lorebase.services.chunking.graphemes import continues_cluster

# Possessive throughout: each match is final, so no text makes the search look twice.
_STOPS = re.compile("[.!?…。！？｡．؟۔।॥።]++[\"'”’»)\\]」』】）》〉]*+")
_WIDE_STOPS = frozenset("。！？｡．")
_ABBREVIATIONS = (
    "e.g i.e cf vs mr mrs ms dr prof st sr jr fig figs eq eqs no nos vol pp p ch sec approx ca etc al resp "
    "dept univ inc ltd corp co gen col lt sgt capt rev hon ed eds trans jan feb mar apr jun jul aug sep sept "
    "oct nov dec bzw z.b d.h u.a usw vgl nr abb bspw ggf inkl sog str m.a.w bijv blz art núm pág ej sra dra"
)
_NOT_THE_END = frozenset(_ABBREVIATIONS.split())
_LAST_WORD = re.compile(r"[\w.]{1,12}\Z")
_SPACE = re.compile(r"\s*+")


def sentence_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Offsets in `text[start:end]` where a new sentence begins, ascending, without `start` itself.

    Full stops after abbreviations, initials and list numbers, or before a small letter, end nothing.
    """
    for match in _STOPS.finditer(text, start, end):
        following = _next_word(text, match, end)
        if following is not None and following < end:
            yield following


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of every sentence of `text`, without the white space around it; lines do not count."""
    cuts = [0, *sentence_starts(text, 0, len(text)), len(text)]
    spans = []
    for start, end in pairwise(cuts):
        words = text[start:end].strip()
        if words:
            first = start + (end - start - len(text[start:end].lstrip()))
            spans.append((first, first + len(words)))
    return spans


def _next_word(text: str, match: re.Match[str], end: int) -> int | None:
    after = match.end()
    if after >= end:
        return None
    wide = match.group()[0] in _WIDE_STOPS
    space = _SPACE.match(text, after, end)
    following = space.end() if space else after
    if following == after and not wide:
        return None
    if following >= end or continues_cluster(text, following):
        return None
    return following if wide or _ends_sentence(text, match, following) else None


def _ends_sentence(text: str, match: re.Match[str], following: int) -> bool:
    if text[following].islower():
        return False
    if not match.group().startswith(".") or match.group().startswith(".."):
        return True
    word = _LAST_WORD.search(text, max(0, match.start() - 12), match.start())
    if word is None:
        return True
    last = word.group()
    initial = len(last) == 1 and last.isalpha() and last.isupper()
    number_of_item = last.isdigit() and text[max(0, word.start() - 1) : word.start()] in ("", "\n")
    return not (initial or number_of_item or last.lower() in _NOT_THE_END)
