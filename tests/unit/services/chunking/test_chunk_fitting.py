"""The last count: no span stays too large, none overtakes another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.chunking.chunk_fitting import fit
from tests.fakes.tokenizer import FakeTokenizer


class LetterTokenizer(FakeTokenizer):
    """Each letter is three tokens, as in some byte-level vocabularies."""

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        self.characters += sum(map(len, texts))
        return [[place for place in range(1, len(text) + 1) for _ in range(3)] for text in texts]


def spans_of(text: str, spans: list[tuple[int, int]], max_tokens: int = 12) -> list[tuple[int, int]]:
    return [span for span, _ in fit(text, spans, LetterTokenizer(), max_tokens, 1_000)]


def test_spans_that_fit_are_kept_and_counted() -> None:
    assert fit("one two", [(0, 3), (4, 7)], LetterTokenizer(), 12, 100) == [((0, 3), 9), ((4, 7), 9)]


def test_white_space_at_the_ends_is_cut_off_and_blank_spans_dropped() -> None:
    assert spans_of("  one \n\n   two  ", [(0, 7), (7, 10), (10, 16)]) == [(2, 5), (11, 14)]


def test_a_span_that_is_too_large_is_parted() -> None:
    parts = spans_of("abcdefghij", [(0, 10)])
    assert "".join("abcdefghij"[start:end] for start, end in parts) == "abcdefghij"
    assert all(end - start <= 4 for start, end in parts)


def test_a_single_letter_of_many_tokens_is_left_alone() -> None:
    assert fit("abc", [(0, 3)], LetterTokenizer(), 2, 100) == [((0, 1), 3), ((1, 2), 3), ((2, 3), 3)]


def test_a_span_that_shared_words_with_a_parted_one_begins_after_it() -> None:
    parts = spans_of("abcdefghijkl", [(0, 8), (5, 12)])
    assert all(before[0] < after[0] and before[1] < after[1] for before, after in pairwise(parts))
    assert parts[-1][1] == 12


def test_a_span_inside_the_one_before_is_dropped() -> None:
    assert spans_of("abc", [(0, 3), (1, 3)]) == [(0, 3)]


TEXT = "ab cd\n\nefgh ij klmnop  qrs tuvwxyz 0123456789"


@given(
    st.lists(st.integers(1, len(TEXT) - 1), max_size=8, unique=True).map(sorted),
    st.integers(0, 6),
    st.sampled_from([3, 7, 12, 40]),
)
def test_all_words_are_kept_in_order_in_spans_that_fit(cuts: list[int], shared: int, max_tokens: int) -> None:
    places = [0, *cuts, len(TEXT)]
    spans = [(max(0, start - shared), end) for start, end in pairwise(places)]
    ascending = [span for place, span in enumerate(spans) if place == 0 or span[0] > spans[place - 1][0]]
    if len(ascending) < len(spans):
        return
    fitted = fit(TEXT, spans, LetterTokenizer(), max_tokens, 1_000)
    covered = {place for (start, end), _ in fitted for place in range(start, end)}
    assert [
        letter for place, letter in enumerate(TEXT) if place not in covered and not letter.isspace()
    ] == []
    assert all(count <= max_tokens for _, count in fitted)
    assert all(before[0][0] < after[0][0] for before, after in pairwise(fitted))
