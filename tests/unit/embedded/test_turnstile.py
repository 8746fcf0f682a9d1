"""Readers share, a writer is alone, and nobody waits for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lorebase.embedded.turnstile import Turnstile

SECONDS = 10


def test_readers_are_inside_together() -> None:
    turnstile = Turnstile()
    together = threading.Barrier(3, timeout=SECONDS)

    def read() -> int:
        with turnstile.shared():
            return together.wait()

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(lambda _: read(), range(3))) == [0, 1, 2]


def test_a_writer_waits_for_the_readers_inside() -> None:
    turnstile = Turnstile()
    order: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def read() -> None:
        with turnstile.shared():
            inside.set()
            assert leave.wait(SECONDS)
            order.append("read")

    def write() -> None:
        leave.set()
        with turnstile.alone():
            order.append("write")

    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(read)
        assert inside.wait(SECONDS)
        pool.submit(write).result(SECONDS)
        reading.result(SECONDS)
    assert order == ["read", "write"]


def test_writers_and_readers_never_meet() -> None:
    turnstile = Turnstile()
    value = [0, 0]

    def write(_: int) -> None:
        with turnstile.alone():
            value[0] += 1
            value[1] += 1

    def read(_: int) -> bool:
        with turnstile.shared():
            return value[0] == value[1]

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, number) for number in range(200)]
        assert all(pool.map(read, range(400)))
        for written in writes:
            written.result(SECONDS)
    assert value == [200, 200]


def test_a_failing_holder_lets_go() -> None:
    turnstile = Turnstile()
    with pytest.raises(KeyError), turnstile.alone():
        raise KeyError
    with pytest.raises(KeyError), turnstile.shared():
        raise KeyError
    with turnstile.alone():
        assert True
