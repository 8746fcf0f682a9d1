"""Marks the words of a query in a passage, by the same analysis that found it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lorebase.schemas.search import TextRange
from lorebase.services.keywords.keywords import KeywordAnalyser

HIGHLIGHTS_MAXIMUM = 50


class Highlighter:
    """Finds one query's words in many passages; with several analysers what any of them finds."""

    def __init__(self, analysers: Sequence[KeywordAnalyser], query: str) -> None:
        asked = [(analyser, analyser.query_stems(query)) for analyser in analysers]
        self._asked = [(analyser, wanted) for analyser, wanted in asked if wanted]

    def highlights(self, text: str) -> tuple[TextRange, ...]:
        """Ranges in code points of the text, in order and apart, at most 50."""
        found = _apart(sorted(match for asked in self._asked for match in _matches(text, *asked)))
        return tuple(TextRange(start=start, end=end) for start, end in found[:HIGHLIGHTS_MAXIMUM])


def _matches(text: str, analyser: KeywordAnalyser, wanted: frozenset[str]) -> Iterator[tuple[int, int]]:
    for word, terms in analyser.analysed(text, None):
        if not wanted.isdisjoint(terms):
            yield word.start, word.end


def _apart(matches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs of characters overlap: 東京 and 京都 are one range."""
    found: list[tuple[int, int]] = []
    for start, end in matches:
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
