"""The last word on a chunk's size: counts its tokens as the model will, and parts it if they are too many."""

from __future__ import annotations

from collections.abc import Sequence

from lorebase.ports.tokenizer import Tokenizer
from lorebase.services.chunking.graphemes import cut_near

Span = tuple[int, int]
_CHUNKS_A_CALL = 128


def fit(
    text: str, spans: Sequence[Span], tokenizer: Tokenizer, max_tokens: int, max_characters: int
) -> list[tuple[Span, int]]:
    """The spans without white space at their ends and without blank ones, each with its number of tokens.

    Words parted by a cut may have more tokens than their share; a span that so grew too large is parted once
    more, at places that its own tokens give.
    """
    counts: dict[Span, int] = {}
    current = _ascending(text, spans)
    while True:
        parted = _count(text, current, counts, tokenizer, max_tokens)
        if not parted:
            return [(span, counts[span]) for span in current]
        current = _ascending(text, [part for span in current for part in parted.get(span, [span])])


def _count(
    text: str, spans: list[Span], counts: dict[Span, int], tokenizer: Tokenizer, max_tokens: int
) -> dict[Span, list[Span]]:
    """Counts the spans that are not yet counted; returns the parts of those that are too large."""
    parted: dict[Span, list[Span]] = {}
    unknown = [span for span in spans if span not in counts]
    for place in range(0, len(unknown), _CHUNKS_A_CALL):
        batch = unknown[place : place + _CHUNKS_A_CALL]
        for span, ends in zip(batch, tokenizer.token_ends([text[a:b] for a, b in batch]), strict=True):
            counts[span] = len(ends)
            if len(ends) > max_tokens and span[1] - span[0] > 1:
                parted[span] = _parts(text, span, ends, max_tokens)
    return parted


def _parts(text: str, span: Span, ends: list[int], max_tokens: int) -> list[Span]:
    start, end = span
    step = max(1, max_tokens * 3 // 4)
    wanted = [start + ends[place] for place in range(step - 1, len(ends) - 1, step)]
    cuts = [start]
    for place in wanted:
        cut = cut_near(text, min(place, end - 1), cuts[-1])
        if cut > cuts[-1]:
            cuts.append(cut)
    if len(cuts) == 1:
        cuts.append(start + (end - start) // 2)
    return list(zip(cuts, [*cuts[1:], end], strict=True))


def _ascending(text: str, spans: Sequence[Span]) -> list[Span]:
    ascending: list[Span] = []
    for start, end in spans:
        previous = ascending[-1] if ascending else (-1, -1)
        # Where the words to be shared were parted, the span begins after the last part instead.
        first, last = _trimmed(text, previous[1] if start <= previous[0] else start, end)
        if first < last and last > previous[1]:
            ascending.append((first, last))
    return ascending


def _trimmed(text: str, start: int, end: int) -> Span:
    words = text[start:end]
    first = start + len(words) - len(words.lstrip())
    return first, first + len(words.strip())
