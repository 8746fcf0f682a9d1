"""A mark tells the text of one version from all others, whole or in pieces."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.model_server import DIMENSIONS, vector_of
from tests.faults.texts import body_of, marks_in, new_mark

SEEDS = st.integers(min_value=0, max_value=2**32)


@given(SEEDS)
def test_every_line_of_a_text_carries_its_mark(seed: int) -> None:
    mark = new_mark(random.Random(seed))
    lines = [line for line in body_of(mark).splitlines() if line.startswith("Line")]
    assert lines
    assert {marks_in(line) for line in lines} == {(mark,)}


@given(SEEDS)
def test_texts_that_were_mixed_up_show_both_marks(seed: int) -> None:
    chance = random.Random(seed)
    one, other = new_mark(chance), new_mark(chance)
    assert set(marks_in(body_of(one) + body_of(other))) == {one, other}


def test_a_text_without_marks_has_none() -> None:
    assert marks_in("Line 1 of nothing tells nothing.") == ()


def test_a_text_always_has_the_same_vector_and_shared_words_bring_texts_near() -> None:
    assert len(vector_of("")) == DIMENSIONS
    assert vector_of("Cider keeps.") == vector_of("cider  KEEPS")
    one, other = new_mark(random.Random(1)), new_mark(random.Random(2))
    assert cosine(one, body_of(one)) > cosine(one, body_of(other)) + 0.3


def cosine(one: str, other: str) -> float:
    first, second = vector_of(one), vector_of(other)
    product = sum(a * b for a, b in zip(first, second, strict=True))
    length = sum(a * a for a in first) * sum(b * b for b in second)
    return float(product / length**0.5)
