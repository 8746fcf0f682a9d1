"""The smallest pieces that chunks are made of, measured in tokens."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lorebase.ports.tokenizer import Tokenizer
from lorebase.services.chunking.boundaries import Boundaries, Cut
from lorebase.services.chunking.graphemes import cut_after, cut_near

_PIECE_CHARACTERS = 4096
_PIECES_A_CALL = 32


@dataclass(slots=True)
class Atoms:
    """Atom `i` is `text[positions[i]:positions[i + 1]]`; `cuts[i]` says how good a cut before it is, and
    `tokens[i]` how many tokens all atoms before it have, by the tokenizer or, in parted words, about."""

    positions: array[int] = field(default_factory=lambda: array("Q"))
    cuts: bytearray = field(default_factory=bytearray)
    tokens: array[int] = field(default_factory=lambda: array("Q", [0]))

    def __len__(self) -> int:
        return len(self.cuts)

    def add(self, position: int, cut: int, tokens: int) -> None:
        """Adds the next atom."""
        self.positions.append(position)
        self.cuts.append(cut)
        self.tokens.append(self.tokens[-1] + tokens)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a text with the ends of its tokens; all offsets are those of the text."""

    text: str
    start: int
    ends: Sequence[int]

    def tokens_before(self, position: int) -> int:
        return bisect_right(self.ends, position - self.start)

    def end_of_token(self, number: int, otherwise: int) -> int:
        return self.start + self.ends[number - 1] if number <= len(self.ends) else otherwise


def measure(
    text: str, boundaries: Boundaries, tokenizer: Tokenizer, max_tokens: int, max_characters: int
) -> Atoms:
    """The pieces between boundaries, parted further where one is too large for a chunk."""
    atoms = Atoms()
    positions = array("Q", [*boundaries.positions, len(text)])
    for first, last, piece in _tokenized(text, positions, tokenizer):
        for index in range(first, last):
            start, end = positions[index], positions[index + 1]
            tokens = piece.tokens_before(end) - piece.tokens_before(start)
            if tokens <= max_tokens and end - start <= max_characters:
                atoms.add(start, boundaries.cuts[index], tokens)
                continue
            cut = boundaries.cuts[index]
            # Parts of an eighth can be packed evenly.
            for part, next_cut, count in _parts(
                piece, start, end, max(1, max_tokens // 8), max(1, max_characters // 8)
            ):
                atoms.add(part, cut, count)
                cut = next_cut
    atoms.positions.append(len(text))
    return atoms


def _tokenized(text: str, positions: array[int], tokenizer: Tokenizer) -> Iterator[tuple[int, int, _Piece]]:
    runs = list(_runs(positions))
    for place in range(0, len(runs), _PIECES_A_CALL):
        batch = runs[place : place + _PIECES_A_CALL]
        texts = [text[positions[first] : positions[last]] for first, last in batch]
        for (first, last), ends in zip(batch, tokenizer.token_ends(texts), strict=True):
            yield first, last, _Piece(text, positions[first], ends)


def _runs(positions: array[int]) -> Iterator[tuple[int, int]]:
    """Ranges of atoms that are up to 4,096 characters long together, or one that is longer alone."""
    first = 0
    for index in range(1, len(positions) - 1):
        if positions[index + 1] - positions[first] > _PIECE_CHARACTERS:
            yield first, index
            first = index
    yield first, len(positions) - 1


def _parts(
    piece: _Piece, start: int, end: int, step_tokens: int, step_characters: int
) -> Iterator[tuple[int, Cut, int]]:
    """Parts of an atom that is too large: start, how good the cut after it is, and its tokens."""
    position = start
    while position < end:
        before = piece.tokens_before(position)
        by_tokens = piece.end_of_token(before + step_tokens, otherwise=end)
        limit = min(max(by_tokens, position + 1), position + step_characters, end)
        after, cut = _cut(piece.text, position, limit, end) if limit < end else (end, Cut.WORD)
        # A parted word has a token more than its share.
        yield position, cut, piece.tokens_before(after) - before + (cut is Cut.ANYWHERE)
        position = after


def _cut(text: str, start: int, limit: int, end: int) -> tuple[int, Cut]:
    half = start + (limit - start) // 2
    space = max(text.rfind(mark, half, limit) for mark in (" ", "\n", "\t", "\u3000"))
    if space >= 0:
        return space + 1, Cut.WORD
    before = cut_near(text, limit, start)
    # `limit` again means that a cluster begins at `start` already: it ends further on.
    return (cut_after(text, limit, end) if before == limit else before), Cut.ANYWHERE
