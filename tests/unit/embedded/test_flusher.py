"""Flushes come when writing pauses, or when too much waits."""

from __future__ import annotations

from queue import Queue

from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.embedded.flusher import CollectionName, Flusher

A, B = CollectionName("default", "a"), CollectionName("default", "b")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(clock: Clock, rows_maximum: int = 100) -> Flusher:
    return Flusher(lambda name: None, quiet_seconds=1.0, rows_maximum=rows_maximum, clock=clock)


def test_nothing_is_due_before_a_write() -> None:
    assert make(Clock()).due() == []


def test_a_collection_is_due_once_it_has_been_quiet() -> None:
    clock = Clock()
    flusher = make(clock)
    flusher.wrote(A, 1)
    clock.now = 0.9
    assert flusher.due() == []
    clock.now = 1.0
    assert flusher.due() == [A]


def test_a_flushed_collection_is_not_due_again_without_a_write() -> None:
    clock = Clock()
    flusher = make(clock)
    flusher.wrote(A, 1)
    clock.now = 5.0
    assert flusher.due() == [A]
    clock.now = 50.0
    assert flusher.due() == []


def test_each_write_puts_the_flush_off() -> None:
    clock = Clock()
    flusher = make(clock)
    for tick in range(20):
        clock.now = tick * 0.5
        flusher.wrote(A, 1)
        assert flusher.due() == []


def test_many_rows_are_flushed_without_a_pause() -> None:
    clock = Clock()
    flusher = make(clock, rows_maximum=100)
    flusher.wrote(A, 60)
    assert flusher.due() == []
    flusher.wrote(A, 40)
    assert flusher.due() == [A]


def test_collections_are_counted_apart() -> None:
    clock = Clock()
    flusher = make(clock)
    flusher.wrote(A, 99)
    flusher.wrote(B, 99)
    assert flusher.due() == []
    clock.now = 0.5
    flusher.wrote(B, 0)
    clock.now = 1.2
    assert flusher.due() == [A]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 50), st.floats(0, 3)), min_size=1))
def test_every_write_is_flushed_in_the_end(writes: list[tuple[CollectionName, int, float]]) -> None:
    clock = Clock()
    flusher = make(clock)
    flushed_at: dict[CollectionName, float] = {}
    written_at: dict[CollectionName, float] = {}
    for name, rows, pause in writes:
        clock.now += pause
        flushed_at.update(dict.fromkeys(flusher.due(), clock.now))
        flusher.wrote(name, rows)
        written_at[name] = clock.now
    clock.now += 1.5
    flushed_at.update(dict.fromkeys(flusher.due(), clock.now))
    assert all(flushed_at[name] >= written_at[name] for name in written_at)


def test_the_thread_flushes_by_itself_and_ends() -> None:
    flushed = Queue[CollectionName]()
    flusher = Flusher(flushed.put, quiet_seconds=0.01)
    flusher.start()
    flusher.wrote(A, 1)
    assert flushed.get(timeout=10) == A
    flusher.stop()
    assert flushed.empty()
