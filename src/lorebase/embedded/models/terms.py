"""The words of a text that carry meaning, folded so that question and answer meet."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import Stemmer  # type: ignore[import-not-found]

# Scripts written without spaces are compared by pairs of characters instead of words.
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_UNSPACED_RUN = re.compile(rf"[{_UNSPACED}]")

_STOP_WORDS = """
    a about all also am an and any are as at be been being but by can could did do does doing during
    each for from had has have having he her hers him his how i if in into is it its itself just may
    me might more most much must my no nor not of off on one only or other our out over own same she
    should so some such than that the their them then there these they this those through to too
    under until up us very was we were what when where which while who whom whose why will with
    would you your"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def terms(text: str) -> frozenset[str]:
    """The distinct meaningful terms of `text`: stems of words, or pairs of characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    # A stemmer keeps a cache that is not safe to share between threads; making one is cheap.
    stem = Stemmer.Stemmer("english").stemWord
    found: set[str] = set()
    for word in _WORD.findall(folded):
        if _UNSPACED_RUN.match(word):
            found.update(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif word not in STOP_WORDS:
            found.add(stem(word))
    return frozenset(found)


def rarity(documents: Iterable[frozenset[str]]) -> dict[str, float]:
    """How telling each term is among `documents`: BM25's inverse document frequency (Robertson, 2009)."""
    collected = list(documents)
    counts = Counter(term for document in collected for term in document)
    total = len(collected)
    return {term: math.log(1 + (total - n + 0.5) / (n + 0.5)) for term, n in counts.items()}
