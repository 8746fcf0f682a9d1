"""What the guard still watches when its supervisor is gone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.embedded.guard import watched_at_the_end


def test_a_watched_process_is_left() -> None:
    assert watched_at_the_end(["watch 7 15\n"]) == {7: 15}


def test_a_forgotten_process_is_not() -> None:
    assert watched_at_the_end(["watch 7 15\n", "watch 8 9\n", "forget 7 0\n"]) == {8: 9}


def test_forgetting_a_stranger_is_no_error() -> None:
    assert watched_at_the_end(["forget 7 0\n"]) == {}


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5))))
def test_the_last_word_counts(words: list[tuple[bool, int]]) -> None:
    lines = [f"{'watch' if watch else 'forget'} {pid} 9\n" for watch, pid in words]
    assert set(watched_at_the_end(lines)) == {pid for pid, watch in {p: w for w, p in words}.items() if watch}
