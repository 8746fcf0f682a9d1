"""Marks the words of a query in a passage, by the same analysis that found it."""

from __future__ import annotations

from collections.abc import Iterator

from lorebase.schemas.search import TextRange
from lorebase.services.keywords import KeywordAnalyser

HIGHLIGHTS_MAXIMUM = 50


class Highlighter:
    """Finds one query's words in many passages."""

    def __init__(self, analyser: KeywordAnalyser, query: str) -> None:
        self._analyser = analyser
        self._wanted = analyser.query_stems(query)

    def highlights(self, text: str) -> tuple[TextRange, ...]:
        """Ranges in code points of the text, in order and apart, at most 50."""
        found = list(self._matches(text)) if self._wanted else []
        return tuple(TextRange(start=start, end=end) for start, end in found[:HIGHLIGHTS_MAXIMUM])

    def _matches(self, text: str) -> Iterator[tuple[int, int]]:
        start = end = -1
        for word, terms in self._analyser.analysed(text, None):
            if self._wanted.isdisjoint(terms):
                continue
            # Pairs of characters overlap: 東京 and 京都 are one range.
            if word.start < end:
                end = word.end
                continue
            if end >= 0:
                yield start, end
            start, end = word.start, word.end
        if end >= 0:
            yield start, end
