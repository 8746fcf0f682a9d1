"""How atoms fill chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorebase.services.chunking.atoms import Atoms
from lorebase.services.chunking.boundaries import Cut
from lorebase.services.chunking.packing import Packer


def packer(
    sizes: list[int], cuts: dict[int, Cut] | None = None, *, max_tokens: int = 100, overlap: int = 0
) -> Packer:
    """Atoms of `sizes` tokens, two letters a token; every cut is between sentences unless told otherwise."""
    atoms = Atoms()
    position = 0
    for place, size in enumerate(sizes):
        atoms.add(position, (cuts or {}).get(place, Cut.SENTENCE), size)
        position += 2 * size
    atoms.positions.append(position)
    return Packer(atoms, max_tokens, max_tokens * 8, overlap)


def packed(sizes: list[int], cuts: dict[int, Cut] | None = None, **options: int) -> list[tuple[int, int]]:
    return list(packer(sizes, cuts, **options).pack(0, len(sizes)))


def test_what_fits_is_one_chunk() -> None:
    assert packed([50, 50]) == [(0, 2)]


def test_what_does_not_fit_is_shared_out_evenly() -> None:
    assert packed([10] * 15) == [(0, 8), (8, 15)]
    assert packed([10] * 21) == [(0, 7), (7, 14), (14, 21)]


def test_a_paragraph_is_worth_an_uneven_share() -> None:
    assert packed([10] * 15, {6: Cut.PARAGRAPH}) == [(0, 6), (6, 15)]


def test_a_heading_is_worth_more_than_a_paragraph() -> None:
    assert packed([10] * 15, {8: Cut.PARAGRAPH, 6: Cut.HEADING})[0] == (0, 6)


def test_a_paragraph_far_off_is_not_worth_a_scrap() -> None:
    assert packed([10] * 15, {1: Cut.PARAGRAPH})[0] == (0, 8)
    assert packed([10] * 11, {10: Cut.PARAGRAPH}) != [(0, 10), (10, 11)]


@pytest.mark.parametrize("poor", [Cut.AFTER_HEADING, Cut.ANYWHERE, Cut.WORD, Cut.WRAPPED_LINE])
def test_poor_places_are_avoided(poor: Cut) -> None:
    assert packed([10] * 15, {8: poor, 7: poor})[0] not in ((0, 8), (0, 7))


def test_characters_bound_a_chunk_as_tokens_do() -> None:
    atoms = Atoms()
    for place in range(4):
        atoms.add(place * 500, Cut.SENTENCE, 1)
    atoms.positions.append(2_000)
    assert list(Packer(atoms, 100, 800, 0).pack(0, 4)) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_neighbours_share_as_many_whole_sentences_as_allowed() -> None:
    assert packed([10] * 15, overlap=25)[1][0] == packed([10] * 15, overlap=25)[0][1] - 2
    assert packed([10] * 15, overlap=9)[1][0] == packed([10] * 15, overlap=9)[0][1]


def test_what_is_shared_begins_with_a_sentence() -> None:
    cuts = dict.fromkeys(range(1, 15), Cut.WORD) | {6: Cut.SENTENCE, 8: Cut.SENTENCE}
    first, second = packed([10] * 15, cuts, overlap=25)
    assert first == (0, 8)
    assert second[0] == 6


def test_nothing_is_shared_at_or_across_a_heading() -> None:
    assert packed([10] * 15, {8: Cut.HEADING}, overlap=25) == [(0, 8), (8, 15)]
    assert packed([10] * 15, {7: Cut.HEADING, 8: Cut.PARAGRAPH}, overlap=25)[1][0] >= 7


def test_what_would_be_shared_gives_way_to_a_large_sentence() -> None:
    assert packed([60, 20, 95, 10], overlap=25) == [(0, 2), (2, 3), (3, 4)]


SIZES = st.lists(st.integers(0, 100), min_size=1, max_size=60)
CUTS = st.dictionaries(st.integers(1, 59), st.sampled_from(Cut), max_size=30)


@given(SIZES, CUTS, st.integers(0, 25))
def test_every_atom_is_in_a_chunk_and_every_chunk_fits(
    sizes: list[int], cuts: dict[int, Cut], overlap: int
) -> None:
    made = packer(sizes, cuts, overlap=overlap)
    chunks = list(made.pack(0, len(sizes)))
    assert chunks[0][0] == 0
    assert chunks[-1][1] == len(sizes)
    for before, after in pairwise(chunks):
        assert before[0] < after[0] <= before[1] < after[1]
    assert all(made.fill(start, end) <= 1 for start, end in chunks)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
def test_there_are_hardly_more_chunks_than_needed_and_no_scraps(sizes: list[int]) -> None:
    chunks = packed(sizes)
    fills = [packer(sizes).fill(start, end) for start, end in chunks]
    assert len(chunks) <= sum(sizes) / 100 * 1.4 + 1
    assert len(chunks) == 1 or min(fills) >= 0.3
