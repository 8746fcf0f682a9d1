"""Copies are grouped around the best of them, whatever else there is."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from lorebase.schemas.documents import Chunk
from lorebase.services.search.copies import CopyGroups
from lorebase.services.search.near_copies import RESEMBLANCE, Sense
from tests.factories import make_chunk

PARTS = (
    "Every keeper of a lighthouse writes down which ships pass by, from where and where to, and how.",
    "Lamps are cleaned every morning, filled every evening, and watched by turns until the sun rises.",
    "Letters come by boat with food, oil and coal; when storms last, keepers live on what stores still hold.",
)
ENDS = (
    "",
    " Bristol",
    " Cardiff harbour",
    " not",
    " 7",
    " 8",
    " 2024-05-03",
    " 2025-06-04",
    ".",
    " Oil, lamps",
)

# Texts of one to three parts in some order, with ends that matter and ends that do not.
texts = st.builds(
    lambda parts, end: " ".join(parts) + end,
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=3, unique=True),
    st.sampled_from(ENDS),
)
ranked = st.lists(st.tuples(texts, st.floats(0, 1)), max_size=25)


def passages(drawn: Sequence[tuple[str, float]]) -> list[tuple[float, Chunk]]:
    """Passages with their scores; ids follow the order in which they were drawn."""
    return [
        (score, make_chunk(id=UUID(int=number + 1), text=text)) for number, (text, score) in enumerate(drawn)
    ]


def grouped(ordered: Sequence[Chunk]) -> dict[UUID, list[UUID]]:
    """Those that stand for themselves, each with its copies."""
    groups, found = CopyGroups(), dict[UUID, list[UUID]]()
    for chunk in ordered:
        copy = groups.add(chunk)
        found.setdefault(copy.of if copy else chunk.id, []).extend([chunk.id] if copy else [])
    return found


def best_first(scored: Sequence[tuple[float, Chunk]]) -> list[Chunk]:
    return [chunk for _, chunk in sorted(scored, key=lambda pair: (-pair[0], pair[1].id))]


@given(ranked, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_in_which_passages_were_found(
    drawn: list[tuple[str, float]], random: object
) -> None:
    scored = passages(drawn)
    shuffled = list(scored)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert grouped(best_first(shuffled)) == grouped(best_first(scored))


@given(ranked)
def test_the_best_of_a_group_stands_for_it_and_nothing_is_lost(drawn: list[tuple[str, float]]) -> None:
    scored = passages(drawn)
    scores = {chunk.id: score for score, chunk in scored}
    groups = grouped(best_first(scored))
    assert sorted([*groups, *(copy for copies in groups.values() for copy in copies)]) == sorted(scores)
    for best, copies in groups.items():
        assert all(scores[best] >= scores[copy] for copy in copies)


@given(ranked)
def test_what_stands_for_itself_stands_for_itself_again(drawn: list[tuple[str, float]]) -> None:
    ordered = best_first(passages(drawn))
    kept = [chunk for chunk in ordered if chunk.id in grouped(ordered)]
    assert grouped(kept) == {chunk.id: [] for chunk in kept}


@given(ranked)
def test_the_groups_are_those_of_comparing_every_pair(drawn: list[tuple[str, float]]) -> None:
    ordered = best_first(passages(drawn))
    expected: dict[UUID, list[UUID]] = {}
    senses = {chunk.id: Sense(chunk) for chunk in ordered}
    for chunk in ordered:
        near = (best for best in expected if senses[best].is_near(senses[chunk.id]))
        best = next(near, None)
        if best is None:
            expected[chunk.id] = []
        else:
            expected[best].append(chunk.id)
    assert grouped(ordered) == expected


@given(ranked, st.integers(0, 25))
def test_what_comes_later_changes_no_group_before_it(drawn: list[tuple[str, float]], count: int) -> None:
    ordered = best_first(passages(drawn))
    whole, part = grouped(ordered), grouped(ordered[:count])
    assert list(whole)[: len(part)] == list(part)
    assert all(whole[best][: len(copies)] == copies for best, copies in part.items())


@given(texts, st.integers(2, 9))
def test_equal_words_always_collapse(text: str, count: int) -> None:
    same = [make_chunk(text=f" {text.upper()}\n" if number % 2 else text) for number in range(count)]
    assert grouped(same) == {same[0].id: [chunk.id for chunk in same[1:]]}


def test_a_chain_of_small_changes_does_not_join_its_ends() -> None:
    words = " ".join(PARTS).replace(",", "").split()
    chain = [
        make_chunk(text=" ".join([*(f"x{'y' * n}" for n in range(step)), *words[step:]]))
        for step in range(30)
    ]
    groups = grouped(chain)
    assert len(groups) > 1
    senses = {chunk.id: Sense(chunk) for chunk in chain}
    for best, copies in groups.items():
        assert all(senses[best].resemblance(senses[copy]) >= RESEMBLANCE for copy in copies)


def test_a_passage_like_two_others_is_a_copy_of_the_better() -> None:
    middle = " ".join(PARTS)
    left, right = f"Fog horns sounded. {middle}", f"{middle} Gulls cried, seals slept."
    best, second, copy = (make_chunk(text=text) for text in (left, right, middle))
    both = grouped([best, second, copy])
    assert both.get(best.id, [])[-1:] == [copy.id]


def test_passages_without_anything_in_common_each_stand_for_themselves() -> None:
    names = [one + two for one in "bcdfghjklmnpqrst" for two in "aeiouvwxyzbc"]
    chunks = [make_chunk(text=" ".join(f"{name}{letter}" for letter in "abcdefghij" * 6)) for name in names]
    assert grouped(chunks) == {chunk.id: [] for chunk in chunks}
