"""Fills chunks with atoms: as full as fits, as even as possible, cut where it is most natural."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from lorebase.services.chunking.atoms import Atoms
from lorebase.services.chunking.boundaries import Cut

# What a natural cut is worth, in chunk lengths that it may miss the ideal length by.
_WORTH = {
    Cut.AFTER_HEADING: -0.6,
    Cut.ANYWHERE: -0.1,
    Cut.WORD: 0.0,
    Cut.WRAPPED_LINE: 0.05,
    Cut.INDENTED_BLOCK: 0.25,
    Cut.SENTENCE: 0.25,
    Cut.LINE: 0.3,
    Cut.PARAGRAPH: 0.45,
    Cut.HEADING: 0.65,
    Cut.SECTION: 0.75,
}
_WORTH_OF = [_WORTH[cut] for cut in Cut]
_LEAST_FILL = 0.35
_RUNT = 0.15
_RUNT_PENALTY = 0.6


@dataclass(frozen=True, slots=True)
class Packer:
    """Cuts ranges of atoms into chunks of at most `max_tokens` and `max_characters`; neighbours share whole
    sentences of about `overlap_tokens`, but never across a heading."""

    atoms: Atoms
    max_tokens: int
    max_characters: int
    overlap_tokens: int

    def pack(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The chunks of atoms `first` to `last`, as ranges of atoms. Each atom is looked at a few times."""
        start = fresh = first
        while fresh < last:
            end = self._end(start, fresh, last)
            if end <= fresh:
                # An atom so large that what it should share does not fit beside it.
                start = fresh
                end = self._end(start, fresh, last)
            yield start, end
            start = end if end == last else self._overlap(start, end)
            fresh = end

    def fill(self, start: int, end: int) -> float:
        """How full a chunk of these atoms is: 1.0 is as much as it may hold."""
        tokens = self.atoms.tokens[end] - self.atoms.tokens[start]
        characters = self.atoms.positions[end] - self.atoms.positions[start]
        return max(tokens / self.max_tokens, characters / self.max_characters)

    def _end(self, start: int, fresh: int, last: int) -> int:
        rest = self.fill(start, last)
        if rest <= 1:
            return last
        limit = self._furthest(start, last)
        if limit <= fresh + 1:
            return max(limit, fresh if start < fresh else fresh + 1)
        # An even share of what is left, so that no scrap remains for the last chunk.
        chunks = int(rest / 0.97) + 1
        target = rest / chunks
        best, best_score = limit, -9.0
        for end in range(limit, fresh, -1):
            fill = self.fill(start, end)
            if fill < _LEAST_FILL and best_score > -9:
                break
            score = _WORTH_OF[self.atoms.cuts[end]] - abs(fill - target)
            if 0 < self.fill(end, last) < _RUNT:
                score -= _RUNT_PENALTY
            if score > best_score:
                best, best_score = end, score
        return best

    def _furthest(self, start: int, last: int) -> int:
        tokens, positions = self.atoms.tokens, self.atoms.positions
        by_tokens = bisect_right(tokens, tokens[start] + self.max_tokens, start, last + 1) - 1
        by_characters = bisect_right(positions, positions[start] + self.max_characters, start, last + 1) - 1
        return min(by_tokens, by_characters, last)

    def _overlap(self, start: int, end: int) -> int:
        """Where the chunk after `end` begins: some whole sentences before it."""
        if self.atoms.cuts[end] >= Cut.HEADING or self.atoms.cuts[end] == Cut.AFTER_HEADING:
            return end
        shared = end
        least = self.atoms.tokens[end] - self.overlap_tokens
        for place in range(end - 1, start, -1):
            if self.atoms.tokens[place] < least or self.atoms.cuts[place] >= Cut.HEADING:
                break
            if self.atoms.cuts[place] >= Cut.SENTENCE:
                shared = place
        return shared
